/** Options of `esp-serial`. */
import { FlashproofError } from '../../../shared/errors.ts'
import type { OptionSpec, OptionValues } from '../../../shared/option-spec.ts'
import { parseLineSequence } from '../../links/line-sequence.ts'

const LOWEST_BAUD = 9600
const HIGHEST_BAUD = 5_000_000
const LAST_SLOT = 15
const LONGEST_WATCH_MS = 600_000

const otaSlotChoices = Array.from({ length: LAST_SLOT + 1 }, (_, slot) => {
  const value = `ota_${String(slot)}`
  return { value, label: { en: value, vi: value } }
})

export const optionSpecs: readonly OptionSpec[] = [
  {
    key: 'address',
    kind: 'text',
    maximumLength: 10,
    defaultValue: '',
    label: { en: 'Flash address', vi: 'Địa chỉ flash' },
    help: {
      en: 'Where a file without addresses goes, such as 0x290000. Empty: what the file is decides.',
      vi: 'Nơi ghi tệp không có địa chỉ, ví dụ 0x290000. Để trống: tùy theo loại tệp.',
    },
  },
  {
    key: 'mode',
    kind: 'choice',
    choices: [
      { value: 'auto', label: { en: 'By what the file is', vi: 'Theo loại tệp' } },
      { value: 'app', label: { en: 'Application only', vi: 'Chỉ ứng dụng' } },
      { value: 'set', label: { en: 'Full set at its own addresses', vi: 'Trọn bộ tại địa chỉ của nó' } },
      { value: 'raw', label: { en: 'Bytes as they are', vi: 'Nguyên byte' } },
    ],
    defaultValue: 'auto',
    label: { en: 'What is written', vi: 'Phần được ghi' },
    help: {
      en: 'An application goes to an app slot, a merged image or a set to its own addresses, other bytes to the address that is named.',
      vi: 'Ứng dụng được ghi vào khe ứng dụng, ảnh gộp hoặc trọn bộ vào địa chỉ của nó, byte khác vào địa chỉ được nêu.',
    },
  },
  {
    key: 'slot',
    kind: 'choice',
    choices: [
      { value: 'inactive', label: { en: 'The slot that does not run', vi: 'Khe không chạy' } },
      { value: 'active', label: { en: 'The slot that runs', vi: 'Khe đang chạy' } },
      { value: 'factory', label: { en: 'factory', vi: 'factory' } },
      ...otaSlotChoices,
    ],
    defaultValue: 'inactive',
    label: { en: 'App slot', vi: 'Khe ứng dụng' },
    help: {
      en: 'Into the slot that does not run, the board can be started at any moment; it is switched over at the very end.',
      vi: 'Ghi vào khe không chạy thì bo mạch luôn khởi động được; chỉ chuyển khe ở bước cuối cùng.',
    },
  },
  {
    key: 'baudRate',
    kind: 'integer',
    minimum: LOWEST_BAUD,
    maximum: HIGHEST_BAUD,
    isAutoAllowed: true,
    defaultValue: 'auto',
    label: { en: 'Rate (baud)', vi: 'Tốc độ (baud)' },
    help: {
      en: 'While writing. auto: rises as long as all goes well, falls after errors, and is remembered for this adapter.',
      vi: 'Khi ghi. auto: tăng dần khi ổn, giảm khi có lỗi, và được nhớ cho bộ chuyển đổi này.',
    },
  },
  {
    key: 'startBaudRate',
    kind: 'integer',
    minimum: LOWEST_BAUD,
    maximum: HIGHEST_BAUD,
    isAutoAllowed: false,
    defaultValue: 115_200,
    label: { en: 'First rate (baud)', vi: 'Tốc độ ban đầu (baud)' },
    help: {
      en: 'At which the bootloader is met; 115200 unless the far end of a gateway has another one.',
      vi: 'Tốc độ khi gặp bộ nạp khởi động; 115200, trừ khi đầu kia của cổng nối dùng tốc độ khác.',
    },
  },
  {
    key: 'beforeReset',
    kind: 'choice',
    choices: [
      { value: 'auto', label: { en: 'Reset into the bootloader', vi: 'Khởi động lại vào bộ nạp' } },
      { value: 'none', label: { en: 'It is in its bootloader already', vi: 'Đã ở trong bộ nạp' } },
    ],
    defaultValue: 'auto',
    label: { en: 'Before', vi: 'Trước khi ghi' },
    help: {
      en: 'none: the lines are left alone; somebody holds BOOT and taps RESET.',
      vi: 'none: không đụng vào các đường tín hiệu; người dùng giữ BOOT và nhấn RESET.',
    },
  },
  {
    key: 'resetSequence',
    kind: 'text',
    maximumLength: 200,
    defaultValue: 'auto',
    label: { en: 'Reset sequence', vi: 'Trình tự khởi động lại' },
    help: {
      en: 'For boards that are wired in their own way, such as: D0 R1 | 100 | D1 R0 | 50 | D0',
      vi: 'Cho bo mạch nối dây kiểu riêng, ví dụ: D0 R1 | 100 | D1 R0 | 50 | D0',
    },
  },
  {
    key: 'skipUnchanged',
    kind: 'flag',
    defaultValue: true,
    label: { en: 'Skip what is there already', vi: 'Bỏ qua phần đã có' },
    help: {
      en: 'Sectors whose MD5 is right already are not sent; the proof at the end covers them too.',
      vi: 'Không gửi các sector đã đúng MD5; bước kiểm tra cuối vẫn bao gồm chúng.',
    },
  },
  {
    key: 'writeFill',
    kind: 'flag',
    defaultValue: false,
    label: { en: 'Write filler over data partitions', vi: 'Ghi đè phần đệm lên phân vùng dữ liệu' },
    help: {
      en: 'A merged image is padded with FF; over the board’s own data partitions that would erase settings and files.',
      vi: 'Ảnh gộp được đệm bằng FF; ghi đè lên phân vùng dữ liệu của bo mạch sẽ xóa thiết lập và tệp.',
    },
  },
  {
    key: 'erase',
    kind: 'choice',
    choices: [
      { value: 'none', label: { en: 'Only what is written', vi: 'Chỉ phần được ghi' } },
      { value: 'region', label: { en: 'The whole partitions that are written', vi: 'Toàn bộ phân vùng được ghi' } },
      { value: 'chip', label: { en: 'The whole chip', vi: 'Toàn bộ chip' } },
    ],
    defaultValue: 'none',
    label: { en: 'Erase first', vi: 'Xóa trước' },
    help: {
      en: 'Everything that is erased is lost: settings, files, calibration. It is asked for again, in words.',
      vi: 'Mọi thứ bị xóa sẽ mất: thiết lập, tệp, hiệu chuẩn. Sẽ được hỏi lại bằng lời.',
    },
  },
  {
    key: 'backup',
    kind: 'choice',
    choices: [
      { value: 'none', label: { en: 'None', vi: 'Không' } },
      { value: 'regions', label: { en: 'What is written over', vi: 'Phần bị ghi đè' } },
      { value: 'flash', label: { en: 'The whole flash', vi: 'Toàn bộ flash' } },
    ],
    defaultValue: 'none',
    label: { en: 'Back up first', vi: 'Sao lưu trước' },
    help: {
      en: 'Read from the board before the first byte and kept among Flashproof’s own files; the log says where.',
      vi: 'Đọc từ bo mạch trước byte đầu tiên và giữ trong thư mục của Flashproof; nhật ký cho biết ở đâu.',
    },
  },
  {
    key: 'useStub',
    kind: 'flag',
    defaultValue: true,
    label: { en: 'Use the stub loader', vi: 'Dùng bộ nạp phụ (stub)' },
    help: {
      en: 'A small program in the chip’s RAM that is faster than its ROM, and that can read and erase.',
      vi: 'Chương trình nhỏ trong RAM của chip, nhanh hơn ROM, đọc và xóa được.',
    },
  },
  {
    key: 'watchBootMs',
    kind: 'integer',
    minimum: 0,
    maximum: LONGEST_WATCH_MS,
    isAutoAllowed: true,
    defaultValue: 'auto',
    label: { en: 'Follow the start (ms)', vi: 'Theo dõi khởi động (ms)' },
    help: {
      en: 'How long the program’s first lines are read after the restart. auto: until it names itself, a few seconds at most.',
      vi: 'Đọc các dòng đầu của chương trình trong bao lâu sau khi khởi động lại. auto: đến khi chương trình tự nêu tên, tối đa vài giây.',
    },
  },
]

