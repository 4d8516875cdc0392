/** Options of the STM32 gateway, and the rules for the name that the file goes out under. */
import { FlashproofError } from '../../../shared/errors.ts'
import type { OptionSpec, OptionValues } from '../../../shared/option-spec.ts'
import { readRequestPath, telemetryPathOption } from '../telemetry-questions.ts'

/** The gateway keeps the whole file in its heap, of which about 100 to 150 KB are free. */
export const DEFAULT_MAXIMUM_BYTES = 128 * 1024
/** The main flash of every STM32 (AN3155) begins here. */
export const STM32_FLASH_START = 0x0800_0000

export const optionSpecs: readonly OptionSpec[] = [
  {
    key: 'stm32',
    kind: 'text',
    maximumLength: 64,
    defaultValue: '',
    label: { en: 'Which STM32 it is', vi: 'Là STM32 nào' },
    help: {
      en: 'As it stands on the chip or the board, such as STM32F103C8. The gateway cannot tell; the record keeps it.',
      vi: 'Như ghi trên chip hoặc bo mạch, ví dụ STM32F103C8. Gateway không cho biết được; bản ghi sẽ lưu lại.',
    },
  },
  {
    key: 'flashBase',
    kind: 'text',
    maximumLength: 10,
    defaultValue: '',
    label: { en: 'Address of the first byte in the STM32', vi: 'Địa chỉ byte đầu tiên trong STM32' },
    help: {
      en: 'Must be the lowest address of the image, such as 0x08004000. Needed where that is not 0x08000000: a BIN loses it.',
      vi: 'Phải là địa chỉ thấp nhất của ảnh, ví dụ 0x08004000. Cần khi địa chỉ đó khác 0x08000000: tệp BIN làm mất nó.',
    },
  },
  {
    key: 'maximumBytes',
    kind: 'integer',
    minimum: 1024,
    maximum: 2 * 1024 * 1024,
    isAutoAllowed: false,
    defaultValue: DEFAULT_MAXIMUM_BYTES,
    label: { en: 'Largest image (bytes)', vi: 'Ảnh lớn nhất (byte)' },
    help: {
      en: 'The gateway keeps the whole file in memory; more than 128 KiB rarely fits.',
      vi: 'Gateway giữ cả tệp trong bộ nhớ; hơn 128 KiB hiếm khi vừa.',
    },
  },
  {
    key: 'fileName',
    kind: 'text',
    maximumLength: 64,
    defaultValue: '',
    label: { en: 'File name on the gateway', vi: 'Tên tệp trên gateway' },
    help: {
      en: 'Ends in .bin; empty: the name of the file.',
      vi: 'Kết thúc bằng .bin; để trống: tên của tệp.',
    },
  },
  telemetryPathOption,
]

export interface BridgeOptions {
  readonly stm32: string
  /** Null: not stated. */
  readonly flashBase: number | null
  readonly maximumBytes: number
  /** Always ends in `.bin`: a gateway takes anything named .hex for Intel HEX. */
  readonly fileName: string
  /** Null: never asked. */
  readonly telemetryPath: string | null
}

/** @throws {FlashproofError} option.invalid */
export function readOptions(values: OptionValues, fileName: string): BridgeOptions {
  const maximumBytes = values['maximumBytes']
  return {
    stm32: textOf(values['stm32']).trim(),
    flashBase: readFlashBase(textOf(values['flashBase']).trim()),
    maximumBytes: typeof maximumBytes === 'number' ? maximumBytes : DEFAULT_MAXIMUM_BYTES,
    fileName: readFileName(textOf(values['fileName']), fileName),
    telemetryPath: readRequestPath('telemetryPath', values['telemetryPath'], '/telemetry') || null,
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function readFlashBase(text: string): number | null {
  if (text === '') return null
  const value = /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text) ? Number(text) : Number.NaN
  if (value >= STM32_FLASH_START && value <= 0xffff_ffff) return value
  throw new FlashproofError('option.invalid', `flashBase is “${text}”, it must be an address in the STM32's flash`, {
    key: 'flashBase',
    given: text,
    expected: 'an address from 0x08000000 on',
  })
}

function readFileName(given: string, fallback: string): string {
  if (given === '')
    return `${
      fallback
        .replace(/^.*[/\\]/, '')
        .replace(/\.[^.]*$/, '')
        .slice(0, 60) || 'firmware'
    }.bin`
  // A letter, digits and plain marks: the gateway reads the name with string functions of C.
  if (/^[\w\-.]+\.bin$/.test(given)) return given
  throw new FlashproofError('option.invalid', `fileName is “${given}”, it must be a plain name that ends in .bin`, {
    key: 'fileName',
    given,
    expected: 'a plain name such as firmware.bin',
  })
}
