/** Walks one Espressif image in memory: its segments, checksum, digest, signature block, and where it ends. */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { formatAddress } from '../../../shared/units.ts'
import { isFlashMapped } from './chips.ts'
import {
  ESP8266_V2_MAGIC,
  HEADER_BYTES,
  IMAGE_MAGIC,
  MAX_SEGMENTS,
  readImageHeader,
  SEGMENT_HEADER_BYTES,
  type EspImageHeader,
} from './image-header.ts'
import { readUint32, readUint8 } from './little-endian.ts'

/** Source: esptool loader.py, ESP_CHECKSUM_MAGIC. */
export const CHECKSUM_SEED = 0xef
export const DIGEST_BYTES = 32
/** A longer segment is refused by esptool and by the bootloader. */
export const MAX_SEGMENT_BYTES = 0x100_0000
/** Source: ESP-IDF secure boot v2: a sector with up to three blocks of 1216 bytes follows the padded image. */
export const SIGNATURE_SECTOR_BYTES = 0x1000
const SIGNATURE_MAGIC = 0xe7
const SIGNATURE_CRC_OFFSET = 1196
/** Secure boot v1: a version word and an ECDSA signature after the digest. */
const OLD_SIGNATURE_BYTES = 68

export interface EspImageSegment {
  readonly loadAddress: number
  readonly fileOffset: number
  readonly sizeBytes: number
}

export interface EspImageLayout {
  readonly header: EspImageHeader
  readonly segments: readonly EspImageSegment[]
  /** What keeps the walk from reaching the end, as a sentence; null for an image that is whole. */
  readonly fault: { readonly code: string; readonly text: string } | null
  readonly checksum: { readonly expected: number; readonly found: number } | null
  readonly digest: { readonly expected: string; readonly found: string } | null
  /** Length up to and including the digest; null where the image is not whole. */
  readonly imageBytes: number | null
  /** Length with padding and signature block; null where the image is not whole. */
  readonly declaredBytes: number | null
  readonly isSigned: boolean
  /** Whether the digest in the signature block is that of the signed bytes; null without such a block. */
  readonly signedDigestValid: boolean | null
  /** Whether a segment is mapped from flash, which tells an app from a bootloader; null where that cannot be known. */
  readonly hasFlashSegments: boolean | null
}

/**
 * Walks the image that begins at `start`; null when not even its header is there. Never throws for damaged bytes: the
 * layout says how far it came.
 */
export function walkImage(bytes: Uint8Array, start = 0): EspImageLayout | null {
  const isTwoHeaderForm = readUint8(bytes, start) === ESP8266_V2_MAGIC
  // The two-header form keeps its flash-mapped code before an ordinary image, outside that image's checksum.
  const imageStart = isTwoHeaderForm ? secondHeaderAt(bytes, start) : start
  if (imageStart === null || readUint8(bytes, imageStart) !== IMAGE_MAGIC) return null
  const header = readImageHeader(bytes, imageStart)
  if (header === null) return null
  const { segments, loadAddresses, fault, end } = walkSegments(bytes, imageStart, header)
  const hasFlashSegments = isTwoHeaderForm || hasMapped(header, loadAddresses)
  const common = { header, segments, hasFlashSegments }
  if (fault !== null) return { ...common, ...notWhole, fault }

  const checksumAt = imageStart + (((end - imageStart) | 15) >>> 0)
  const imageEnd = checksumAt + 1 + (header.isHashAppended ? DIGEST_BYTES : 0)
  if (imageEnd > bytes.length) {
    const missing = imageEnd - bytes.length
    const what = checksumAt >= bytes.length ? 'checksum' : 'SHA-256'
    return {
      ...common,
      ...notWhole,
      fault: { code: 'truncated', text: `the file ends ${String(missing)} bytes too early: its ${what} is missing` },
    }
  }
  const signature = findSignature(bytes, start, imageEnd)
  return {
    ...common,
    fault: null,
    checksum: { expected: readUint8(bytes, checksumAt), found: computeChecksum(bytes, segments) },
    digest: header.isHashAppended ? compareDigest(bytes, start, checksumAt + 1) : null,
    imageBytes: imageEnd - start,
    declaredBytes: (signature?.end ?? imageEnd) - start,
    isSigned: signature !== null,
    signedDigestValid: signature?.isDigestRight ?? null,
  }
}

const notWhole = {
  checksum: null,
  digest: null,
  imageBytes: null,
  declaredBytes: null,
  isSigned: false,
  signedDigestValid: null,
} as const

