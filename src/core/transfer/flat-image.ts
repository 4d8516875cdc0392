/**
 * The flat form that an upload without addresses needs. The base is never guessed: an image whose lowest address is not
 * the start of a flash must be given its base, because the upload loses it.
 */
import type { Inspection } from '../../shared/contract/models.ts'
import { FlashproofError } from '../../shared/errors.ts'
import type { OptionSpec } from '../../shared/option-spec.ts'
import { formatAddress } from '../../shared/units.ts'
import type { FlatImage, MemoryImage } from '../image/memory-image.ts'

/** Shared by every protocol whose upload is flat. */
export const baseOption: OptionSpec = {
  key: 'base',
  kind: 'text',
  maximumLength: 10,
  defaultValue: '',
  label: { en: 'Base address of the flat image', vi: 'Địa chỉ gốc của ảnh phẳng' },
  help: {
    en: 'For HEX, S-record, UF2 and ELF: an address such as 0x08000000, or lowest. Empty: the start of the flash.',
    vi: 'Dùng cho HEX, S-record, UF2 và ELF: một địa chỉ như 0x08000000, hoặc lowest. Để trống: đầu bộ nhớ flash.',
  },
}

/** The largest flash of an ESP32 that is common; what lies further apart belongs to no one chip. */
const LARGEST_SPAN_BYTES = 32 * 1024 * 1024

/** Where flashes start: absolute zero, and the STM32's main flash (AN3155). */
const FLASH_STARTS: readonly number[] = [0, 0x0800_0000]

/**
 * Refuses a set of files where one image is wanted: what lies between its parts is nobody's application.
 * @throws {FlashproofError} image.wrong-kind naming the application of the set
 */
export function assertOneImage({ esp, fileName }: Inspection): void {
  if (esp?.kind !== 'set') return
  const app = esp.parts?.find(({ kind }) => kind === 'app')?.file ?? null
  const next = app === null ? 'choose the application .bin' : `choose ${app}, its application`
  throw new FlashproofError(
    'image.wrong-kind',
    `${fileName} is a set of files for a serial port, an update over the network takes one image; ${next}`,
    { file: fileName, wanted: 'app', found: 'set', app },
  )
}

/**
 * Flattens an image for upload.
 * @param keepsAddresses whether each segment is written at its own address, so that no base is wanted and gaps may be wide
 * @throws {FlashproofError} image.base-required, option.invalid, image.gap-too-large, image.address-range, format.no-data
 */
export function flattenForUpload(
  image: MemoryImage,
  isAddressed: boolean,
  base: string,
  keepsAddresses = false,
): FlatImage {
  // The filler is never sent then, so there may be as much of it as a flash holds.
  if (keepsAddresses) return image.flatten({ maximumFilledBytes: LARGEST_SPAN_BYTES })
  const baseAddress = baseFor(image, isAddressed, base)
  return baseAddress === null ? image.flatten() : image.flatten({ baseAddress })
}

/**
 * Says how large the flat form is, without making it.
 * @throws what `flattenForUpload` throws
 */
export function measureForUpload(
  image: MemoryImage,
  isAddressed: boolean,
  base: string,
  keepsAddresses = false,
): number {
  if (keepsAddresses) return image.measureFlat(undefined, LARGEST_SPAN_BYTES).sizeBytes
  return image.measureFlat(baseFor(image, isAddressed, base) ?? undefined).sizeBytes
}

/** Null: the lowest address of the image. */
function baseFor(image: MemoryImage, isAddressed: boolean, base: string): number | null {
  const lowest = image.lowestAddress
  if (!isAddressed || lowest === null || base === 'lowest') return null
  if (base !== '') return parseAddress(base)
  if (FLASH_STARTS.includes(lowest)) return null
  throw new FlashproofError(
    'image.base-required',
    `the image begins at ${formatAddress(lowest)}, which is not the start of a flash; a flat upload loses that address`,
    { lowestAddress: lowest, examples: ['base=lowest', `base=${formatAddress(lowest & 0xff00_0000)}`] },
  )
}

function parseAddress(text: string): number {
  const value = /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text) ? Number(text) : Number.NaN
  if (value >= 0 && value <= 0xffff_ffff) return value
  throw new FlashproofError('option.invalid', `“${text}” is no address`, {
    key: 'base',
    given: text,
    expected: 'an address such as 0x08000000, or lowest',
  })
}
