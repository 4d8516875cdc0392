/** Options of `resumable`, its named profiles, and the names under which a server keeps the upload. */
import { FlashproofError } from '../../../shared/errors.ts'
import type { OptionSpec, OptionValues } from '../../../shared/option-spec.ts'
import { credentialOptions, isSingleName } from '../file-server.ts'
import { baseOption } from '../flat-image.ts'
import { readRequestPath, telemetryPathOption } from '../telemetry-questions.ts'

/** What the seed's page sends. */
export const SEED_CHUNK_BYTES = 8 * 1024 * 1024
const MINIMUM_CHUNK_BYTES = 1024
const MAXIMUM_CHUNK_BYTES = 64 * 1024 * 1024
const SEED_SIMULTANEOUS = 4
const MAXIMUM_SIMULTANEOUS = 16
/** For a board: it keeps little of a form in RAM, and serves one connection at a time. */
const BOARD_CHUNK_BYTES = 16 * 1024
const LEAST_AUTO_BYTES = 64 * 1024
/** So many chunks make a cut cheap and progress visible. */
const AUTO_CHUNKS = 16
/** The seed's server removes unfinished uploads after this. */
const SEED_TTL_HOURS = 6
const LONGEST_NAME = 200
const DEFAULT_PATH = '/resumable_upload'

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
      en: 'Bytes in one request; auto: 16 KiB for a board that names its chip, else 64 KiB to 8 MiB by the size of the image. Fixed for the whole transfer.',
      vi: 'Số byte trong một yêu cầu; auto: 16 KiB nếu bo mạch cho biết chip, nếu không thì từ 64 KiB đến 8 MiB tùy kích thước ảnh. Không đổi trong suốt lần truyền.',
    },
  },
  {
    key: 'simultaneousUploads',
    kind: 'integer',
    minimum: 1,
    maximum: MAXIMUM_SIMULTANEOUS,
    isAutoAllowed: true,
    defaultValue: 'auto',
    label: { en: 'Chunks at once', vi: 'Số khối gửi cùng lúc' },
    help: {
      en: 'Requests under way at once; auto: 4, and 1 for a board that names its chip.',
      vi: 'Số yêu cầu gửi cùng lúc; auto: 4, hoặc 1 nếu bo mạch cho biết chip.',
    },
  },
  {
    key: 'mode',
    kind: 'choice',
    choices: [
      { value: 'multipart', label: { en: 'Form (multipart)', vi: 'Biểu mẫu (multipart)' } },
      { value: 'octet', label: { en: 'Raw bytes (octet)', vi: 'Byte thô (octet)' } },
    ],
    defaultValue: 'multipart',
    label: { en: 'Body of a chunk', vi: 'Nội dung của khối' },
    help: {
      en: 'As a form, or as raw bytes with the parameters in the address alone (method “octet” of Resumable.js).',
      vi: 'Gửi dạng biểu mẫu, hoặc byte thô với tham số chỉ nằm trong địa chỉ (method “octet” của Resumable.js).',
    },
  },
  {
    key: 'forceChunkSize',
    kind: 'flag',
    defaultValue: false,
    label: { en: 'Force the chunk size', vi: 'Ép kích thước khối' },
    help: {
      en: 'The last chunk is the rest, instead of up to twice the chunk size. Many servers lose the last chunk then.',
      vi: 'Khối cuối là phần còn lại, thay vì lớn tới gấp đôi. Nhiều máy chủ khi đó làm mất khối cuối.',
    },
  },
  {
    key: 'testChunks',
    kind: 'flag',
    defaultValue: true,
    label: { en: 'Ask before each chunk', vi: 'Hỏi trước mỗi khối' },
    help: {
      en: 'Asks whether the server has the chunk already, so that a cut upload goes on.',
      vi: 'Hỏi xem máy chủ đã có khối chưa, nhờ đó lần tải bị ngắt được tiếp tục.',
    },
  },
  {
    key: 'retryServerErrors',
    kind: 'flag',
    defaultValue: false,
    label: { en: 'Retry after server errors', vi: 'Thử lại khi máy chủ lỗi' },
    help: {
      en: 'Sends a chunk again after 500 and 501, which otherwise end the upload.',
      vi: 'Gửi lại khối sau lỗi 500 và 501; nếu tắt, các lỗi này kết thúc lần tải.',
    },
  },
  {
    key: 'fileName',
    kind: 'text',
    maximumLength: LONGEST_NAME,
    defaultValue: '',
    label: { en: 'Name on the server', vi: 'Tên trên máy chủ' },
    help: {
      en: 'Name that the server keeps the file under; empty: the file name, with .bin after a conversion.',
      vi: 'Tên tệp trên máy chủ; để trống: tên tệp, thêm .bin sau khi chuyển đổi.',
    },
  },
  {
    key: 'keepFileName',
    kind: 'flag',
    defaultValue: false,
    label: { en: 'Keep the file name', vi: 'Giữ nguyên tên tệp' },
    help: {
      en: 'Without, eight digits of the image’s SHA-256 are added, so that another build is never taken for this one.',
      vi: 'Nếu tắt, tám chữ số SHA-256 của ảnh được thêm vào tên, nhờ đó không nhầm với bản dựng khác.',
    },
  },
  {
    key: 'timeToLiveHours',
    kind: 'integer',
    minimum: 1,
    maximum: 8760,
    isAutoAllowed: false,
    defaultValue: SEED_TTL_HOURS,
    label: { en: 'Server keeps parts for (hours)', vi: 'Máy chủ giữ các phần trong (giờ)' },
    help: {
      en: 'After this an unfinished upload is asked for anew instead of trusted.',
      vi: 'Quá thời gian này, lần tải dở được hỏi lại từ đầu thay vì tin vào nhật ký.',
    },
  },
  {
    key: 'uploadPath',
    kind: 'text',
    maximumLength: LONGEST_NAME,
    defaultValue: DEFAULT_PATH,
    label: { en: 'Upload path', vi: 'Đường dẫn tải lên' },
    help: { en: 'The “target” of Resumable.js.', vi: '“target” của Resumable.js.' },
  },
  ...credentialOptions,
  baseOption,
  telemetryPathOption,
]

