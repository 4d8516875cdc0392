/** The edge between two chunks: where a job commits what was acknowledged, pauses, and waits for a full disk. */
import type { JobState } from '../../shared/contract/models.ts'
import { hasErrorCode, toWireError } from '../../shared/errors.ts'
import type { Clock } from '../clock.ts'
import type { JobBook } from './job-book.ts'

const DISK_FULL_RETRY_MS = 1000

interface Pause {
  readonly ended: Promise<void>
  release(): void
}

export class ChunkEdge {
  readonly #book: JobBook
  readonly #clock: Clock
  readonly #stop: AbortSignal
  #pause: Pause | null = null

  /** @param stop its abort ends every waiting here with its reason */
  constructor(book: JobBook, clock: Clock, stop: AbortSignal) {
    this.#book = book
    this.#clock = clock
    this.#stop = stop
  }

  /** The job stops at the next edge and stays there until `proceed`. */
  pause(): void {
    if (this.#pause !== null) return
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.#pause = {
      ended: promise,
      release: () => {
        resolve(undefined)
      },
    }
  }

  proceed(): void {
    this.#pause?.release()
    this.#pause = null
  }

  /**
   * Resolves when everything queued is committed and nobody wants a pause.
   * @param isStanding the job stood still already, and shows it as a pause
   * @returns whether the job stood here for a while, so that the device must be asked again who it is
   * @throws {FlashproofError} why the job was stopped; journal.* other than journal.disk-full
   */
  async pass(isStanding = false): Promise<{ wasPaused: boolean }> {
    this.#stop.throwIfAborted()
    const { state } = this.#book.snapshot
    if (isStanding) this.#book.setState('paused')
    let wasPaused = (await this.commitOrWait()) || isStanding
    // A new pause may begin in the moment in which an old one ends.
    for (let pause = this.#pause; pause !== null; pause = this.#pause) {
      wasPaused = true
      this.#book.setState('paused')
      await this.#book.commit().catch(() => undefined)
      await pause.ended
      this.#stop.throwIfAborted()
    }
    if (wasPaused) {
      this.#book.restartMeter()
      this.#book.setState(state)
    }
    return { wasPaused }
  }

  /**
   * Commits what is queued. A full disk pauses the job here, before the next byte, until there is room again.
   * @returns whether it had to wait
   */
  async commitOrWait(): Promise<boolean> {
    let before: JobState | null = null
    for (;;) {
      try {
        await this.#book.commit()
        if (before === null) return false
        this.#book.update({ error: null })
        this.#book.setState(before)
        return true
      } catch (error) {
        if (!hasErrorCode(error, 'journal.disk-full')) throw error
        if (before === null) {
          before = this.#book.snapshot.state
          const { code, message, details } = toWireError(error)
          this.#book.update({ error: { code, message, details: { ...details } } })
          this.#book.setState('paused')
        }
        await this.waitForRoom()
      }
    }
  }

  /** The pause between two tries at a full disk. @throws {FlashproofError} why the job was stopped */
  waitForRoom(): Promise<void> {
    return this.#clock.delay(DISK_FULL_RETRY_MS, this.#stop)
  }
}
