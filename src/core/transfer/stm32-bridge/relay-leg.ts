/**
 * Shows the leg from the gateway to the STM32 while `/download` is open: by the gateway's own count where it has one, else
 * as a clock beside the usual duration. Only looks; a gateway that does one thing at a time simply does not answer.
 */
import type { RelayLeg } from '../../../shared/contract/models.ts'
import type { HttpClient } from '../../links/http-client.ts'
import type { TransferContext } from '../transfer-protocol.ts'
import { readStatus, statusRequest } from './status.ts'
import { pollEveryMs, usualDownloadMs } from './timing.ts'

/** After so many looks without an answer it is not asked again: it does one thing at a time. */
const FRUITLESS_LOOKS = 3

export class RelayLegWatch {
  readonly #context: TransferContext
  readonly #totalBytes: number
  readonly #client: HttpClient | null
  readonly #stop = new AbortController()
  readonly #startedMs: number
  #doneBytes: number | null = null
  #running: Promise<void> = Promise.resolve()

  /** @param client a connection of its own for the looks; null where the gateway has no status */
  constructor(context: TransferContext, totalBytes: number, client: HttpClient | null) {
    this.#context = context
    this.#totalBytes = totalBytes
    this.#client = client
    this.#startedMs = context.clock.monotonicMs()
  }

  start(): void {
    this.#show('running')
    this.#running = this.#tick()
  }

  /** Ends the looking and leaves `state` on show. */
  async end(state: Exclude<RelayLeg['state'], 'waiting' | 'running'>): Promise<void> {
    await this.close()
    // Without a status the end itself tells that all bytes went over.
    if (state === 'done') this.#doneBytes = this.#totalBytes
    this.#show(state)
  }

  /** Ends the looking and leaves on show what was seen last. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running
    await this.#client?.close()
  }

  async #tick(): Promise<void> {
    const { clock, retryPolicy, requestSignal } = this.#context
    const signal = AbortSignal.any([this.#stop.signal, requestSignal])
    let fruitless = 0
    try {
      for (;;) {
        await clock.delay(pollEveryMs(retryPolicy), signal)
        if (this.#client !== null && fruitless < FRUITLESS_LOOKS) {
          fruitless = (await this.#look(this.#client, signal)) ? 0 : fruitless + 1
        }
        this.#show('running')
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async #look(client: HttpClient, signal: AbortSignal): Promise<boolean> {
    const timeoutMs = this.#context.retryPolicy.requestTimeoutMs
    const answer = await client.request({ ...statusRequest, timeoutMs, signal }).catch(() => null)
    const status = answer === null ? null : readStatus(answer)
    if (status === null) return false
    // A count of another total is about another file.
    if (status.total === this.#totalBytes) this.#doneBytes = Math.min(status.bytes, status.total)
    return true
  }

  #show(state: RelayLeg['state']): void {
    this.#context.relay({
      state,
      doneBytes: this.#doneBytes,
      totalBytes: this.#totalBytes,
      elapsedMs: Math.round(this.#context.clock.monotonicMs() - this.#startedMs),
      usualMs: usualDownloadMs(this.#totalBytes),
    })
  }
}