/** XOR of every byte of every segment's data, begun with 0xEF. */
export function computeChecksum(bytes: Uint8Array, segments: readonly EspImageSegment[]): number {
  let checksum = CHECKSUM_SEED
  for (const { fileOffset, sizeBytes } of segments) {
    const end = fileOffset + sizeBytes
    for (let at = fileOffset; at < end; at++) checksum ^= readUint8(bytes, at)
  }
  return checksum
}

function hasMapped({ chip }: EspImageHeader, loadAddresses: readonly number[]): boolean | null {
  if (chip === undefined || loadAddresses.length === 0) return null
  return loadAddresses.some(address => isFlashMapped(chip, address))
}

function secondHeaderAt(bytes: Uint8Array, start: number): number | null {
  const codeBytes = readUint32(bytes, start + SEGMENT_HEADER_BYTES + 4)
  const at = start + SEGMENT_HEADER_BYTES * 2 + codeBytes
  return at + HEADER_BYTES <= bytes.length ? at : null
}

interface Walk {
  /** Those that are whole. */
  readonly segments: readonly EspImageSegment[]
  /** Of every segment that was announced, the one where the walk stopped too. */
  readonly loadAddresses: readonly number[]
  readonly fault: EspImageLayout['fault']
  readonly end: number
}

function walkSegments(bytes: Uint8Array, start: number, header: EspImageHeader): Walk {
  const segments: EspImageSegment[] = []
  const loadAddresses: number[] = []
  let at = start + header.sizeBytes
  const stop = (code: string, text: string): Walk => ({ segments, loadAddresses, fault: { code, text }, end: at })
  const count = header.segmentCount
  if (count < 1 || count > MAX_SEGMENTS) {
    return stop('segment-count', `the header says ${String(count)} segments; an image has 1 to ${String(MAX_SEGMENTS)}`)
  }
  for (let index = 0; index < count; index++) {
    const name = `segment ${String(index + 1)} of ${String(count)}`
    if (at + SEGMENT_HEADER_BYTES > bytes.length) return stop('truncated', `the file ends before ${name}`)
    const loadAddress = readUint32(bytes, at)
    const sizeBytes = readUint32(bytes, at + 4)
    loadAddresses.push(loadAddress)
    if (sizeBytes % 4 !== 0 || sizeBytes >= MAX_SEGMENT_BYTES) {
      const place = `${name} at file offset ${formatAddress(at - start)}`
      return stop('segment-size', `${place} says a length of ${String(sizeBytes)} bytes, which no image has`)
    }
    const fileOffset = at + SEGMENT_HEADER_BYTES
    const missing = fileOffset + sizeBytes - bytes.length
    if (missing > 0)
      return stop('truncated', `the file ends inside ${name}: at least ${String(missing)} bytes are missing`)
    segments.push({ loadAddress, fileOffset, sizeBytes })
    at = fileOffset + sizeBytes
  }
  return { segments, loadAddresses, fault: null, end: at }
}

function compareDigest(bytes: Uint8Array, start: number, digestAt: number): { expected: string; found: string } {
  const stored = bytes.subarray(digestAt, digestAt + DIGEST_BYTES)
  return { expected: toHex(stored), found: sha256(bytes.subarray(start, digestAt)) }
}

/** Finds what signing put after the image: a v2 signature sector at the next sector edge, or the v1 block of 68 bytes. */
export function findSignature(
  bytes: Uint8Array,
  start: number,
  imageEnd: number,
): { end: number; isDigestRight: boolean | null } | null {
  const sectorAt = start + Math.ceil((imageEnd - start) / SIGNATURE_SECTOR_BYTES) * SIGNATURE_SECTOR_BYTES
  if (sectorAt + SIGNATURE_SECTOR_BYTES <= bytes.length && readUint8(bytes, sectorAt) === SIGNATURE_MAGIC) {
    const isBlockWhole =
      crc32(bytes.subarray(sectorAt, sectorAt + SIGNATURE_CRC_OFFSET)) ===
      readUint32(bytes, sectorAt + SIGNATURE_CRC_OFFSET)
    const signedDigest = toHex(bytes.subarray(sectorAt + 4, sectorAt + 4 + DIGEST_BYTES))
    const isDigestRight = isBlockWhole && signedDigest === sha256(bytes.subarray(start, sectorAt))
    return { end: sectorAt + SIGNATURE_SECTOR_BYTES, isDigestRight }
  }
  const isOldSignature = bytes.length - imageEnd === OLD_SIGNATURE_BYTES && readUint32(bytes, imageEnd) === 0
  return isOldSignature ? { end: imageEnd + OLD_SIGNATURE_BYTES, isDigestRight: null } : null
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
