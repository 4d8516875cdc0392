/** The questions of one job to a person: asked once, answered now or in advance, and kept with who and when. */
import type { Decision } from '../../shared/contract/models.ts'
import { asFlashproofError, FlashproofError } from '../../shared/errors.ts'
import type { JobBook } from './job-book.ts'

type Details = Readonly<Record<string, unknown>>

interface Answer {
  readonly answer: 'accept' | 'refuse'
  readonly by: string
}

export interface JobDecisionsOptions {
  readonly book: JobBook
  /** Codes that were accepted in advance, and by whom. */
  readonly accept: readonly string[]
  readonly acceptedBy: string
  /** Whether somebody is there to ask. */
  readonly isInteractive: boolean
  /** Its abort ends an open question with its reason. */
  readonly stop: AbortSignal
  readonly onAsked: (decision: Decision) => void
}

export class JobDecisions {
  readonly #options: JobDecisionsOptions
  /** What this run of the job accepted already: a retry does not ask, or log, the same thing again. */
  readonly #settled = new Set<string>()
  #open: { readonly code: string; settle(answer: Answer): void } | null = null

  constructor(options: JobDecisionsOptions) {
    this.#options = options
  }

  /** Whether a person accepted `code` in advance; journaled when it is so. Asks nobody. */
  isAccepted(code: string): boolean {
    return this.#isSettled(code, code, {})
  }

  /** @throws {FlashproofError} job.decision-needed when it was refused, or nobody is there to ask */
  async decide(code: string, question: string, details: Details): Promise<void> {
    if (this.#isSettled(code, question, details)) return
    const decision = this.#ask(code, question, details)
    const refusal = new FlashproofError('job.decision-needed', question, { ...details, accept: code })
    if (!this.#options.isInteractive) {
      this.#keep(decision, { answer: 'refuse', by: 'nobody was there to ask' })
      throw refusal
    }
    const answer = await this.#waitForAnswer(decision)
    this.#keep(decision, answer)
    if (answer.answer === 'refuse') throw refusal
    this.#settled.add(code)
  }

  /** Answers the open question. @throws {FlashproofError} job.wrong-state when there is none of that code */
  answer(code: string, answer: 'accept' | 'refuse', by: string): void {
    if (this.#open?.code !== code) {
      const { jobId } = this.#options.book
      throw new FlashproofError('job.wrong-state', `job ${jobId} asks no “${code}”`, { jobId, code })
    }
    this.#open.settle({ answer, by })
  }

  async #waitForAnswer(decision: Decision): Promise<Answer> {
    const { book, stop, onAsked } = this.#options
    const { state } = book.snapshot
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const onStop = (): void => {
      reject(asFlashproofError(stop.reason))
    }
    if (stop.aborted) onStop()
    stop.addEventListener('abort', onStop, { once: true })
    this.#open = { code: decision.code, settle: resolve }
    try {
      book.update({ decision })
      book.setState('waiting')
      onAsked(book.redact(decision))
      const answer = await promise
      book.update({ decision: null })
      book.setState(state)
      return answer
    } finally {
      this.#open = null
      if (book.snapshot.decision !== null) book.update({ decision: null })
      stop.removeEventListener('abort', onStop)
    }
  }

  #isSettled(code: string, question: string, details: Details): boolean {
    if (this.#settled.has(code)) return true
    const { accept, acceptedBy } = this.#options
    if (!accept.includes(code)) return false
    this.#keep(this.#ask(code, question, details), { answer: 'accept', by: acceptedBy })
    this.#settled.add(code)
    return true
  }

  #ask(code: string, question: string, details: Details): Decision {
    const askedAt = this.#options.book.now()
    return { code, question, details: { ...details }, askedAt, answer: null, answeredAt: null, answeredBy: null }
  }

  #keep(decision: Decision, { answer, by }: Answer): void {
    const { book } = this.#options
    const settled: Decision = { ...decision, answer, answeredAt: book.now(), answeredBy: by }
    book.update({ decisions: [...(book.snapshot.decisions ?? []), settled] })
    book.log('warning', 'decision.answered', `${decision.code}: ${answer} (${by})`)
    book.save()
  }
}
