/**
 * Sends the chunks that are missing, several at once: asks before each whether the server has it, sends it, and tries again
 * what may pass. Which chunks those are, and what is made of the end, is left to `run.ts`.
 */
import { asFlashproofError } from '../../../shared/errors.ts'
import type { HttpAnswer, HttpRequest } from '../../links/http-client.ts'
import type { RequestSender } from '../../links/http-auth.ts'
import type { ChunkSet } from '../chunk-set.ts'
import { isNeverSent, isTransient, type RetryPolicy } from '../retry.ts'
import type { TelemetryQuestions } from '../telemetry-questions.ts'
import type { TransferContext } from '../transfer-protocol.ts'
import { readTest, readUpload, testRequest, uploadRequest, type UploadPlan } from './requests.ts'

export interface SenderParts {
  readonly context: TransferContext
  readonly telemetry: TelemetryQuestions
  readonly plan: UploadPlan
  readonly image: Uint8Array
  /** What the server has; grows as chunks are acknowledged. */
  readonly chunks: ChunkSet
  /** One connection for each chunk under way. */
  readonly clients: readonly RequestSender[]
  /**
   * Whether the server's word that it has chunk `index` counts, so that the chunk need not be sent; null: the server is
   * not asked.
   */
  readonly mayTrust: ((index: number) => boolean) | null
  /** Before the last chunk that was not sent yet: with it the server may have all. */
  readonly onLast: () => Promise<void>
  readonly onChunk: (chunk: { index: number; attempt: number; durationMs: number; wasSent: boolean }) => void
}

/** The seed's retries: six after the first try (its `maxChunkRetries`), against five tries of the usual policy. */
const FURTHER_TRIES = 2
/** The seed's 4000 ms, against the usual first delay of 500 ms. */
const DELAY_FACTOR = 8

/** Tries and pauses of this protocol, in proportion to the policy in force. */
export function retryRule({ tries, firstDelayMs }: RetryPolicy): { readonly tries: number; readonly delayMs: number } {
  return { tries: tries + FURTHER_TRIES, delayMs: DELAY_FACTOR * firstDelayMs }
}

export class ChunkSender {
  readonly #parts: SenderParts
  /** Ends the other requests when one chunk failed for good. */
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  #failure: unknown = null
  #from = 0
  #line: Promise<unknown> = Promise.resolve()
  #look: Promise<void> | null = null
  /** Chunks that left and were not answered: the server may have them. */
  readonly unanswered = new Set<number>()
  /** Chunks that the server took from this run. */
  sentChunks = 0

  constructor(parts: SenderParts) {
    this.#parts = parts
    this.#signal = AbortSignal.any([parts.context.requestSignal, this.#stop.signal])
  }

