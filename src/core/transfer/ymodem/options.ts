/** Options of the YMODEM and XMODEM senders. */
import { FlashproofError } from '../../../shared/errors.ts'
import type { OptionSpec, OptionValues } from '../../../shared/option-spec.ts'
import type { LineSettings } from '../../links/byte-link.ts'
import { parseLineSequence, type LineSequence } from '../../links/line-sequence.ts'
import { baseOption } from '../flat-image.ts'
import { parseEscapes, parsePattern, type TextPattern } from './texts.ts'

const DEFAULT_BAUD_RATE = 115_200
const DEFAULT_WAIT_SECONDS = 60
const LONGEST_NAME = 64
/** How bootloaders of the field say that a file which arrived whole is not good. */
const DEFAULT_FAILURE_TEXT = String.raw`/(verif\w*|check\w*|crc|signature|image|flash|program\w*|update) ?(is )?(fail|error|invalid|bad|mismatch|corrupt)/i`

export const optionSpecs: readonly OptionSpec[] = [
  {
    key: 'variant',
    kind: 'choice',
    defaultValue: 'ymodem-1k',
    choices: [
      { value: 'ymodem-1k', label: { en: 'YMODEM, blocks of 1024 bytes', vi: 'YMODEM, khối 1024 byte' } },
      { value: 'ymodem-128', label: { en: 'YMODEM, blocks of 128 bytes', vi: 'YMODEM, khối 128 byte' } },
      { value: 'xmodem-1k', label: { en: 'XMODEM-1K', vi: 'XMODEM-1K' } },
      { value: 'xmodem-crc', label: { en: 'XMODEM with CRC', vi: 'XMODEM có CRC' } },
      { value: 'xmodem', label: { en: 'XMODEM with a checksum', vi: 'XMODEM có tổng kiểm' } },
    ],
    label: { en: 'Variant', vi: 'Biến thể' },
    help: {
      en: 'A bootloader that asks with “C” wants CRC; YMODEM tells it name and size beforehand.',
      vi: 'Bộ nạp hỏi bằng “C” thì cần CRC; YMODEM báo trước tên và kích thước.',
    },
  },
  {
    key: 'baudRate',
    kind: 'integer',
    minimum: 300,
    maximum: 5_000_000,
    isAutoAllowed: false,
    defaultValue: DEFAULT_BAUD_RATE,
    label: { en: 'Rate (baud)', vi: 'Tốc độ (baud)' },
    help: { en: 'As the bootloader has it.', vi: 'Theo bộ nạp.' },
  },
  {
    key: 'parity',
    kind: 'choice',
    defaultValue: 'none',
    choices: [
      { value: 'none', label: { en: 'None', vi: 'Không' } },
      { value: 'even', label: { en: 'Even', vi: 'Chẵn' } },
      { value: 'odd', label: { en: 'Odd', vi: 'Lẻ' } },
    ],
    label: { en: 'Parity', vi: 'Bit chẵn lẻ' },
    help: { en: 'As the bootloader has it.', vi: 'Theo bộ nạp.' },
  },
  {
    key: 'lines',
    kind: 'text',
    maximumLength: 200,
    defaultValue: '',
    label: { en: 'DTR and RTS at the start', vi: 'DTR và RTS khi bắt đầu' },
    help: {
      en: 'Resets the board where it is wired, such as R1 | 100 | R0. Empty: the lines are left alone.',
      vi: 'Reset bo mạch nếu có nối dây, ví dụ R1 | 100 | R0. Để trống: không đụng tới.',
    },
  },
  {
    key: 'waitFor',
    kind: 'text',
    maximumLength: 200,
    defaultValue: '',
    label: { en: 'Prompt that is waited for', vi: 'Dấu nhắc cần chờ' },
    help: {
      en: 'A text that the bootloader prints, or a regular expression between slashes. The trigger is sent each time it comes.',
      vi: 'Một đoạn chữ mà bộ nạp in ra, hoặc biểu thức chính quy giữa hai dấu gạch chéo. Mỗi lần thấy thì gửi lệnh kích.',
    },
  },
  {
    key: 'trigger',
    kind: 'text',
    maximumLength: 200,
    defaultValue: '',
    label: { en: 'Trigger', vi: 'Lệnh kích' },
    help: {
      en: String.raw`What makes the bootloader receive, such as 1 or update\r. Without a prompt it is repeated until the bootloader asks.`,
      vi: String.raw`Điều làm bộ nạp bắt đầu nhận, ví dụ 1 hoặc update\r. Nếu không có dấu nhắc thì lặp lại cho tới khi bộ nạp hỏi.`,
    },
  },
  {
    key: 'waitSeconds',
    kind: 'integer',
    minimum: 1,
    maximum: 3600,
    isAutoAllowed: false,
    defaultValue: DEFAULT_WAIT_SECONDS,
    label: { en: 'How long the bootloader is waited for (s)', vi: 'Chờ bộ nạp bao lâu (giây)' },
    help: {
      en: 'From the start until it asks for the first block.',
      vi: 'Từ lúc bắt đầu đến khi nó hỏi khối đầu tiên.',
    },
  },
  baseOption,
  {
    key: 'fileName',
    kind: 'text',
    maximumLength: LONGEST_NAME,
    defaultValue: '',
    label: { en: 'File name that the bootloader is told', vi: 'Tên tệp báo cho bộ nạp' },
    help: { en: 'Empty: the name of the file.', vi: 'Để trống: tên của tệp.' },
  },
  {
    key: 'successText',
    kind: 'text',
    maximumLength: 200,
    defaultValue: '',
    label: { en: 'Text by which it says that all is well', vi: 'Chữ báo rằng mọi thứ ổn' },
    help: {
      en: 'What the bootloader prints when it has checked the firmware; a regular expression stands between slashes. Without it the job is not done well.',
      vi: 'Điều bộ nạp in ra khi đã kiểm tra phần sụn; biểu thức chính quy đặt giữa hai dấu gạch chéo. Không thấy thì tác vụ không đạt.',
    },
  },
  {
    key: 'failureText',
    kind: 'text',
    maximumLength: 200,
    defaultValue: DEFAULT_FAILURE_TEXT,
    label: { en: 'Text by which it says that something is wrong', vi: 'Chữ báo rằng có gì đó không ổn' },
    help: {
      en: 'A text, or a regular expression between slashes. Empty: nothing that it prints counts against the job.',
      vi: 'Một đoạn chữ, hoặc biểu thức chính quy giữa hai dấu gạch chéo. Để trống: không xét điều bộ nạp in ra.',
    },
  },
]

