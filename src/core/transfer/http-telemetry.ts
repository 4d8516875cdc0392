/** Asks a device on HTTP for its telemetry, for protocols whose firmware may or may not offer it beside its update page. */
import { FlashproofError } from '../../shared/errors.ts'
import type { OptionSpec, OptionValues } from '../../shared/option-spec.ts'
import type { TelemetrySample } from '../../shared/contract/models.ts'
import { isoWithZone, type Clock } from '../clock.ts'
import type { RequestSender } from '../links/http-auth.ts'
import { httpJsonSource } from '../telemetry/http-json.ts'

const DEFAULT_PATH = '/telemetry'

/** Shared by every protocol on HTTP. */
export const telemetryPathOption: OptionSpec = {
  key: 'telemetryPath',
  kind: 'text',
  maximumLength: 200,
  defaultValue: DEFAULT_PATH,
  label: { en: 'Telemetry path', vi: 'Đường dẫn dữ liệu đo' },
  help: {
    en: 'Where the device answers its telemetry as JSON; empty: never asked.',
    vi: 'Nơi thiết bị trả lời dữ liệu đo dạng JSON; để trống: không hỏi.',
  },
}

/** @throws {FlashproofError} option.invalid */
export function readTelemetryPath(values: OptionValues): string {
  return readPathOption(values, 'telemetryPath', DEFAULT_PATH)
}

/**
 * Reads an option that holds a request path; empty stays empty.
 * @throws {FlashproofError} option.invalid
 */
export function readPathOption(values: OptionValues, key: string, fallback: string): string {
  return readRequestPath(key, values[key], fallback)
}

/**
 * Checks a path of a request as a person writes it; empty stays empty.
 * @throws {FlashproofError} option.invalid naming `key`
 */
export function readRequestPath(key: string, value: unknown, fallback: string): string {
  const path = typeof value === 'string' ? value : fallback
  if (path === '' || /^\/[\w\-./~%]*$/.test(path)) return path
  throw new FlashproofError('option.invalid', `${key} begins with a slash and is already encoded`, {
    key,
    given: path,
    expected: `a path such as ${fallback}`,
  })
}

export interface HttpTelemetryReading {
  readonly clock: Clock
  /** Monotonic time from which the sample's elapsed time counts; now unless given. */
  readonly startedMs?: number
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/**
 * Reads one sample; null where the device has none: it answers 404, asks for credentials, or sends something else.
 * @param path empty: nothing is asked
 * @throws {FlashproofError} network.*
 */
export async function sampleHttpTelemetry(
  sender: RequestSender,
  path: string,
  { clock, startedMs, timeoutMs, signal }: HttpTelemetryReading,
): Promise<TelemetrySample | null> {
  if (path === '') return null
  const fromMs = startedMs ?? clock.monotonicMs()
  return await httpJsonSource({ path }).sample({
    client: sender,
    timeoutMs,
    signal,
    stamp: () => ({ at: isoWithZone(clock.nowMs()), elapsedMs: Math.round(clock.monotonicMs() - fromMs) }),
  })
}
