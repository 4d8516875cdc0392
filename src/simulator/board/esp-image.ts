/**
 * What a virtual board's ROM and second-stage bootloader check of an application image before they start it. Written
 * for the device alone: it shares no code with the reader that the workstation uses.
 */
import { createHash } from 'node:crypto'

const IMAGE_MAGIC = 0xe9
const HEADER_BYTES = 24
const SEGMENT_HEADER_BYTES = 8
const MAXIMUM_SEGMENTS = 16
const CHECKSUM_SEED = 0xef
const SHA256_BYTES = 32
const DESCRIPTOR_MAGIC = 0xabcd5432
const DESCRIPTOR_OFFSET = HEADER_BYTES + SEGMENT_HEADER_BYTES

/** Where the bootloader of an ESP32 itself runs: an image that loads there is another bootloader, no application. */
const LOADER_CHIP_ID = 0
const LOADER_START = 0x4007_8000
const LOADER_END = 0x4008_0000

/** Chip ids of the image header (`esp_chip_id_t`), by the name a device reports. */
const chipIds: Readonly<Record<string, number>> = {
  ESP32: 0,
  'ESP32-S2': 2,
  'ESP32-C3': 5,
  'ESP32-S3': 9,
  'ESP32-C2': 12,
  'ESP32-C6': 13,
  'ESP32-H2': 16,
  'ESP32-P4': 18,
  'ESP32-C61': 20,
  'ESP32-C5': 23,
}

export interface AppDescription {
  readonly name: string
  readonly version: string
  /** SHA-256 of the application's ELF file, 64 hex digits. */
  readonly elfSha256: string
}

export interface SelfCheck {
  /** Why the bootloader refuses the image; null when it starts it. */
  readonly problem: string | null
  /** Null for images built without an application descriptor. */
  readonly app: AppDescription | null
}

/** Tells whether a stored file would be taken for an application image at all; says nothing about its soundness. */
export function looksLikeEspImage(bytes: Uint8Array): boolean {
  const segments = bytes[1] ?? 0
  return bytes.length > HEADER_BYTES && bytes[0] === IMAGE_MAGIC && segments >= 1 && segments <= MAXIMUM_SEGMENTS
}

/**
 * Walks the image as `esp_image_verify` does: magic, chip, segments, checksum, appended SHA-256. Bytes after the image
 * are not looked at.
 */
export function checkEspImage(bytes: Uint8Array, chip: string): SelfCheck {
  // The ESP8266 looks at the first byte alone, and its applications carry no descriptor (esp8266/Arduino, Updater.cpp).
  if (chip.toUpperCase() === 'ESP8266' && bytes[0] === IMAGE_MAGIC) return { problem: null, app: null }
  if (!looksLikeEspImage(bytes)) return refuse('invalid header: no ESP image magic')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const chipId = view.getUint16(12, true)
  const ownChipId = chipIds[chip.toUpperCase()]
  if (ownChipId !== undefined && chipId !== ownChipId) {
    return refuse(`mismatch chip ID, expected ${String(ownChipId)}, found ${String(chipId)}`)
  }
  let offset = HEADER_BYTES
  let checksum = CHECKSUM_SEED
  for (let segment = 0; segment < view.getUint8(1); segment++) {
    if (offset + SEGMENT_HEADER_BYTES > bytes.length) return refuse(`segment ${String(segment)} lies outside the image`)
    const sizeBytes = view.getUint32(offset + 4, true)
    const start = offset + SEGMENT_HEADER_BYTES
    if (sizeBytes % 4 !== 0 || start + sizeBytes > bytes.length) {
      return refuse(`segment ${String(segment)} has a bad length`)
    }
    const address = view.getUint32(offset, true)
    if (chipId === LOADER_CHIP_ID && address < LOADER_END && address + sizeBytes > LOADER_START) {
      return refuse(`segment ${String(segment)} overlaps the bootloader`)
    }
    for (let at = start; at < start + sizeBytes; at++) checksum ^= bytes[at] ?? 0
    offset = start + sizeBytes
  }
  const checksumAt = offset + (15 - (offset % 16))
  if (bytes[checksumAt] !== (checksum & 0xff)) return refuse('checksum failed')
  const hashAt = checksumAt + 1
  if (view.getUint8(23) === 1) {
    const appended = bytes.subarray(hashAt, hashAt + SHA256_BYTES)
    const computed = createHash('sha256').update(bytes.subarray(0, hashAt)).digest()
    if (appended.length < SHA256_BYTES || !computed.equals(appended)) return refuse('hash failed')
  }
  return { problem: null, app: readDescriptor(bytes, view) }
}

function refuse(problem: string): SelfCheck {
  return { problem, app: null }
}

/** Reads `esp_app_desc_t` at the head of the first segment. */
function readDescriptor(bytes: Uint8Array, view: DataView): AppDescription | null {
  if (bytes.length < DESCRIPTOR_OFFSET + 256) return null
  if (view.getUint32(DESCRIPTOR_OFFSET, true) !== DESCRIPTOR_MAGIC) return null
  const elfSha256 = bytes.subarray(DESCRIPTOR_OFFSET + 144, DESCRIPTOR_OFFSET + 176)
  return {
    version: readText(bytes, DESCRIPTOR_OFFSET + 16, 32),
    name: readText(bytes, DESCRIPTOR_OFFSET + 48, 32),
    elfSha256: Buffer.from(elfSha256).toString('hex'),
  }
}

function readText(bytes: Uint8Array, offset: number, fieldBytes: number): string {
  const field = bytes.subarray(offset, offset + fieldBytes)
  const end = field.indexOf(0)
  return new TextDecoder().decode(end === -1 ? field : field.subarray(0, end))
}
