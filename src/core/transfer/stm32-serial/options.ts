/** Options of the STM32 bootloader, and what they mean together. */
import { FlashproofError } from '../../../shared/errors.ts'
import type { OptionSpec, OptionValues } from '../../../shared/option-spec.ts'
import { wiringOf, type Wiring } from './entry.ts'
import { FLASH_START } from './products.ts'

/** The fastest that ST tests (AN3155, section 2). */
const DEFAULT_BAUD_RATE = 115_200
const LARGEST_FLASH_BYTES = 4 * 1024 * 1024
const LARGEST_PAGE_BYTES = 256 * 1024
/** Every page is a multiple of it, down to the 128 bytes of the L0. */
const PAGE_UNIT_BYTES = 128

export const optionSpecs: readonly OptionSpec[] = [
  {
    key: 'baudRate',
    kind: 'integer',
    minimum: 1200,
    maximum: 2_000_000,
    isAutoAllowed: false,
    defaultValue: DEFAULT_BAUD_RATE,
    label: { en: 'Rate (baud)', vi: 'Tốc độ (baud)' },
    help: {
      en: 'The bootloader finds it by itself; ST tests 1200 to 115200. Without an answer 57600 is tried.',
      vi: 'Bộ nạp tự dò tốc độ; ST thử từ 1200 đến 115200. Không có trả lời thì thử 57600.',
    },
  },
  {
    key: 'parity',
    kind: 'choice',
    defaultValue: 'even',
    choices: [
      { value: 'even', label: { en: 'Even, as the bootloader wants', vi: 'Chẵn, đúng như bộ nạp cần' } },
      { value: 'none', label: { en: 'None, for a gateway in between', vi: 'Không, khi có gateway ở giữa' } },
    ],
    label: { en: 'Parity', vi: 'Bit chẵn lẻ' },
    help: {
      en: 'The bootloader itself speaks with even parity alone.',
      vi: 'Bản thân bộ nạp chỉ dùng bit chẵn lẻ kiểu chẵn.',
    },
  },
  {
    key: 'entry',
    kind: 'choice',
    defaultValue: 'manual',
    choices: [
      { value: 'manual', label: { en: 'By hand: BOOT0 high, reset', vi: 'Bằng tay: BOOT0 mức cao, reset' } },
      { value: 'dtr-boot0-rts-nrst', label: { en: 'DTR at BOOT0, RTS at NRST', vi: 'DTR nối BOOT0, RTS nối NRST' } },
      { value: 'rts-boot0-dtr-nrst', label: { en: 'RTS at BOOT0, DTR at NRST', vi: 'RTS nối BOOT0, DTR nối NRST' } },
      {
        value: 'dtr-boot0-rts-nrst-inverted',
        label: { en: 'DTR at BOOT0 through an inverter, RTS at NRST', vi: 'DTR nối BOOT0 qua bộ đảo, RTS nối NRST' },
      },
      {
        value: 'rts-boot0-dtr-nrst-inverted',
        label: { en: 'RTS at BOOT0 through an inverter, DTR at NRST', vi: 'RTS nối BOOT0 qua bộ đảo, DTR nối NRST' },
      },
    ],
    label: { en: 'How the bootloader is entered', vi: 'Cách vào bộ nạp' },
    help: {
      en: 'A line that is asserted pulls its pin low; through an inverter it pulls BOOT0 high.',
      vi: 'Đường tín hiệu được kích sẽ kéo chân xuống thấp; qua bộ đảo thì kéo BOOT0 lên cao.',
    },
  },
  {
    key: 'base',
    kind: 'text',
    maximumLength: 10,
    defaultValue: '',
    label: { en: 'Address of a file without addresses', vi: 'Địa chỉ cho tệp không mang địa chỉ' },
    help: {
      en: 'Where a BIN begins in flash, such as 0x08004000 behind a bootloader; empty: 0x08000000. HEX, S-record and ELF carry their own.',
      vi: 'Nơi tệp BIN bắt đầu trong flash, ví dụ 0x08004000 sau bootloader; để trống: 0x08000000. HEX, S-record và ELF tự mang địa chỉ.',
    },
  },
  {
    key: 'flashBytes',
    kind: 'integer',
    minimum: 0,
    maximum: LARGEST_FLASH_BYTES,
    isAutoAllowed: false,
    defaultValue: 0,
    label: { en: 'Size of the flash (bytes)', vi: 'Dung lượng flash (byte)' },
    help: {
      en: '0: as large as the family’s largest. Wanted for a chip that is not known here.',
      vi: '0: bằng loại lớn nhất trong họ. Cần nêu khi chip không có trong bảng.',
    },
  },
  {
    key: 'pageBytes',
    kind: 'integer',
    minimum: 0,
    maximum: LARGEST_PAGE_BYTES,
    isAutoAllowed: false,
    defaultValue: 0,
    label: { en: 'Size of a flash page (bytes)', vi: 'Kích thước trang flash (byte)' },
    help: {
      en: '0: as the family has it. Wanted for a chip that is not known here; its data sheet tells.',
      vi: '0: theo họ chip. Cần nêu khi chip không có trong bảng; xem tài liệu của chip.',
    },
  },
  {
    key: 'start',
    kind: 'choice',
    defaultValue: 'auto',
    choices: [
      {
        value: 'auto',
        label: { en: 'By reset where it is wired, else by GO', vi: 'Reset nếu có nối dây, nếu không thì GO' },
      },
      { value: 'go', label: { en: 'By the bootloader’s GO', vi: 'Bằng lệnh GO của bộ nạp' } },
      { value: 'reset', label: { en: 'By reset with BOOT0 low', vi: 'Bằng reset với BOOT0 mức thấp' } },
      { value: 'none', label: { en: 'Not at all', vi: 'Không khởi động' } },
    ],
    label: { en: 'How the program is started afterwards', vi: 'Cách khởi động chương trình sau khi nạp' },
    help: {
      en: 'Whether it runs then cannot be seen over this line.',
      vi: 'Qua đường này không thấy được nó có chạy hay không.',
    },
  },
  {
    key: 'skipUnchanged',
    kind: 'flag',
    defaultValue: false,
    label: { en: 'Skip pages that are right already', vi: 'Bỏ qua trang đã đúng sẵn' },
    help: {
      en: 'Reads each page first; worth it where few pages change.',
      vi: 'Đọc từng trang trước; đáng dùng khi chỉ ít trang thay đổi.',
    },
  },
  {
    key: 'eraseAll',
    kind: 'flag',
    defaultValue: false,
    label: { en: 'Erase the whole chip first', vi: 'Xóa toàn bộ chip trước' },
    help: {
      en: 'Everything in flash is lost, settings too. Without it the pages of the image alone are erased. Must be confirmed.',
      vi: 'Mất mọi thứ trong flash, kể cả cấu hình. Nếu tắt thì chỉ xóa các trang của ảnh. Phải xác nhận.',
    },
  },
  {
    key: 'removeProtection',
    kind: 'flag',
    defaultValue: false,
    label: { en: 'Take away protection where it is in the way', vi: 'Gỡ bảo vệ khi bị cản trở' },
    help: {
      en: 'Of write protection the settings alone are lost; taking away readout protection erases the whole chip. Must be confirmed.',
      vi: 'Với bảo vệ ghi chỉ mất thiết lập bảo vệ; gỡ bảo vệ đọc sẽ xóa toàn bộ chip. Phải xác nhận.',
    },
  },
]

