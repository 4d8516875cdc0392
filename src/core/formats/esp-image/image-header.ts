/** The header of an Espressif image: 24 bytes for the ESP32 family, 8 for the ESP8266. */
import { chipByImageId, ESP8266, type EspChip } from './chips.ts'
import { isFilledWith, readUint16, readUint32, readUint8 } from './little-endian.ts'

/** Source: esptool bin_image.py and ESP-IDF `esp_app_format.h`, struct `esp_image_header_t`. */
export const IMAGE_MAGIC = 0xe9
/** First byte of the ESP8266's two-header form (esptool's ESP8266V2FirmwareImage). */
export const ESP8266_V2_MAGIC = 0xea
export const HEADER_BYTES = 24
export const SHORT_HEADER_BYTES = 8
export const SEGMENT_HEADER_BYTES = 8
export const MAX_SEGMENTS = 16

const flashModes = ['QIO', 'QOUT', 'DIO', 'DOUT'] as const
const flashSizes = ['1MB', '2MB', '4MB', '8MB', '16MB', '32MB', '64MB', '128MB'] as const
const esp8266FlashSizes: Readonly<Record<number, string>> = {
  0: '512KB',
  1: '256KB',
  2: '1MB',
  3: '2MB',
  4: '4MB',
  5: '2MB-c1',
  6: '4MB-c1',
  8: '8MB',
  9: '16MB',
}

/** `short`: ESP8266, 8 bytes. `long`: ESP32 family (and the ESP8266 RTOS SDK), 24 bytes. */
export type HeaderForm = 'short' | 'long'

export interface EspImageHeader {
  readonly form: HeaderForm
  readonly sizeBytes: number
  readonly segmentCount: number
  readonly entryAddress: number
  readonly flashMode: string | null
  readonly flashSize: string | null
  readonly flashFrequency: string | null
  /** Undefined for a chip id that the table does not hold. */
  readonly chip: EspChip | undefined
  readonly chipId: number | null
  /** major × 100 + minor; null where the header sets no limit. */
  readonly minChipRevision: number | null
  readonly maxChipRevision: number | null
  readonly isHashAppended: boolean
}

/** Reads the header at `offset`, where the caller saw the magic; null when the bytes end inside it. */
export function readImageHeader(bytes: Uint8Array, offset = 0): EspImageHeader | null {
  const form = recogniseForm(bytes, offset)
  const sizeBytes = form === 'short' ? SHORT_HEADER_BYTES : HEADER_BYTES
  if (offset + sizeBytes > bytes.length) return null
  const sizeAndFrequency = readUint8(bytes, offset + 3)
  const entryAddress = readUint32(bytes, offset + 4)
  const chipId = form === 'short' ? null : readUint16(bytes, offset + 12)
  const isRtosSdk = chipId === 0 && isEsp8266RamCode(entryAddress)
  const chip = chipId === null || isRtosSdk ? ESP8266 : chipByImageId(chipId)
  return {
    form,
    sizeBytes,
    segmentCount: readUint8(bytes, offset + 1),
    entryAddress,
    flashMode: flashModes[readUint8(bytes, offset + 2)] ?? null,
    flashSize: (chip === ESP8266 ? esp8266FlashSizes : flashSizes)[sizeAndFrequency >> 4] ?? null,
    flashFrequency: chip?.flashFrequencies[sizeAndFrequency & 0x0f] ?? null,
    chip,
    chipId: isRtosSdk ? null : chipId,
    ...(chip === ESP8266 ? { minChipRevision: null, maxChipRevision: null } : readRevisions(bytes, offset)),
    isHashAppended: form === 'long' && readUint8(bytes, offset + 23) === 1,
  }
}

/** How surely an image begins at `offset`: by its magic and by fields that have few allowed values. */
export function looksLikeImage(bytes: Uint8Array, offset = 0): 'yes' | 'maybe' | 'no' {
  if (offset + HEADER_BYTES + SEGMENT_HEADER_BYTES > bytes.length) return 'no'
  if (readUint8(bytes, offset) !== IMAGE_MAGIC) return 'no'
  const segmentCount = readUint8(bytes, offset + 1)
  if (segmentCount < 1 || segmentCount > MAX_SEGMENTS) return 'no'
  const header = readImageHeader(bytes, offset)
  if (header === null) return 'no'
  if (header.form === 'short') return 'yes'
  const isReservedClear = isFilledWith(bytes.subarray(offset + 19, offset + 23), 0)
  const isHashFlag = readUint8(bytes, offset + 23) <= 1
  if (!isReservedClear || !isHashFlag) return 'no'
  return header.chip !== undefined && header.flashMode !== null ? 'yes' : 'maybe'
}

/** Names the chip that an image was made for; null for an id that is not in the table. */
export function chipNameOf(header: EspImageHeader): string | null {
  return header.chip?.name ?? null
}

/**
 * An ESP8266 image has its first segment's load address where the long header keeps the pin settings: those never look
 * like an ESP8266 address.
 */
function recogniseForm(bytes: Uint8Array, offset: number): HeaderForm {
  const firstLoadAddress = readUint32(bytes, offset + SHORT_HEADER_BYTES)
  const isEsp8266Address =
    (firstLoadAddress >= 0x3ffe_8000 && firstLoadAddress < 0x4000_0000) ||
    isEsp8266RamCode(firstLoadAddress) ||
    (firstLoadAddress >= 0x4020_0000 && firstLoadAddress < 0x4030_0000)
  return isEsp8266Address ? 'short' : 'long'
}

/** The ESP8266's instruction RAM. On an ESP32 this is mapped flash, where no image begins to run. */
function isEsp8266RamCode(address: number): boolean {
  return address >= 0x4010_0000 && address < 0x4011_0000
}

function readRevisions(bytes: Uint8Array, offset: number): Pick<EspImageHeader, 'minChipRevision' | 'maxChipRevision'> {
  const oldMinimum = readUint8(bytes, offset + 14) * 100
  const minimum = readUint16(bytes, offset + 15)
  const maximum = readUint16(bytes, offset + 17)
  return {
    minChipRevision: minimum === 0 ? oldMinimum : minimum,
    maxChipRevision: maximum === 0 || maximum === 0xffff ? null : maximum,
  }
}
