/**
 * Listens to a serial line for as long as it is asked to: opens the port without restarting the board, waits for one that
 * was unplugged, and makes room for jobs.
 */
import type { DeviceEvent } from '../../../shared/contract/models.ts'
import {
  asFlashproofError,
  FlashproofError,
  hasErrorCode,
  toWireError,
  type ErrorCode,
} from '../../../shared/errors.ts'
import { isoWithZone } from '../../clock.ts'
import type { SerialEndpoint, SocketEndpoint } from '../../discovery/target.ts'
import type { ByteLink } from '../../links/byte-link.ts'
import { runLineSequence, parseLineSequence } from '../../links/line-sequence.ts'
import type { openByteLink } from '../../links/open-byte-link.ts'
import type { LineControl, WatchListeners, WatchOptions } from '../telemetry-source.ts'
import { LogReader } from './log-reader.ts'
import { SamplePacer } from './sample-pacer.ts'

export const USED_FOR = 'the serial monitor'

const OPEN_TIMEOUT_MS = 5000
const WRITE_TIMEOUT_MS = 5000
const RETRY_AFTER_MS = 500
/** A line that stays unfinished for so long is shown as it is. */
const PROMPT_AFTER_MS = 300
/** So many bytes are read in one turn of the loop: a few hundred lines, a millisecond or two. */
const BYTES_A_TURN = 8192
/** Pulls EN (or NRST) down by RTS with the boot pin left alone. */
const RESTART = parseLineSequence('D0 R1 | 100 | D0 R0')

export interface SerialWatchOptions extends WatchOptions {
  readonly open: typeof openByteLink
  readonly retryAfterMs?: number
}

export class SerialWatch implements LineControl {
  readonly #endpoint: SerialEndpoint | SocketEndpoint
  readonly #options: SerialWatchOptions
  readonly #listeners: WatchListeners
  readonly #reader: LogReader
  readonly #startedMs: number
  #baudRate: number
  #link: ByteLink | null = null
  #wantsRestart = false
  /** Why the line is not open. */
  #fault: FlashproofError
  /** Set while a job has the port; resolved when it is free. */
  #lent: PromiseWithResolvers<undefined> | null = null
  #saidCode: ErrorCode | null = null

