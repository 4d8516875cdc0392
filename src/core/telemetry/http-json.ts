/**
 * Telemetry as JSON over HTTP: `/telemetry` as in docs/devices.md by default, any other firmware's JSON by a map of JSON pointers.
 * Every field is optional; what has the wrong type is left out rather than guessed.
 */
import { FlashproofError, hasErrorCode } from '../../shared/errors.ts'
import type { DeviceIdentity, TelemetrySample } from '../../shared/contract/models.ts'
import { isJsonPointer, resolvePointer } from './json-pointer.ts'
import type { AskedTelemetry, TelemetryReading } from './telemetry-source.ts'

type NumberField = {
  [Key in keyof TelemetrySample]-?: NonNullable<TelemetrySample[Key]> extends number ? Key : never
}[Exclude<keyof TelemetrySample, 'elapsedMs'>]
type TextField = Exclude<
  {
    [Key in keyof TelemetrySample]-?: NonNullable<TelemetrySample[Key]> extends string ? Key : never
  }[keyof TelemetrySample],
  'at' | 'source'
>
type DeviceField = `device.${keyof DeviceIdentity}`
export type TelemetryField = NumberField | TextField | DeviceField

/** Which JSON pointer each field is read from. */
export type TelemetryMap = Readonly<Partial<Record<TelemetryField, string>>>

export const defaultTelemetryMap: TelemetryMap = {
  'device.id': '/device/id',
  'device.mac': '/device/mac',
  'device.chip': '/device/chip',
  'device.board': '/device/board',
  'device.name': '/device/name',
  uptimeMs: '/uptime_ms',
  bootCount: '/boot_count',
  resetReason: '/reset_reason',
  heapTotalBytes: '/heap/total',
  heapFreeBytes: '/heap/free',
  heapMinFreeBytes: '/heap/min_free',
  heapLargestBlockBytes: '/heap/largest_block',
  flashTotalBytes: '/flash/total',
  flashUsedBytes: '/flash/used',
  appName: '/app/name',
  appVersion: '/app/version',
  appElfSha256: '/app/elf_sha256',
  otaRunning: '/ota/running',
  otaNext: '/ota/next',
  otaState: '/ota/state',
  rssiDbm: '/rssi',
}

const numberFields: readonly NumberField[] = [
  'uptimeMs',
  'bootCount',
  'heapTotalBytes',
  'heapFreeBytes',
  'heapMinFreeBytes',
  'heapLargestBlockBytes',
  'flashTotalBytes',
  'flashUsedBytes',
  'rssiDbm',
]
const textFields: readonly TextField[] = [
  'resetReason',
  'appName',
  'appVersion',
  'appElfSha256',
  'otaRunning',
  'otaNext',
  'otaState',
]
const deviceFields: readonly (keyof DeviceIdentity)[] = ['id', 'mac', 'usbSerial', 'chip', 'board', 'name']

const MAX_TEXT_LENGTH = 200

/**
 * Reads a map written as `field:/pointer,field:/pointer` over the default one. An empty text changes nothing.
 * @throws {FlashproofError} option.invalid naming the field
 */
export function parseTelemetryMap(text: string): TelemetryMap {
  const map: Partial<Record<TelemetryField, string>> = { ...defaultTelemetryMap }
  const known = [...numberFields, ...textFields, ...deviceFields.map(field => `device.${field}` as const)]
  for (const part of text.split(',').filter(piece => piece.trim() !== '')) {
    const colon = part.indexOf(':')
    const name = part.slice(0, colon).trim()
    const pointer = part.slice(colon + 1).trim()
    const field = known.find(candidate => candidate === name)
    if (colon < 0 || field === undefined || !isJsonPointer(pointer)) {
      throw new FlashproofError('option.invalid', `telemetryMap has no use for “${part.trim()}”`, {
        key: 'telemetryMap',
        given: part.trim(),
        expected: `field:/pointer with a field of ${known.join(', ')}`,
      })
    }
    map[field] = pointer
  }
  return map
}

/** Reads a sample out of a parsed JSON document. */
export function readTelemetry(
  document: unknown,
  map: TelemetryMap,
  stamp: { readonly at: string; readonly elapsedMs: number },
): TelemetrySample {
  const sample: TelemetrySample = { at: stamp.at, elapsedMs: stamp.elapsedMs, source: 'http-json' }
  for (const field of numberFields) {
    const value = valueOf(document, map, field)
    if (typeof value === 'number' && Number.isFinite(value)) sample[field] = value
  }
  for (const field of textFields) {
    const value = valueOf(document, map, field)
    if (typeof value === 'string' && value !== '') sample[field] = value.slice(0, MAX_TEXT_LENGTH)
  }
  const device: DeviceIdentity = {}
  for (const field of deviceFields) {
    const value = valueOf(document, map, `device.${field}`)
    if (typeof value === 'string' && value !== '') device[field] = value.slice(0, MAX_TEXT_LENGTH)
  }
  if (Object.keys(device).length > 0) sample.device = device
  return sample
}

function valueOf(document: unknown, map: TelemetryMap, field: TelemetryField): unknown {
  const pointer = map[field]
  return pointer === undefined ? undefined : resolvePointer(document, pointer)
}

/** Makes a source that reads `path` of the device and maps its JSON. */
export function httpJsonSource(options: { readonly path?: string; readonly map?: TelemetryMap } = {}): AskedTelemetry {
  const path = options.path ?? '/telemetry'
  const map = options.map ?? defaultTelemetryMap
  return {
    id: 'http-json',
    async sample(reading: TelemetryReading) {
      const answer = await reading.client
        .request({ method: 'GET', path, timeoutMs: reading.timeoutMs, signal: reading.signal })
        .catch((error: unknown) => {
          if (hasErrorCode(error, 'network.answer-too-large')) return null
          throw error
        })
      if (answer?.status !== 200) return null
      let document: unknown
      try {
        document = JSON.parse(Buffer.from(answer.body).toString('utf8'))
      } catch {
        return null
      }
      if (typeof document !== 'object' || document === null) return null
      return readTelemetry(document, map, reading.stamp())
    },
  }
}
