/** Options of `esp-parts`, its named profiles, and the rules for the name that the device stores the image under. */
import { FlashproofError } from '../../../shared/errors.ts'
import type { OptionSpec, OptionValues } from '../../../shared/option-spec.ts'
import { baseOption } from '../flat-image.ts'
import { readTelemetryPath, telemetryPathOption } from '../http-telemetry.ts'
import { parseTelemetryMap, type TelemetryMap } from '../../telemetry/http-json.ts'

/** 4096 is what the seed sends; 512 to 16384 fit a board with about 320 KB of RAM. */
export const SEED_CHUNK_BYTES = 4096
export const SEED_PAUSE_MS = 500
export const MINIMUM_CHUNK_BYTES = 512
export const MAXIMUM_CHUNK_BYTES = 16_384
export const MAXIMUM_PAUSE_MS = 5000

export const optionSpecs: readonly OptionSpec[] = [
  {
    key: 'chunkBytes',
    kind: 'integer',
    minimum: MINIMUM_CHUNK_BYTES,
    maximum: MAXIMUM_CHUNK_BYTES,
    isAutoAllowed: true,
    defaultValue: 'auto',
    label: { en: 'Chunk size (bytes)', vi: 'Kích thước khối (byte)' },
    help: {
      en: 'Bytes in one request; auto asks the device. Fixed for the whole transfer.',
      vi: 'Số byte trong một yêu cầu; auto sẽ hỏi thiết bị. Không đổi trong suốt lần truyền.',
    },
  },
  {
    key: 'pauseMs',
    kind: 'integer',
    minimum: 0,
    maximum: MAXIMUM_PAUSE_MS,
    isAutoAllowed: true,
    defaultValue: 'auto',
    label: { en: 'Pause between chunks (ms)', vi: 'Nghỉ giữa các khối (ms)' },
    help: {
      en: 'auto: none while the device answers promptly and its memory holds, longer when it struggles.',
      vi: 'auto: không nghỉ khi thiết bị trả lời nhanh và còn đủ bộ nhớ, nghỉ lâu hơn khi thiết bị quá tải.',
    },
  },
  {
    key: 'targetPath',
    kind: 'text',
    maximumLength: 200,
    defaultValue: '',
    label: { en: 'Name on the device', vi: 'Tên trên thiết bị' },
    help: {
      en: 'Path that the device stores the image under; empty: the file name, with .bin after a conversion.',
      vi: 'Đường dẫn lưu trên thiết bị; để trống: tên tệp, thêm .bin sau khi chuyển đổi.',
    },
  },
  baseOption,
  telemetryPathOption,
  {
    key: 'telemetryMap',
    kind: 'text',
    maximumLength: 2000,
    defaultValue: '',
    label: { en: 'Telemetry map', vi: 'Ánh xạ dữ liệu đo' },
    help: {
      en: 'field:/json/pointer pairs, with commas between, for firmware with other JSON.',
      vi: 'Các cặp field:/json/pointer, cách nhau bằng dấu phẩy, cho phần sụn có JSON khác.',
    },
  },
]

export const profiles = [
  {
    id: 'seed',
    label: { en: 'As the original script: 4096 B, 500 ms', vi: 'Như kịch bản gốc: 4096 B, 500 ms' },
    values: { chunkBytes: SEED_CHUNK_BYTES, pauseMs: SEED_PAUSE_MS },
  },
]

export interface EspPartsOptions {
  readonly chunkBytes: number | 'auto'
  readonly pauseMs: number | 'auto'
  readonly targetPath: string
  readonly telemetryPath: string
  readonly telemetryMap: TelemetryMap
}

/**
 * Reads checked option values and settles the name on the device.
 * @throws {FlashproofError} target.unsafe-path, option.invalid
 */
export function readOptions(values: OptionValues, fileName: string): EspPartsOptions {
  const chunkBytes = values['chunkBytes']
  const pauseMs = values['pauseMs']
  return {
    chunkBytes: typeof chunkBytes === 'number' ? chunkBytes : 'auto',
    pauseMs: typeof pauseMs === 'number' ? pauseMs : 'auto',
    targetPath: safeTargetPath(String(values['targetPath'] ?? '') || fileName),
    telemetryPath: readTelemetryPath(values),
    telemetryMap: parseTelemetryMap(String(values['telemetryMap'] ?? '')),
  }
}

/**
 * Checks a name for the device and gives it back without a leading slash: no `.` or
 * `..`, nothing empty, no backslash or control character, and a last segment that is not only digits, because a server
 * reads `<path>/<index>` greedily.
 * @throws {FlashproofError} target.unsafe-path
 */
export function safeTargetPath(path: string): string {
  const segments = path.replace(/^\//, '').split('/')
  const bad = segments.find(segment => segment === '' || segment === '.' || segment === '..' || hasForbidden(segment))
  if (bad !== undefined) throw unsafe(path, 'it has a segment that is empty, climbs, or holds a forbidden character')
  if (/^\d+$/.test(segments.at(-1) ?? ''))
    throw unsafe(path, 'its last segment is a number, which reads as a chunk index')
  return segments.join('/')
}

/** Percent-encodes each segment for a request path. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}

function hasForbidden(segment: string): boolean {
  for (const character of segment) {
    const code = character.codePointAt(0) ?? 0
    if (code < 0x20 || code === 0x7f || character === '\\') return true
  }
  return false
}

function unsafe(path: string, why: string): FlashproofError {
  return new FlashproofError('target.unsafe-path', `the name “${path}” on the device is refused: ${why}`, { path })
}