export const profiles = [
  {
    id: 'seed',
    label: { en: 'As the original page: 8 MiB, 4 at once', vi: 'Như trang gốc: 8 MiB, 4 khối cùng lúc' },
    values: { chunkBytes: SEED_CHUNK_BYTES, simultaneousUploads: SEED_SIMULTANEOUS },
  },
  {
    id: 'esp32',
    label: { en: 'ESP32: 16 KiB, one at a time', vi: 'ESP32: 16 KiB, từng khối một' },
    values: { chunkBytes: BOARD_CHUNK_BYTES, simultaneousUploads: 1 },
  },
]

export interface ResumableOptions {
  readonly chunkBytes: number | 'auto'
  readonly simultaneousUploads: number | 'auto'
  readonly mode: 'multipart' | 'octet'
  readonly isForced: boolean
  readonly hasTests: boolean
  readonly retriesServerErrors: boolean
  /** As a person wrote it, or the file's. */
  readonly fileName: string
  readonly keepsFileName: boolean
  readonly timeToLiveMs: number
  readonly uploadPath: string
  readonly username: string
  readonly password: string
  readonly telemetryPath: string
}

/**
 * Reads checked option values.
 * @throws {FlashproofError} target.unsafe-path, option.invalid
 */
export function readOptions(values: OptionValues, fileName: string): ResumableOptions {
  const { chunkBytes, simultaneousUploads, timeToLiveHours } = values
  const uploadPath = readRequestPath('uploadPath', values['uploadPath'], DEFAULT_PATH)
  if (uploadPath === '') {
    const expected = `a path such as ${DEFAULT_PATH}`
    throw new FlashproofError('option.invalid', 'uploadPath is empty', { key: 'uploadPath', given: '', expected })
  }
  return {
    chunkBytes: typeof chunkBytes === 'number' ? chunkBytes : 'auto',
    simultaneousUploads: typeof simultaneousUploads === 'number' ? simultaneousUploads : 'auto',
    mode: values['mode'] === 'octet' ? 'octet' : 'multipart',
    isForced: values['forceChunkSize'] === true,
    hasTests: values['testChunks'] !== false,
    retriesServerErrors: values['retryServerErrors'] === true,
    fileName: safeFileName(String(values['fileName'] ?? '') || fileName),
    keepsFileName: values['keepFileName'] === true,
    timeToLiveMs: (typeof timeToLiveHours === 'number' ? timeToLiveHours : SEED_TTL_HOURS) * 3_600_000,
    uploadPath,
    username: String(values['username'] ?? ''),
    password: String(values['password'] ?? ''),
    telemetryPath: readRequestPath('telemetryPath', values['telemetryPath'], '/telemetry'),
  }
}

