/** What bootloaders look at in an image: where it ends, whether it is sound. Source: protocol sheet 4.1. */
import { createHash } from 'node:crypto'

const MAGIC = 0xe9
const HEADER_BYTES = 24
const OLD_HEADER_BYTES = 8
const SEGMENT_HEADER_BYTES = 8
const MAXIMUM_SEGMENTS = 16
const CHECKSUM_SEED = 0xef
const SHA256_BYTES = 32

export interface WalkedSegment {
  readonly offset: number
  readonly address: number
  readonly sizeBytes: number
}

export interface WalkedImage {
  readonly segments: readonly WalkedSegment[]
  readonly entry: number
  /** Of the whole image, check sum and SHA-256 included. */
  readonly sizeBytes: number
  readonly isChecksumRight: boolean
  /** Null where none is appended. */
  readonly isHashRight: boolean | null
}

/**
 * Walks the image that begins at the start of `bytes`.
 * @param imageChipId what its header must name; null for the ESP8266, whose images have a short header and no hash
 * @returns the reason where no image of this chip begins there or it does not fit in `bytes`
 */
export function walkImage(bytes: Uint8Array, imageChipId: number | null): WalkedImage | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const count = bytes[1] ?? 0
  if (bytes.length < HEADER_BYTES) return 'no room for a header'
  if (bytes[0] !== MAGIC || count === 0 || count > MAXIMUM_SEGMENTS) {
    return `invalid header: 0x${view.getUint32(0, true).toString(16).padStart(8, '0')}`
  }
  const chipId = view.getUint16(12, true)
  if (imageChipId !== null && chipId !== imageChipId) {
    return `mismatch chip ID, expected ${String(imageChipId)}, found ${String(chipId)}`
  }
  const segments: WalkedSegment[] = []
  let offset = imageChipId === null ? OLD_HEADER_BYTES : HEADER_BYTES
  let checksum = CHECKSUM_SEED
  for (let index = 0; index < count; index++) {
    const start = offset + SEGMENT_HEADER_BYTES
    const sizeBytes = start <= bytes.length ? view.getUint32(offset + 4, true) : 0
    if (start + sizeBytes > bytes.length || sizeBytes % 4 !== 0) return `bad segment length 0x${sizeBytes.toString(16)}`
    segments.push({ offset: start, address: view.getUint32(offset, true), sizeBytes })
    for (let at = start; at < start + sizeBytes; at++) checksum ^= bytes[at] ?? 0
    offset = start + sizeBytes
  }
  const end = (offset | 15) + 1
  const isHashed = imageChipId !== null && bytes[23] === 1
  const sizeBytes = end + (isHashed ? SHA256_BYTES : 0)
  if (sizeBytes > bytes.length) return 'image ends behind its partition'
  return {
    segments,
    entry: view.getUint32(4, true),
    sizeBytes,
    isChecksumRight: bytes[end - 1] === checksum,
    isHashRight: isHashed
      ? createHash('sha256').update(bytes.subarray(0, end)).digest().equals(bytes.subarray(end, sizeBytes))
      : null,
  }
}
