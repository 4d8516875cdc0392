/**
 * Telemetry beside an update service that is no web server: who answers, and what it says of itself before and after. A
 * device without it works too, with less to show.
 */
import { FlashproofError } from '../../shared/errors.ts'
import type { OptionSpec, OptionValues } from '../../shared/option-spec.ts'
import type { TelemetrySample } from '../../shared/contract/models.ts'
import { parseTarget, type Endpoint, type HttpEndpoint } from '../discovery/target.ts'
import { HttpClient } from '../links/http-client.ts'
import { sampleHttpTelemetry } from './http-telemetry.ts'
import { patiently } from './telemetry-questions.ts'
import type { ReadingContext, TransferContext } from './transfer-protocol.ts'

export const telemetryUrlOption: OptionSpec = {
  key: 'telemetryUrl',
  kind: 'text',
  maximumLength: 300,
  defaultValue: '',
  label: { en: 'Telemetry address', vi: 'Địa chỉ dữ liệu đo' },
  help: {
    en: 'Where the same device answers its telemetry as JSON: http://HOST/telemetry, or /path or :PORT/path at its own address. Empty: never asked.',
    vi: 'Nơi chính thiết bị đó trả lời dữ liệu đo dạng JSON: http://HOST/telemetry, hoặc /đường-dẫn hay :PORT/đường-dẫn tại địa chỉ của nó. Để trống: không hỏi.',
  },
}

/** Where telemetry is asked; the path is that of the request, below nothing. */
export interface TelemetryPlace {
  readonly endpoint: HttpEndpoint
  readonly path: string
}

/**
 * Reads the option for one device; null where it is empty. `:/path` is the number of the target's own port.
 * @param endpoint absent: only what can be known without the device is checked
 * @throws {FlashproofError} option.invalid for what is no such address, and for another host than the device's
 */
export function readTelemetryUrl(values: OptionValues, endpoint?: Endpoint): TelemetryPlace | null {
  const text = String(values['telemetryUrl'] ?? '').trim()
  if (text === '') return null
  const { hostname, port } =
    endpoint !== undefined && 'hostname' in endpoint ? endpoint : { hostname: 'device', port: 80 }
  // A batch of devices shares the option, so that it may leave the host, and the port, to each of them.
  const ownText = text.replace(/^:\//, `:${String(port)}/`)
  const whole = /^(:\d{1,5})?\//.test(ownText) ? `http://${hostname}${ownText}` : text
  const match = /^(http:\/\/(?:\[[0-9a-f:.]+\]|[^/:[\]@]+)(?::\d{1,5})?)(\/[\w\-./~%]*)$/i.exec(whole)
  if (match?.[1] === undefined || match[2] === undefined) throw invalid(text, 'it is no address of telemetry')
  const place = parseTarget(match[1])
  if (place.kind !== 'http') throw invalid(text, 'it is no address of telemetry')
  const isElsewhere = place.hostname.toLowerCase() !== hostname.toLowerCase()
  if (endpoint !== undefined && isElsewhere) {
    throw invalid(text, `it names another host than ${endpoint.text}; what another device says proves nothing`)
  }
  return { endpoint: place, path: match[2] }
}

/** One look before a job; null where nothing is to be asked, or nothing is there. @throws {FlashproofError} network.* */
export async function lookAtPlace(
  place: TelemetryPlace | null,
  context: ReadingContext,
): Promise<TelemetrySample | null> {
  if (place === null) return null
  const { timeoutMs, clock, signal } = context
  const client = new HttpClient(place.endpoint, { connectTimeoutMs: timeoutMs })
  try {
    return await sampleHttpTelemetry(client, place.path, { clock, timeoutMs, signal })
  } finally {
    await client.close()
  }
}

export class SideTelemetry {
  readonly #place: TelemetryPlace | null
  readonly #context: TransferContext
  #isThere: boolean
  /** What the device said first in this run. */
  before: TelemetrySample | null = null

  /** @param place null: the device is never asked */
  constructor(place: TelemetryPlace | null, context: TransferContext) {
    this.#place = place
    this.#context = context
    this.#isThere = place !== null
  }

  /** Whether the device tells anything of itself. */
  get isThere(): boolean {
    return this.#isThere
  }

  /**
   * Asks who answers, before anything else.
   * @throws {FlashproofError} network.*, device.identity-changed, device.busy
   */
  async learn(): Promise<void> {
    const { clock, retryPolicy, requestSignal } = this.#context
    const timeoutMs = retryPolicy.requestTimeoutMs
    const ask = (): Promise<TelemetrySample | null> =>
      lookAtPlace(this.#place, { clock, timeoutMs, signal: requestSignal })
    const sample = await patiently(this.#context, 'telemetry', ask)
    this.#isThere = sample !== null
    this.before = sample
    await this.#context.identify(sample?.device ?? null)
    if (sample === null) return
    this.#context.addTelemetry(sample)
    if (sample.appVersion !== undefined) this.#context.setVersion('before', sample.appVersion)
  }

  /**
   * One more look over a connection of its own, at the same board.
   * @throws {FlashproofError} network.*, device.identity-changed
   */
  async look(timeoutMs: number): Promise<TelemetrySample | null> {
    if (!this.#isThere) return null
    const { clock, requestSignal } = this.#context
    const sample = await lookAtPlace(this.#place, { clock, timeoutMs, signal: requestSignal })
    if (sample === null) return null
    await this.#context.identify(sample.device ?? null)
    this.#context.addTelemetry(sample)
    return sample
  }
}

function invalid(given: string, why: string): FlashproofError {
  return new FlashproofError('option.invalid', `telemetryUrl: ${why}`, {
    key: 'telemetryUrl',
    given,
    expected: 'http://HOST/telemetry of the same device, or :PORT/path',
  })
}