export interface Stm32Options {
  readonly baudRate: number
  readonly parity: 'even' | 'none'
  /** Null: by hand. */
  readonly wiring: Wiring | null
  /** For files without addresses. */
  readonly base: number
  /** Null: not stated. */
  readonly flashBytes: number | null
  /** Null: not stated. */
  readonly pageBytes: number | null
  readonly start: 'auto' | 'go' | 'reset' | 'none'
  readonly skipUnchanged: boolean
  readonly eraseAll: boolean
  readonly removeProtection: boolean
}

/** @throws {FlashproofError} option.invalid */
export function readOptions(values: OptionValues): Stm32Options {
  const { baudRate, parity, entry, start } = values
  const wiring = wiringOf(String(entry))
  if (start === 'reset' && wiring === null) {
    throw invalid('start', 'reset', 'go or none, as long as entry does not name how the reset is wired')
  }
  return {
    baudRate: typeof baudRate === 'number' ? baudRate : DEFAULT_BAUD_RATE,
    parity: parity === 'none' ? 'none' : 'even',
    wiring,
    base: readBase(String(values['base'] ?? '')),
    flashBytes: readSize('flashBytes', values['flashBytes']),
    pageBytes: readSize('pageBytes', values['pageBytes']),
    start: start === 'go' || start === 'reset' || start === 'none' ? start : 'auto',
    skipUnchanged: values['skipUnchanged'] === true,
    eraseAll: values['eraseAll'] === true,
    removeProtection: values['removeProtection'] === true,
  }
}

function readBase(text: string): number {
  if (text === '') return FLASH_START
  const value = /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text) ? Number(text) : Number.NaN
  if (value >= FLASH_START && value < FLASH_START + LARGEST_FLASH_BYTES && value % 4 === 0) return value
  throw invalid('base', text, 'an address in the flash that 4 divides, such as 0x08000000')
}

function readSize(key: string, value: unknown): number | null {
  if (typeof value !== 'number' || value === 0) return null
  if (value % PAGE_UNIT_BYTES === 0) return value
  throw invalid(key, value, `a multiple of ${String(PAGE_UNIT_BYTES)}`)
}

function invalid(key: string, given: string | number, expected: string): FlashproofError {
  const message = `“${key}” is ${String(given)}, it must be ${expected}`
  return new FlashproofError('option.invalid', message, { key, given, expected })
}
