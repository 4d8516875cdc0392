/** Options of the pull server, its profiles, and what the values come to. */
import { FlashproofError } from '../../../shared/errors.ts'
import type { OptionSpec, OptionValues } from '../../../shared/option-spec.ts'
import { readRequestPath, telemetryPathOption } from '../telemetry-questions.ts'
import { parseKey, type ChunkKey, type MacMode } from './chunk-authentication.ts'

/** What the seed's device asks for (seed 4). */
const SEED_CHUNK_BYTES = 1024
const SEED_PREFIX = '/api/inverter/fota'
const DOWNLOAD_PATH = '/firmware.bin'
const WAIT_SECONDS = 30

export const optionSpecs: readonly OptionSpec[] = [
  {
    key: 'psk',
    kind: 'secret',
    label: { en: 'Key of the device', vi: 'Khóa của thiết bị' },
    help: {
      en: 'Signs every chunk (HMAC-SHA256): 64 hex digits are 32 bytes, any other text is taken as its UTF-8 bytes.',
      vi: 'Ký mỗi khối (HMAC-SHA256): 64 chữ số hex là 32 byte, văn bản khác được lấy theo byte UTF-8.',
    },
  },
  {
    key: 'macMode',
    kind: 'choice',
    defaultValue: 'chunk',
    choices: [
      { value: 'chunk', label: { en: 'Over the chunk alone, as the seed', vi: 'Chỉ trên khối, như bản gốc' } },
      {
        value: 'bound',
        label: { en: 'Bound to version, number and length', vi: 'Gắn với phiên bản, số thứ tự và độ dài' },
      },
      {
        value: 'none',
        label: { en: 'No signature: the device checks nothing', vi: 'Không ký: thiết bị không kiểm tra' },
      },
    ],
    label: { en: 'What is signed', vi: 'Nội dung được ký' },
    help: {
      en: 'bound keeps chunks of other versions and other places out; the firmware must know it.',
      vi: 'bound loại bỏ khối của phiên bản khác và vị trí khác; phần sụn phải hỗ trợ.',
    },
  },
  {
    key: 'chunkBytes',
    kind: 'integer',
    minimum: 64,
    maximum: 16_384,
    isAutoAllowed: false,
    defaultValue: SEED_CHUNK_BYTES,
    label: { en: 'Chunk size (bytes)', vi: 'Kích thước khối (byte)' },
    help: {
      en: 'Bytes of the image in one answer, before base64; the device learns it from the manifest.',
      vi: 'Số byte của ảnh trong một câu trả lời, trước base64; thiết bị biết qua manifest.',
    },
  },
  {
    key: 'version',
    kind: 'text',
    maximumLength: 31,
    defaultValue: '',
    label: { en: 'Version in the manifest', vi: 'Phiên bản trong manifest' },
    help: {
      en: 'The device downloads when this text differs from its own; empty: the version in the image.',
      vi: 'Thiết bị tải về khi văn bản này khác của nó; để trống: phiên bản trong ảnh.',
    },
  },
  {
    key: 'prefix',
    kind: 'text',
    maximumLength: 100,
    defaultValue: SEED_PREFIX,
    label: { en: 'Path of the routes', vi: 'Đường dẫn của các lệnh' },
    help: {
      en: 'What stands before /manifest, /chunk and /status.',
      vi: 'Phần đứng trước /manifest, /chunk và /status.',
    },
  },
  {
    key: 'downloadPath',
    kind: 'text',
    maximumLength: 100,
    defaultValue: DOWNLOAD_PATH,
    label: { en: 'Path of the plain image', vi: 'Đường dẫn của ảnh nguyên' },
    help: {
      en: 'For firmware that downloads one file (esp_https_ota, HTTPUpdate); ranges are answered.',
      vi: 'Cho phần sụn tải một tệp (esp_https_ota, HTTPUpdate); có trả lời theo đoạn.',
    },
  },
  {
    key: 'waitSeconds',
    kind: 'integer',
    minimum: 5,
    maximum: 86_400,
    isAutoAllowed: false,
    defaultValue: WAIT_SECONDS,
    label: { en: 'Wait for the first request (s)', vi: 'Chờ yêu cầu đầu tiên (giây)' },
    help: {
      en: 'How long the device may take to come; a device that asks once a minute needs more than 60.',
      vi: 'Thời gian thiết bị có thể mất để kết nối; thiết bị hỏi mỗi phút một lần cần hơn 60.',
    },
  },
  {
    key: 'hostCheck',
    kind: 'flag',
    defaultValue: false,
    label: { en: 'Check the Host header', vi: 'Kiểm tra tiêu đề Host' },
    help: {
      en: 'Answers only requests for this very address; off, because some firmware sends another name.',
      vi: 'Chỉ trả lời yêu cầu đúng địa chỉ này; mặc định tắt vì một số phần sụn gửi tên khác.',
    },
  },
  {
    key: 'rollbackReason',
    kind: 'text',
    maximumLength: 120,
    defaultValue: '',
    label: { en: 'Ask for a rollback, because', vi: 'Yêu cầu quay lại bản cũ, vì' },
    help: {
      en: 'Not empty: the device’s next rollback-status question is answered yes, once, with this reason.',
      vi: 'Không trống: câu hỏi rollback-status kế tiếp được trả lời có, một lần, kèm lý do này.',
    },
  },
  {
    key: 'telemetryPort',
    kind: 'integer',
    minimum: 0,
    maximum: 65_535,
    isAutoAllowed: false,
    defaultValue: 0,
    label: { en: 'Telemetry port of the device', vi: 'Cổng dữ liệu đo của thiết bị' },
    help: {
      en: 'Where the device that comes here answers its telemetry; 0: it is not asked.',
      vi: 'Cổng mà thiết bị kết nối tới đây trả lời dữ liệu đo; 0: không hỏi.',
    },
  },
  telemetryPathOption,
]