export interface Geometry {
  readonly chunkBytes: number
  readonly totalChunks: number
  readonly isForced: boolean
}

/**
 * How the file is cut: without `isForced` the last chunk runs to the end, up to twice the size of the others
 * (Resumable.js, `forceChunkSize`).
 */
export function geometryOf(sizeBytes: number, chunkBytes: number, isForced: boolean): Geometry {
  const quotient = sizeBytes / chunkBytes
  return { chunkBytes, totalChunks: Math.max(1, isForced ? Math.ceil(quotient) : Math.floor(quotient)), isForced }
}

/** Chosen once, before the first chunk. */
export function chooseChunkBytes(wanted: number | 'auto', sizeBytes: number, isBoard: boolean): number {
  if (wanted !== 'auto') return wanted
  return isBoard ? BOARD_CHUNK_BYTES : usualChunkBytes(sizeBytes)
}

export function chooseSimultaneous(wanted: number | 'auto', isBoard: boolean): number {
  if (wanted !== 'auto') return wanted
  return isBoard ? 1 : SEED_SIMULTANEOUS
}

function usualChunkBytes(sizeBytes: number): number {
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, sizeBytes / AUTO_CHUNKS)))
  return Math.min(SEED_CHUNK_BYTES, Math.max(LEAST_AUTO_BYTES, wanted))
}

/** The name that the server keeps: with the content in it, so that another build's file is never taken for this one. */
export function wireFileName(options: Pick<ResumableOptions, 'fileName' | 'keepsFileName'>, sha256: string): string {
  const { fileName, keepsFileName } = options
  if (keepsFileName) return fileName
  const dot = fileName.lastIndexOf('.')
  const at = dot > 0 ? dot : fileName.length
  return `${fileName.slice(0, at)}-${sha256.slice(0, 8)}${fileName.slice(at)}`
}

/**
 * What names the upload on the server: size, content, name. An unusual cut is part of it, because a server compares
 * neither sizes nor contents of the chunks that it has.
 */
export function identifierOf(sizeBytes: number, sha256: string, wireName: string, geometry: Geometry): string {
  const isUsual = geometry.chunkBytes === usualChunkBytes(sizeBytes) && !geometry.isForced
  const cut = isUsual ? '' : `-${String(geometry.chunkBytes)}${geometry.isForced ? 'f' : ''}`
  return `${String(sizeBytes)}-${sha256.slice(0, 16)}-${wireName.replaceAll(/[^0-9a-z_-]/gi, '')}${cut}`
}

/** A name that parameters, the head of a form's part and a folder take as it is. */
function safeFileName(name: string): string {
  if (isSingleName(name)) return name.replaceAll(/["=]/g, '_')
  throw new FlashproofError('target.unsafe-path', `the name “${name}” is no single file name`, { path: name })
}
