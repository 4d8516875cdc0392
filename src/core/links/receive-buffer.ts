/**
 * What came over a link and was not read yet, and who waits for it: exact reads with a deadline, a bound after which the
 * other end is held back, and one loss that everybody is told. Sockets and serial ports are fed into it.
 */
import { FlashproofError } from '../../shared/errors.ts'

export interface Waiting {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/** Holds the other end back and lets it go on. Called often: both must do nothing when it is so already. */
export interface Flow {
  pause(): void
  resume(): void
}

const roles = ['reader', 'writer'] as const
export type Role = (typeof roles)[number]

/** One wait of each role at a time. */
interface Wait {
  readonly isThere: () => boolean
  readonly complaint: string
  readonly timeoutMs: number
  readonly untilMs: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class ReceiveBuffer {
  readonly #flow: Flow
  readonly #mostBytes: number
  #chunks: Uint8Array[] = []
  #bufferedBytes = 0
  /** Why nothing goes any more, either way; null while the link stands. */
  #loss: FlashproofError | null = null
  /** Why nothing more comes, though what is sent may still arrive. */
  #end: FlashproofError | null = null
  readonly #waits: Record<Role, Wait | null> = { reader: null, writer: null }
  #timer: NodeJS.Timeout | null = null
  #timerAtMs = 0
  #heeded: AbortSignal | undefined

  /** @param mostBytes the flow is paused above this, so no more can be read at once */
  constructor(mostBytes: number, flow: Flow) {
    this.#mostBytes = mostBytes
    this.#flow = flow
  }

  /** Bytes that came and were not read yet. */
  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  get isLost(): boolean {
    return this.#loss !== null
  }

  /** Whether the other end said all that it had to say. */
  get hasEnded(): boolean {
    return this.#end !== null
  }

  push(piece: Uint8Array): void {
    if (piece.length === 0) return
    this.#chunks.push(piece)
    this.#bufferedBytes += piece.length
    if (this.#bufferedBytes > this.#mostBytes) this.#flow.pause()
    this.#lookAtAll()
  }

  /** Nothing more will come: what came can still be read, then readers are told `error`; writers go on. */
  end(error: FlashproofError): void {
    this.#end ??= error
    this.#lookAtAll()
  }

  /** The link is gone: what came can still be read, everybody else is told `error`. Only the first loss counts. */
  lose(error: FlashproofError): void {
    this.#loss ??= error
    this.#lookAtAll()
    clearTimeout(this.#timer ?? undefined)
    this.#timer = null
    this.#heed(undefined)
  }

  /**
   * Reads exactly `sizeBytes`, at most the bound of the buffer.
   * @throws {FlashproofError} network.timeout (what came stays unread); the loss or the end; the signal's reason
   */
  async read(sizeBytes: number, waiting: Waiting): Promise<Uint8Array> {
    const isThere = (): boolean => this.#bufferedBytes >= sizeBytes
    await this.until('reader', isThere, `${String(sizeBytes)} bytes did not come`, waiting)
    return this.take(sizeBytes)
  }

  /**
   * Waits for something and takes all that came.
   * @throws {FlashproofError} network.timeout; the loss or the end; the signal's reason
   */
  async readSome(waiting: Waiting): Promise<Uint8Array> {
    await this.until('reader', () => this.#bufferedBytes > 0, 'an answer did not come', waiting)
    return this.take()
  }

  /** Takes up to `sizeBytes` of what came, without waiting. */
  take(sizeBytes = this.#bufferedBytes): Uint8Array {
    const [first] = this.#chunks
    const all = first !== undefined && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks)
    this.#chunks = sizeBytes < all.length ? [all.subarray(sizeBytes)] : []
    this.#bufferedBytes = Math.max(0, all.length - sizeBytes)
    if (this.#bufferedBytes <= this.#mostBytes) this.#flow.resume()
    return all.subarray(0, sizeBytes)
  }

  /**
   * Waits until something is so; `look` has to be called when it may have become so by anything else than bytes.
   * One small answer after each block is the usual case, so a wait costs no timer of its own: one timer and one listener
   * serve all of them.
   * @param complaint what is wrong when the time is over, without the time
   * @throws {FlashproofError} network.timeout; the loss, and for a reader the end; the signal's reason
   */
  until(role: Role, isThere: () => boolean, complaint: string, waiting: Waiting): Promise<void> {
    const { timeoutMs, signal } = waiting
    if (signal?.aborted === true) return Promise.reject(abortReason(signal))
    // What came before a loss still counts: a device says why, and then closes.
    if (isThere()) return Promise.resolve()
    const loss = this.#lossFor(role)
    if (loss !== null) return Promise.reject(loss)
    this.#heed(signal)
    return new Promise((resolve, reject) => {
      this.#waits[role] = { isThere, complaint, timeoutMs, untilMs: performance.now() + timeoutMs, resolve, reject }
      this.#watchClock(timeoutMs)
    })
  }

  /** Looks whether a wait is over. */
  look(role: Role): void {
    const wait = this.#waits[role]
    if (wait === null) return
    const isThere = wait.isThere()
    const loss = isThere ? null : this.#lossFor(role)
    if (isThere || loss !== null) this.#settle(role, loss)
  }

  #lossFor(role: Role): FlashproofError | null {
    return this.#loss ?? (role === 'reader' ? this.#end : null)
  }

  #lookAtAll(): void {
    for (const role of roles) this.look(role)
  }

  #settle(role: Role, error: Error | null): void {
    const wait = this.#waits[role]
    this.#waits[role] = null
    if (error === null) wait?.resolve()
    else wait?.reject(error)
  }

  /** Listens to the signal of the waits, which is the same for a whole job. */
  #heed(signal: AbortSignal | undefined): void {
    if (this.#heeded === signal) return
    this.#heeded?.removeEventListener('abort', this.#onAbort)
    this.#heeded = signal
    signal?.addEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (): void => {
    const reason = abortReason(this.#heeded)
    for (const role of roles) this.#settle(role, reason)
  }

  /** Sets the timer, unless it goes off before that anyhow and looks then who has waited long enough. */
  #watchClock(inMs: number): void {
    const atMs = performance.now() + inMs
    if (this.#timer !== null && this.#timerAtMs <= atMs) return
    clearTimeout(this.#timer ?? undefined)
    this.#timerAtMs = atMs
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#endOverdue()
    }, inMs)
  }

  #endOverdue(): void {
    for (const role of roles) {
      const wait = this.#waits[role]
      if (wait === null) continue
      const restMs = wait.untilMs - performance.now()
      if (restMs > 0) {
        this.#watchClock(Math.max(1, restMs))
        continue
      }
      const { complaint, timeoutMs } = wait
      const message = `${complaint} within ${String(Math.round(timeoutMs))} ms`
      this.#settle(role, new FlashproofError('network.timeout', message, { timeoutMs }))
    }
  }
}

/** What an aborted wait rejects with. */
export function abortReason(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason
  return reason instanceof Error ? reason : new FlashproofError('call.aborted', 'the connection was cancelled')
}
