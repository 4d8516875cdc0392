/** Asks a device over HTTP for its telemetry until it is stopped; a device that goes away is waited for. */
import { asFlashproofError, FlashproofError } from '../../shared/errors.ts'
import { isoWithZone } from '../clock.ts'
import type { HttpEndpoint } from '../discovery/target.ts'
import { HttpClient } from '../links/http-client.ts'
import type { AskedTelemetry, TelemetrySource, WatchListeners, WatchOptions } from './telemetry-source.ts'

const REQUEST_TIMEOUT_MS = 5000

/** Makes a source that samples every `intervalMs`, except while the device may not be asked. */
export function askedOverHttp(asked: AskedTelemetry): TelemetrySource {
  return {
    id: asked.id,
    accepts: endpoint => endpoint.kind === 'http',
    watch(endpoint, options, listeners) {
      if (endpoint.kind !== 'http') {
        const problem = `telemetry of “${asked.id}” is read over http://, not ${endpoint.text}`
        throw new FlashproofError('protocol.endpoint-not-accepted', problem, { target: endpoint.text })
      }
      return { ended: askUntilStopped(asked, endpoint, options, listeners), line: null }
    },
  }
}

async function askUntilStopped(
  asked: AskedTelemetry,
  endpoint: HttpEndpoint,
  { clock, signal, intervalMs, mayAsk = () => true }: WatchOptions,
  listeners: Pick<WatchListeners, 'onSample' | 'onText'>,
): Promise<void> {
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
          const heard = await asked.sample({ client, timeoutMs: REQUEST_TIMEOUT_MS, signal, stamp })
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
