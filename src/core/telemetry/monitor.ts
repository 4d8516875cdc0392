/** Watches one device's telemetry until it is stopped; a device that goes away is waited for. */
import type { TelemetrySample } from '../../shared/contract/models.ts'
import { asFlashproofError, FlashproofError } from '../../shared/errors.ts'
import { isoWithZone, type Clock } from '../clock.ts'
import type { Endpoint, HttpEndpoint } from '../discovery/target.ts'
import { HttpClient } from '../links/http-client.ts'
import { telemetrySources } from './index.ts'

const REQUEST_TIMEOUT_MS = 5000

export interface MonitorOptions {
  /** Asked again before every pause. */
  readonly intervalMs: () => number
  /** Whether the device may be asked now; always, where not given. */
  readonly mayAsk?: () => boolean
  readonly clock: Clock
  readonly signal: AbortSignal
}

export interface MonitorListeners {
  onSample(sample: TelemetrySample): void
  onText(text: string): void
}

/** @throws {FlashproofError} protocol.endpoint-not-accepted for an endpoint that has no telemetry here */
export function assertHasTelemetry(endpoint: Endpoint): asserts endpoint is HttpEndpoint {
  if (endpoint.kind === 'http') return
  throw new FlashproofError('protocol.endpoint-not-accepted', `telemetry is read over http://, not ${endpoint.text}`, {
    target: endpoint.text,
  })
}

/**
 * Samples every `intervalMs` until the signal aborts, except while the device may not be asked.
 * @throws {FlashproofError} protocol.endpoint-not-accepted for an endpoint that has no telemetry here
 */
export async function monitorTelemetry(
  endpoint: Endpoint,
  options: MonitorOptions,
  listeners: MonitorListeners,
): Promise<void> {
  assertHasTelemetry(endpoint)
  const { clock, signal, intervalMs, mayAsk = () => true } = options
  const client = new HttpClient(endpoint)
  const startedMs = clock.monotonicMs()
  let lastText = ''
  const say = (text: string): void => {
    if (text !== lastText) listeners.onText(text)
    lastText = text
  }
  const stamp = (): { at: string; elapsedMs: number } => ({
    at: isoWithZone(clock.nowMs()),
    elapsedMs: Math.round(clock.monotonicMs() - startedMs),
  })
  try {
    while (!signal.aborted) {
      try {
        if (mayAsk()) {
          let heard: TelemetrySample | null = null
          for (const source of telemetrySources) {
            heard ??= await source.sample({ client, timeoutMs: REQUEST_TIMEOUT_MS, signal, stamp })
          }
          if (heard === null) say('the device answers, and has no telemetry')
          else {
            lastText = ''
            listeners.onSample(heard)
          }
        }
      } catch (error) {
        if (isAborted(signal)) return
        say(asFlashproofError(error).message)
      }
      await clock.delay(intervalMs(), signal).catch(() => undefined)
    }
  } finally {
    await client.close()
  }
}

// A function, because the compiler does not know that a signal changes while somebody waits.
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted
}
