/** What a source of telemetry must offer. A new one is one file with this shape and one line in `index.ts`. */
import type { TelemetrySample } from '../../shared/contract/models.ts'
import type { HttpClient } from '../links/http-client.ts'

export interface TelemetryReading {
  readonly client: Pick<HttpClient, 'request'>
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Wall time and elapsed time that the sample is stamped with. */
  readonly stamp: () => { readonly at: string; readonly elapsedMs: number }
}

export interface TelemetrySource {
  readonly id: string
  /**
   * Reads one sample; null where the device has none to give.
   * @throws {FlashproofError} network.* when the device did not answer at all
   */
  sample(reading: TelemetryReading): Promise<TelemetrySample | null>
}