  /** @throws {FlashproofError} the first failure, once every request has ended */
  async sendMissing(): Promise<void> {
    await Promise.all(this.#parts.clients.map(client => this.#work(client)))
    if (this.#failure !== null) throw asFlashproofError(this.#failure)
    await this.#parts.context.checkpoint()
  }

  async #work(client: RequestSender): Promise<void> {
    try {
      for (let index = await this.#take(); index >= 0; index = await this.#take()) await this.#deliver(client, index)
    } catch (error) {
      this.#failure ??= error
      // A job that is stopped lets what is under way end by itself; a refusal ends the others at once.
      if (!this.#parts.context.signal.aborted) this.#stop.abort(this.#failure)
    }
  }

  /** The next chunk to send; -1 when there is none. One worker after another: they pause, and are counted, together. */
  #take(): Promise<number> {
    const turn = this.#line.then(() => this.#takeNext())
    this.#line = turn.catch(() => undefined)
    return turn
  }

  async #takeNext(): Promise<number> {
    const { context, chunks, onLast } = this.#parts
    if (this.#failure !== null) return -1
    const index = chunks.nextMissing(this.#from)
    if (index < 0) return -1
    const { wasPaused } = await context.checkpoint()
    if (wasPaused) await this.#lookWhoAnswers()
    this.#from = index + 1
    if (chunks.nextMissing(this.#from) < 0) await onLast()
    return index
  }

  async #deliver(client: RequestSender, index: number): Promise<void> {
    const { context, chunks, plan, mayTrust, onChunk } = this.#parts
    const { clock, retryPolicy, signal } = context
    const { tries, delayMs } = retryRule(retryPolicy)
    const chunk = { index, sizeBytes: chunks.sizeOf(index) }
    let mustAsk = mayTrust !== null
    let mustLook = false
    let awayUntilMs: number | null = null
    for (let attempt = 1; ;) {
      try {
        if (mustLook) await this.#lookWhoAnswers()
        mustLook = false
        if (mustAsk) {
          const answer = await this.#send(client, testRequest(plan, chunk), retryPolicy.requestTimeoutMs)
          mustAsk = false
          const { kind } = readTest(answer)
          // Joined already: the answer to the chunk that made the upload whole was lost.
          if (kind === 'complete' || (kind === 'present' && mayTrust?.(index) === true)) {
            onChunk({ index, attempt, durationMs: answer.durationMs, wasSent: false })
            return
          }
        }
        const bytes = chunks.bytesOf(this.#parts.image, index)
        const answer = await this.#send(client, uploadRequest(plan, chunk, bytes), this.#timeoutFor(bytes.length))
        this.unanswered.delete(index)
        readUpload(answer, chunk, plan)
        this.sentChunks++
        onChunk({ index, attempt, durationMs: answer.durationMs, wasSent: true })
        return
      } catch (thrown) {
        const error = asFlashproofError(thrown)
        const isStopped = signal.aborted || this.#stop.signal.aborted
        if (!mustAsk && (isStopped || (isTransient(error) && !isNeverSent(error)))) this.unanswered.add(index)
        signal.throwIfAborted()
        if (isStopped || !isTransient(error)) throw error
        // A closed port is a server that restarts: it has that long to come back, and nothing was sent meanwhile.
        awayUntilMs ??= isNeverSent(error) ? clock.monotonicMs() + retryPolicy.rebootTimeoutMs : null
        const isAway = isNeverSent(error) && clock.monotonicMs() < (awayUntilMs ?? 0)
        if (attempt >= tries && !isAway) throw error
        context.countRetry()
        context.log('warning', 'chunk.retry', `chunk ${String(index + 1)}, try ${String(attempt)}: ${error.message}`)
        await clock.delay(delayMs, AbortSignal.any([signal, this.#stop.signal]))
        mustLook ||= error.code.startsWith('network.')
        mustAsk = mayTrust !== null && (mustAsk || this.#isNearTheEnd)
        if (!isAway) attempt++
      }
    }
  }

  /** One look for all workers that wait for it. */
  #lookWhoAnswers(): Promise<void> {
    this.#look ??= this.#parts.telemetry.awaitReturn().finally(() => {
      this.#look = null
    })
    return this.#look
  }

  get #isNearTheEnd(): boolean {
    const { chunks, clients } = this.#parts
    return chunks.totalChunks - chunks.count <= clients.length
  }

  /** The request with which the server has every chunk takes as long as joining them. */
  #timeoutFor(sizeBytes: number): number {
    const { context, plan } = this.#parts
    const { requestTimeoutMs, completionFloorMs, completionBytesPerMs } = context.retryPolicy
    const joiningMs = this.#isNearTheEnd ? completionFloorMs + plan.sizeBytes / completionBytesPerMs : 0
    return requestTimeoutMs + sizeBytes / completionBytesPerMs + joiningMs
  }

  #send(
    client: RequestSender,
    draft: Omit<HttpRequest, 'timeoutMs' | 'signal'>,
    timeoutMs: number,
  ): Promise<HttpAnswer> {
    return client.request({ ...draft, timeoutMs, signal: this.#signal })
  }
}
