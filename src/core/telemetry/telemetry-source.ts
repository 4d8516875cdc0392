/**
 * What a source of telemetry must offer. A new one is one file (or folder) with this shape and one line in `index.ts`.
 * Some ask a device again and again, others listen to what it says by itself.
 */
import type { CrashReport, DeviceEvent, MonitorLine, TelemetrySample } from '../../shared/contract/models.ts'
import type { Clock } from '../clock.ts'
import type { Endpoint } from '../discovery/target.ts'
import type { HttpClient } from '../links/http-client.ts'

export interface WatchOptions {
  /** How often a device is asked, or how often samples of one that speaks are given at most. Asked before every pause. */
  readonly intervalMs: () => number
  /** Whether the device may be asked now; always, where not given. */
  readonly mayAsk?: () => boolean
  /** Of a serial line: 300 to 5,000,000. */
  readonly baudRate: number
  readonly clock: Clock
  /** Ends the watch. */
  readonly signal: AbortSignal
  /** Resolves when whoever watched before let go of the line; nothing is opened before. */
  readonly after?: Promise<void>
}

export interface WatchListeners {
  onSample(sample: TelemetrySample): void
  /** What the watch itself has to say, in a sentence. */
  onText(text: string): void
  /** What a device printed, or was sent; each line once. */
  onLine(line: MonitorLine): void
  onEvent(event: DeviceEvent): void
  /** The report of a crash is complete. `appElfSha256` is what the board said at its start, where it did. */
  onCrash(crash: CrashReport, appElfSha256: string | null): void
}

/** What can be done with a line that is listened to. */
export interface LineControl {
  /**
   * Sends bytes as they are.
   * @throws {FlashproofError} while the line is not open: why it is not (serial.*, network.*)
   */
  send(bytes: Uint8Array, asText: string): Promise<void>
  /** Restarts the board by its reset line: at once, and resolves when it is done; or as soon as the line is open. */
  restart(): Promise<void>
  /** Uses another rate from now on. */
  setBaudRate(baudRate: number): void
}

export interface Watch {
  /** Resolves when the watch ended with its signal. */
  readonly ended: Promise<void>
  /** Null where there is no line. */
  readonly line: LineControl | null
}

export interface TelemetrySource {
  readonly id: string
  /** Whether it can watch a device there. */
  accepts(endpoint: Endpoint): boolean
  /**
   * Watches until the signal aborts; a device that goes away is waited for.
   * @throws {FlashproofError} protocol.endpoint-not-accepted
   */
  watch(endpoint: Endpoint, options: WatchOptions, listeners: WatchListeners): Watch
}

export interface TelemetryReading {
  readonly client: Pick<HttpClient, 'request'>
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Wall time and elapsed time that the sample is stamped with. */
  readonly stamp: () => { readonly at: string; readonly elapsedMs: number }
}

/** One way to ask a device for a sample over HTTP: what protocols read beside a transfer, and monitors in between. */
export interface AskedTelemetry {
  readonly id: string
  /**
   * Reads one sample; null where the device has none to give.
   * @throws {FlashproofError} network.* when the device did not answer at all
   */
  sample(reading: TelemetryReading): Promise<TelemetrySample | null>
}