export const profiles = [
  {
    id: 'url',
    label: { en: 'Firmware that downloads one file from a URL', vi: 'Phần sụn tải một tệp từ URL' },
    values: { macMode: 'none' },
  },
]

export interface PullOptions {
  /** Null with `none` alone. */
  readonly key: ChunkKey | null
  readonly macMode: MacMode
  readonly chunkBytes: number
  /** Empty: by the image. */
  readonly version: string
  /** Without a slash at its end. */
  readonly prefix: string
  readonly downloadPath: string
  readonly waitSeconds: number
  readonly isHostChecked: boolean
  readonly rollbackReason: string
  /** Null: the device is never asked. */
  readonly telemetry: { readonly port: number; readonly path: string } | null
}

/** @throws {FlashproofError} option.invalid, for a missing key too */
export function readOptions(values: OptionValues): PullOptions {
  const macMode = readMacMode(values['macMode'])
  const psk = values['psk']
  const key = typeof psk === 'string' && psk !== '' ? parseKey(psk) : null
  if (macMode !== 'none' && key === null) {
    throw new FlashproofError(
      'option.invalid',
      'every chunk is signed with the key of the device, and none was given: add --secret psk=env:NAME, or --set macMode=none for a device that checks nothing',
      { key: 'psk', expected: 'the key of the device, or macMode=none' },
    )
  }
  const telemetryPath = readRequestPath('telemetryPath', values['telemetryPath'], '/telemetry')
  const telemetryPort = numberOf(values['telemetryPort'], 0)
  return {
    key,
    macMode,
    chunkBytes: numberOf(values['chunkBytes'], SEED_CHUNK_BYTES),
    version: readVersion(values['version']),
    prefix: readRequestPath('prefix', values['prefix'], SEED_PREFIX).replace(/\/+$/, ''),
    downloadPath: readRequestPath('downloadPath', values['downloadPath'], DOWNLOAD_PATH) || DOWNLOAD_PATH,
    waitSeconds: numberOf(values['waitSeconds'], WAIT_SECONDS),
    isHostChecked: values['hostCheck'] === true,
    rollbackReason: textOf(values['rollbackReason']),
    telemetry: telemetryPort === 0 || telemetryPath === '' ? null : { port: telemetryPort, path: telemetryPath },
  }
}

function readMacMode(value: unknown): MacMode {
  return value === 'bound' || value === 'none' ? value : 'chunk'
}

function readVersion(value: unknown): string {
  const version = textOf(value)
  // It stands in the text that bound chunks are signed over, line by line.
  if (/^[\x20-\x7e]*$/.test(version)) return version
  throw new FlashproofError('option.invalid', 'version holds characters that are not plain ASCII', {
    key: 'version',
    given: version,
    expected: 'plain letters, digits and marks',
  })
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function numberOf(value: unknown, fallback: number): number {
  return typeof value === 'number' ? value : fallback
}
