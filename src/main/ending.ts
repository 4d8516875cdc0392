/** How the program ends: asks while boards are worked on, ends the boards as answered, stops the background process, quits. */
import type { JobSnapshot } from '../shared/contract/index.ts'
import type { Client } from '../shared/rpc/client.ts'
import type { CloseAnswer } from './close-question.ts'
import type { JobWatch } from './job-watch.ts'

export interface EndingOptions {
  readonly jobs: Pick<JobWatch, 'live' | 'waitUntilNone'>
  readonly client: Pick<Client, 'call'>
  /** Shows the question about these jobs. */
  readonly ask: (jobs: readonly JobSnapshot[]) => Promise<CloseAnswer>
  /** Takes the window away and leaves the program running. */
  readonly hideToTray: () => void
  /** Stops everything that was started: the background process pauses what still runs, within its own deadline. */
  readonly stopEngine: () => Promise<void>
  /** Ends the program; asked once, when nothing runs any more. */
  readonly quit: () => void
  /** Calls back once after the delay; returns what takes it back. */
  readonly after: (delayMs: number, callback: () => void) => () => void
  readonly note: (text: string) => void
}

/** Pausing waits for the edge of a part, cancelling for a completion under way; longer than this nobody waits. */
const PAUSE_DEADLINE_MS = 30_000
const CANCEL_DEADLINE_MS = 120_000

export class Ending {
  readonly #options: EndingOptions
  #isAsking = false
  #finishing: Promise<void> | null = null
  #hasEnded = false

  constructor(options: EndingOptions) {
    this.#options = options
  }

  /** Whether windows may close and the program may quit now. */
  hasEnded(): boolean {
    return this.#hasEnded
  }

  /** The window was closed, or somebody chose “quit”: asks when boards are worked on. Never rejects. */
  async request(): Promise<void> {
    if (this.#isAsking || this.#finishing !== null) return
    const jobs = this.#options.jobs.live()
    if (jobs.length === 0) {
      await this.finish()
      return
    }
    this.#isAsking = true
    try {
      await this.#act(await this.#options.ask(jobs))
    } catch (thrown) {
      this.#options.note(`the question before the end failed: ${String(thrown)}`)
    } finally {
      this.#isAsking = false
    }
  }

  /** Ends without a question: the system shuts down, or nothing runs. Never rejects. */
  finish(): Promise<void> {
    this.#finishing ??= this.#stopAndQuit()
    return this.#finishing
  }

  async #act(answer: CloseAnswer): Promise<void> {
    switch (answer) {
      case 'stay':
        return
      case 'keep-running':
        this.#options.hideToTray()
        return
      case 'pause-and-quit':
        await this.#stopJobs('job.pause', job => job.state !== 'paused', PAUSE_DEADLINE_MS)
        await this.finish()
        return
      case 'cancel-safely':
        await this.#stopJobs('job.cancel', () => true, CANCEL_DEADLINE_MS)
        await this.finish()
    }
  }

  async #stopJobs(
    command: 'job.pause' | 'job.cancel',
    isStill: (job: JobSnapshot) => boolean,
    deadlineMs: number,
  ): Promise<void> {
    const { jobs, client, after, note } = this.#options
    const jobIds = jobs
      .live()
      .filter(isStill)
      .map(({ jobId }) => jobId)
    const outcomes = await Promise.allSettled(
      // One by one: a job that ends at this very moment must not keep the others from stopping.
      jobIds.map(jobId => client.call(command, { jobIds: [jobId] })),
    )
    const failed = outcomes.filter(({ status }) => status === 'rejected').length
    if (failed > 0) note(`${command}: ${String(failed)} of ${String(jobIds.length)} jobs did not take it`)
    const deadline = new AbortController()
    const cancelDeadline = after(deadlineMs, () => {
      deadline.abort()
    })
    await jobs.waitUntilNone(job => jobIds.includes(job.jobId) && isStill(job), deadline.signal)
    cancelDeadline()
    if (deadline.signal.aborted) note(`${command}: not every job stopped within ${String(deadlineMs / 1000)} s`)
  }

  async #stopAndQuit(): Promise<void> {
    try {
      await this.#options.stopEngine()
    } catch (thrown) {
      this.#options.note(`the background process did not stop in order: ${String(thrown)}`)
    }
    this.#hasEnded = true
    this.#options.quit()
  }
}