  constructor(endpoint: SerialEndpoint | SocketEndpoint, options: SerialWatchOptions, listeners: WatchListeners) {
    this.#endpoint = endpoint
    this.#options = options
    this.#listeners = listeners
    this.#baudRate = options.baudRate
    this.#startedMs = options.clock.monotonicMs()
    this.#fault = new FlashproofError('serial.port-missing', `${endpoint.text} is not open yet`, {
      target: endpoint.text,
    })
    const pacer = new SamplePacer(
      () => {
        listeners.onSample(this.#reader.sample(this.#stamp()))
      },
      options.intervalMs,
      options.clock,
      options.signal,
    )
    this.#reader = new LogReader({
      onLine: line => {
        listeners.onLine(line)
      },
      onEvent: event => {
        listeners.onEvent(event)
      },
      onCrash: (crash, appElfSha256) => {
        listeners.onCrash(crash, appElfSha256)
      },
      onNews: isRestart => {
        pacer.note(isRestart)
      },
    })
  }

  /** Resolves when the signal aborted and the port is closed. */
  async run(): Promise<void> {
    const { signal, clock, after, retryAfterMs = RETRY_AFTER_MS } = this.#options
    await after
    while (!signal.aborted) {
      await this.#untilFree()
      if (isAborted(signal)) return
      const session = new AbortController()
      const ended = Promise.withResolvers<undefined>()
      try {
        const link = await this.#open(session, ended.promise)
        await this.#listen(link, AbortSignal.any([signal, session.signal]))
      } catch (thrown) {
        if (isAborted(signal) || session.signal.aborted) continue
        this.#lose(asFlashproofError(thrown))
        await clock.delay(retryAfterMs, signal).catch(() => undefined)
      } finally {
        await this.#close()
        ended.resolve(undefined)
      }
    }
  }

  async send(bytes: Uint8Array, asText: string): Promise<void> {
    const link = this.#link
    if (link === null) throw this.#fault
    await link.write(bytes, { timeoutMs: WRITE_TIMEOUT_MS, signal: this.#options.signal })
    this.#listeners.onLine({ at: this.#now(), from: 'sent', text: asText, level: null })
  }

  async restart(): Promise<void> {
    this.#wantsRestart = true
    if (this.#link !== null) await this.#restartIfWanted(this.#link)
  }

  setBaudRate(baudRate: number): void {
    if (baudRate === this.#baudRate) return
    this.#baudRate = baudRate
    // A link that refuses is about to break, and is opened with the new rate then.
    this.#link?.configure({ baudRate }).catch(() => undefined)
  }

  async #open(session: AbortController, ended: Promise<undefined>): Promise<ByteLink> {
    const { open, signal } = this.#options
    const link = await open(
      this.#endpoint,
      { baudRate: this.#baudRate, parity: 'none' },
      {
        timeoutMs: OPEN_TIMEOUT_MS,
        signal: AbortSignal.any([signal, session.signal]),
        usedFor: USED_FOR,
        onYield: async wantedFor => {
          this.#lend(wantedFor)
          session.abort(this.#fault)
          await ended
        },
        onFree: () => {
          this.#lent?.resolve(undefined)
        },
      },
    )
    this.#link = link
    this.#saidCode = null
    // Before others hear that it is open: what they sent would be lost in the restart.
    await this.#restartIfWanted(link)
    this.#tell({ kind: 'opened', at: this.#now() })
    return link
  }

  async #listen(link: ByteLink, signal: AbortSignal): Promise<never> {
    const { clock } = this.#options
    for (;;) {
      let bytes: Uint8Array
      try {
        bytes = await link.readSome({ timeoutMs: PROMPT_AFTER_MS, signal })
      } catch (error) {
        if (!hasErrorCode(error, 'network.timeout')) throw error
        this.#reader.showBeginning(this.#now())
        this.#reader.endCrashIfOver(clock.monotonicMs())
        continue
      }
      for (let at = 0; at < bytes.length; at += BYTES_A_TURN) {
        this.#reader.take(bytes.subarray(at, at + BYTES_A_TURN), this.#now(), clock.monotonicMs())
        await nextTurn()
      }
    }
  }

  async #restartIfWanted(link: ByteLink): Promise<void> {
    if (!this.#wantsRestart) return
    this.#wantsRestart = false
    const { clock, signal } = this.#options
    try {
      if ((await runLineSequence(link, RESTART, { clock, signal })) === null) {
        this.#tell({ kind: 'not-restarted', at: this.#now() })
      }
    } catch (error) {
      // The line broke meanwhile, and whoever reads it says so.
      if (!signal.aborted) this.#fault = asFlashproofError(error)
    }
  }

  #lend(usedFor: string): void {
    this.#lent = Promise.withResolvers<undefined>()
    this.#fault = new FlashproofError('serial.port-busy', `${this.#endpoint.text} is used for ${usedFor}`, {
      target: this.#endpoint.text,
      usedFor,
    })
    this.#tell({ kind: 'lent', at: this.#now(), usedFor })
  }

  /** Waits while a job has the port. */
  async #untilFree(): Promise<void> {
    const lent = this.#lent
    if (lent === null) return
    const { signal } = this.#options
    const stop = (): void => {
      lent.resolve(undefined)
    }
    signal.addEventListener('abort', stop, { once: true })
    await lent.promise
    signal.removeEventListener('abort', stop)
    this.#lent = null
  }

  /** Says why the line is away, once for each reason. */
  #lose(error: FlashproofError): void {
    this.#fault = error
    if (error.code !== this.#saidCode) this.#tell({ kind: 'lost', at: this.#now(), error: toWireError(error) })
    this.#saidCode = error.code
  }

  async #close(): Promise<void> {
    const link = this.#link
    this.#link = null
    if (link === null) return
    this.#reader.breakOff(this.#now())
    // What a line that broke says at its end adds nothing.
    await link.close().catch(() => undefined)
  }

  #tell(event: DeviceEvent): void {
    this.#listeners.onEvent(event)
  }

  #now(): string {
    return isoWithZone(this.#options.clock.nowMs())
  }

  #stamp(): { at: string; elapsedMs: number } {
    return { at: this.#now(), elapsedMs: Math.round(this.#options.clock.monotonicMs() - this.#startedMs) }
  }
}

// A function, because the compiler does not know that a signal changes while somebody waits.
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted
}

function nextTurn(): Promise<void> {
  return new Promise(resolve => {
    setImmediate(resolve)
  })
}
