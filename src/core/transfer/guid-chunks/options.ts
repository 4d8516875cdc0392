/** Options of `guid-chunks`, its named profiles, and the rules for the name under which the server keeps the file. */
import { FlashproofError } from '../../../shared/errors.ts'
import type { OptionSpec, OptionValues } from '../../../shared/option-spec.ts'
import { credentialOptions, hasControl, isSingleName } from '../file-server.ts'
import { baseOption } from '../flat-image.ts'
import { readRequestPath, telemetryPathOption } from '../telemetry-questions.ts'

/** What the protocol's document sends: four requests for 100 MiB. */
export const SEED_CHUNK_BYTES = 25 * 1024 * 1024
export const MINIMUM_CHUNK_BYTES = 512
export const MAXIMUM_CHUNK_BYTES = SEED_CHUNK_BYTES
/** For a server that says nothing of its memory: a few requests for usual firmware, and little lost with a cut. */
const USUAL_CHUNK_BYTES = 64 * 1024
/** For a board that names its chip: it keeps a whole request in RAM. */
const BOARD_CHUNK_BYTES = 4096

const LONGEST_NAME = 200

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
      en: 'Bytes in one request; auto: 4 KiB for a board that names its chip, else 64 KiB. Fixed for the whole transfer.',
      vi: 'Số byte trong một yêu cầu; auto: 4 KiB nếu bo mạch cho biết chip, nếu không thì 64 KiB. Không đổi trong suốt lần truyền.',
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
    key: 'targetFolder',
    kind: 'text',
    maximumLength: LONGEST_NAME,
    defaultValue: 'User:me',
    label: { en: 'Folder on the server', vi: 'Thư mục trên máy chủ' },
    help: {
      en: 'Sent as targetPath, such as User:me/Documents.',
      vi: 'Được gửi dưới tên targetPath, ví dụ User:me/Documents.',
    },
  },
  {
    key: 'uploadPath',
    kind: 'text',
    maximumLength: LONGEST_NAME,
    defaultValue: '/api/v1/files/upload-chunk',
    label: { en: 'Upload path', vi: 'Đường dẫn tải lên' },
    help: {
      en: 'Where uploads begin. Chunks go to the address that the server gives.',
      vi: 'Nơi bắt đầu tải lên. Các khối được gửi đến địa chỉ do máy chủ cho biết.',
    },
  },
  ...credentialOptions,
  baseOption,
  telemetryPathOption,
]

export const profiles = [
  {
    id: 'seed',
    label: { en: 'As the protocol’s document: 25 MiB', vi: 'Như tài liệu giao thức: 25 MiB' },
    values: { chunkBytes: SEED_CHUNK_BYTES },
  },
  { id: 'large', label: { en: 'Computer: 1 MiB', vi: 'Máy tính: 1 MiB' }, values: { chunkBytes: 1024 * 1024 } },
  { id: 'usual', label: { en: 'Small server: 64 KiB', vi: 'Máy chủ nhỏ: 64 KiB' }, values: { chunkBytes: 64 * 1024 } },
  { id: 'esp32', label: { en: 'ESP32: 4 KiB', vi: 'ESP32: 4 KiB' }, values: { chunkBytes: BOARD_CHUNK_BYTES } },
]

export interface GuidChunksOptions {
  readonly chunkBytes: number | 'auto'
  readonly fileName: string
  readonly targetFolder: string
  readonly uploadPath: string
  readonly username: string
  readonly password: string
  readonly telemetryPath: string
}

/**
 * Reads checked option values and settles the name on the server.
 * @throws {FlashproofError} target.unsafe-path, option.invalid
 */
export function readOptions(values: OptionValues, fileName: string): GuidChunksOptions {
  const chunkBytes = values['chunkBytes']
  const uploadPath = readRequestPath('uploadPath', values['uploadPath'], '/api/v1/files/upload-chunk')
  if (uploadPath === '') {
    throw new FlashproofError('option.invalid', 'uploadPath is empty', {
      key: 'uploadPath',
      given: '',
      expected: 'a path such as /api/v1/files/upload-chunk',
    })
  }
  return {
    chunkBytes: typeof chunkBytes === 'number' ? chunkBytes : 'auto',
    fileName: safeFileName(String(values['fileName'] ?? '') || fileName),
    targetFolder: safeFolder(String(values['targetFolder'] ?? 'User:me')),
    uploadPath,
    username: String(values['username'] ?? ''),
    password: String(values['password'] ?? ''),
    telemetryPath: readRequestPath('telemetryPath', values['telemetryPath'], '/telemetry'),
  }
}

/** Chosen once, before chunk 0. @param isBoard whether the server is a board that names its chip */
export function chooseChunkBytes(wanted: number | 'auto', isBoard: boolean): number {
  if (wanted !== 'auto') return wanted
  return isBoard ? BOARD_CHUNK_BYTES : USUAL_CHUNK_BYTES
}

/** One segment that climbs nowhere: the server joins it to its folder as it comes. */
function safeFileName(name: string): string {
  if (isSingleName(name)) return name
  throw new FlashproofError('target.unsafe-path', `the name “${name}” is no single file name`, { path: name })
}

function safeFolder(folder: string): string {
  const climbs = folder.split(/[/\\:]/).includes('..')
  if (!climbs && !hasControl(folder)) return folder
  throw new FlashproofError('target.unsafe-path', `the folder “${folder}” climbs or holds a forbidden character`, {
    path: folder,
  })
}