export interface EspOptions {
  /** Null: what the file is decides. */
  readonly address: number | null
  readonly mode: 'auto' | 'app' | 'set' | 'raw'
  /** `inactive`, `active`, `factory` or the subtype of an update slot. */
  readonly slot: string
  /** Null: by the ladder. */
  readonly baudRate: number | null
  readonly startBaudRate: number
  readonly usesResets: boolean
  /** Null: by the adapter. */
  readonly resetSequence: string | null
  readonly skipUnchanged: boolean
  readonly writeFill: boolean
  readonly erase: 'none' | 'region' | 'chip'
  readonly backup: 'none' | 'regions' | 'flash'
  readonly useStub: boolean
  /** Null: as long as the retry policy makes sensible. */
  readonly watchBootMs: number | null
}

/** @throws {FlashproofError} option.invalid */
export function readOptions(values: OptionValues): EspOptions {
  const { mode, slot, baudRate, startBaudRate, resetSequence, erase, backup, watchBootMs } = values
  return {
    address: readAddress(String(values['address'] ?? '')),
    mode: mode === 'app' || mode === 'set' || mode === 'raw' ? mode : 'auto',
    slot: typeof slot === 'string' ? slot : 'inactive',
    baudRate: typeof baudRate === 'number' ? baudRate : null,
    startBaudRate: typeof startBaudRate === 'number' ? startBaudRate : 115_200,
    usesResets: values['beforeReset'] !== 'none',
    resetSequence: readSequence(resetSequence),
    skipUnchanged: values['skipUnchanged'] !== false,
    writeFill: values['writeFill'] === true,
    erase: erase === 'region' || erase === 'chip' ? erase : 'none',
    backup: backup === 'regions' || backup === 'flash' ? backup : 'none',
    useStub: values['useStub'] !== false,
    watchBootMs: typeof watchBootMs === 'number' ? watchBootMs : null,
  }
}

/** Only read here, so that a wrong one is told before the line is opened. */
function readSequence(value: OptionValues[string] | undefined): string | null {
  if (typeof value !== 'string' || isAuto(value)) return null
  parseLineSequence(value)
  return value
}

function isAuto(text: string): boolean {
  return text.trim() === '' || text.trim() === 'auto'
}

const ADDRESS_STEP = 0x1000

function readAddress(text: string): number | null {
  if (text === '') return null
  const value = /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text) ? Number(text) : Number.NaN
  if (value >= 0 && value <= 0xffff_ffff && value % ADDRESS_STEP === 0) return value
  throw new FlashproofError('option.invalid', `“${text}” is no place in flash`, {
    key: 'address',
    given: text,
    expected: 'a multiple of 0x1000, such as 0x10000',
  })
}