export interface YmodemOptions {
  readonly isYmodem: boolean
  /** The most that one block carries. */
  readonly blockBytes: 128 | 1024
  readonly check: 'crc' | 'checksum'
  readonly line: LineSettings
  /** Null: the lines are left alone. */
  readonly lines: LineSequence | null
  readonly waitFor: TextPattern | null
  readonly trigger: Uint8Array
  readonly waitMs: number
  readonly base: string
  readonly fileName: string
  readonly successText: TextPattern | null
  readonly failureText: TextPattern | null
}

/** @throws {FlashproofError} option.invalid */
export function readOptions(values: OptionValues, imageName: string): YmodemOptions {
  const text = (key: string): string => String(values[key] ?? '')
  const number = (key: string, otherwise: number): number => {
    const value = values[key]
    return typeof value === 'number' ? value : otherwise
  }
  const variant = text('variant') === '' ? 'ymodem-1k' : text('variant')
  const { parity } = values
  return {
    isYmodem: variant.startsWith('ymodem'),
    blockBytes: variant.endsWith('-1k') ? 1024 : 128,
    check: variant === 'xmodem' ? 'checksum' : 'crc',
    line: {
      baudRate: number('baudRate', DEFAULT_BAUD_RATE),
      parity: parity === 'even' || parity === 'odd' ? parity : 'none',
    },
    lines: text('lines').trim() === '' ? null : parseLineSequence(text('lines')),
    waitFor: parsePattern('waitFor', text('waitFor')),
    trigger: parseEscapes('trigger', text('trigger')),
    waitMs: 1000 * number('waitSeconds', DEFAULT_WAIT_SECONDS),
    base: text('base'),
    fileName: readFileName(text('fileName'), imageName),
    successText: parsePattern('successText', text('successText')),
    failureText: parsePattern('failureText', text('failureText')),
  }
}

/** Bootloaders keep it in a small array, and read no more than plain characters. */
function readFileName(given: string, imageName: string): string {
  if (given === '') return imageName.replace(/[^\w.-]+/g, '_').slice(-LONGEST_NAME) || 'firmware.bin'
  if (/^[\w.-]+$/.test(given)) return given
  const expected = 'a plain name such as firmware.bin'
  throw new FlashproofError('option.invalid', `“fileName” is ${given}, it must be ${expected}`, {
    key: 'fileName',
    given,
    expected,
  })
}
