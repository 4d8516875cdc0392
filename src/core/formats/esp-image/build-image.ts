/** Makes ESP images that the chip's bootloader and esptool accept: for demonstrations and tests, not a linker. */
import { createHash } from 'node:crypto'
import { APP_DESCRIPTOR_BYTES, buildAppDescriptor, type AppDescriptor } from './app-descriptor.ts'
import { chipByName, isFlashMapped, type EspChip } from './chips.ts'
import { HEADER_BYTES, IMAGE_MAGIC, MAX_SEGMENTS, SEGMENT_HEADER_BYTES } from './image-header.ts'
import { CHECKSUM_SEED, MAX_SEGMENT_BYTES } from './image-layout.ts'
import { writeUint16, writeUint32 } from './little-endian.ts'

export interface SegmentToBuild {
  readonly address: number
  readonly bytes: Uint8Array
}

export interface EspImageToBuild {
  /** A name of the chip table, such as `ESP32-S3`. */
  readonly chip: string
  /** In the order of the file. Flash-mapped ones are moved to their page by filler segments. */
  readonly segments: readonly SegmentToBuild[]
  readonly entryAddress: number
  /** Put before the first segment's bytes; the segment's address is then that of the descriptor. */
  readonly app?: Partial<AppDescriptor>
  readonly appendHash?: boolean
  /** major × 100 + minor. */
  readonly minChipRevision?: number
}

/** Flash is mapped in pages of this size; file offset and address of mapped data agree within it. */
const PAGE_BYTES = 0x10000
/** DIO, the mode that works on every board. */
const FLASH_MODE = 2
/** 4 MB and the chip's usual clock. */
const FLASH_SIZE_AND_FREQUENCY = 0x20

/**
 * Builds an image: header, segments with what alignment needs, checksum, SHA-256.
 * @throws {RangeError} for an unknown chip, no segment, more than 16 with the filler, or a segment of 16 MiB
 */
export function buildEspImage(wanted: EspImageToBuild): Uint8Array {
  const chip = chipByName(wanted.chip)
  if (chip === undefined || chip.imageChipId === null) throw new RangeError(`no image can be built for ${wanted.chip}`)
  const pieces = layOut(chip, withDescriptor(wanted))
  const last = pieces.at(-1)
  if (last === undefined || pieces.length > MAX_SEGMENTS) {
    throw new RangeError(`an image has 1 to ${String(MAX_SEGMENTS)} segments, not ${String(pieces.length)}`)
  }
  const segmentsEnd = last.fileOffset + padded(last.bytes.length)
  const checksumAt = segmentsEnd | 15
  const isHashed = wanted.appendHash ?? true
  const image = new Uint8Array(checksumAt + 1 + (isHashed ? 32 : 0))
  writeHeader(image, { chip, wanted, segmentCount: pieces.length, isHashed })
  let checksum = CHECKSUM_SEED
  for (const { address, bytes, fileOffset } of pieces) {
    writeUint32(image, fileOffset - SEGMENT_HEADER_BYTES, address)
    writeUint32(image, fileOffset - SEGMENT_HEADER_BYTES + 4, padded(bytes.length))
    image.set(bytes, fileOffset)
    for (const byte of bytes) checksum ^= byte
  }
  image[checksumAt] = checksum
  if (isHashed) {
    const digest = createHash('sha256')
      .update(image.subarray(0, checksumAt + 1))
      .digest()
    image.set(digest, checksumAt + 1)
  }
  return image
}

interface PlacedSegment extends SegmentToBuild {
  readonly fileOffset: number
}

function withDescriptor({ segments, app }: EspImageToBuild): readonly SegmentToBuild[] {
  const [first, ...others] = segments
  if (app === undefined || first === undefined) return segments
  const bytes = new Uint8Array(APP_DESCRIPTOR_BYTES + first.bytes.length)
  bytes.set(
    buildAppDescriptor({
      projectName: app.projectName ?? 'firmware',
      version: app.version ?? '1',
      idfVersion: app.idfVersion ?? '',
      buildDate: app.buildDate ?? '',
      buildTime: app.buildTime ?? '',
      elfSha256: app.elfSha256 ?? '',
      secureVersion: app.secureVersion ?? 0,
    }),
  )
  bytes.set(first.bytes, APP_DESCRIPTOR_BYTES)
  return [{ address: first.address, bytes }, ...others]
}

/** Gives every segment its place; filler segments (address 0) move mapped ones to where their page wants them. */
function layOut(chip: EspChip, segments: readonly SegmentToBuild[]): readonly PlacedSegment[] {
  const placed: PlacedSegment[] = []
  let position = HEADER_BYTES
  const place = (segment: SegmentToBuild): void => {
    const sizeBytes = padded(segment.bytes.length)
    if (sizeBytes >= MAX_SEGMENT_BYTES)
      throw new RangeError(`a segment of ${String(sizeBytes)} bytes; 16 MiB is the limit`)
    placed.push({ ...segment, fileOffset: position + SEGMENT_HEADER_BYTES })
    position += SEGMENT_HEADER_BYTES + sizeBytes
  }
  for (const segment of segments) {
    if (isFlashMapped(chip, segment.address)) {
      const gap = modulo(segment.address - SEGMENT_HEADER_BYTES - position, PAGE_BYTES)
      // The filler needs a header of its own.
      if (gap > 0) place({ address: 0, bytes: new Uint8Array(modulo(gap - SEGMENT_HEADER_BYTES, PAGE_BYTES)) })
    }
    place(segment)
  }
  return placed
}

function writeHeader(
  image: Uint8Array,
  header: { chip: EspChip; wanted: EspImageToBuild; segmentCount: number; isHashed: boolean },
): void {
  image.set([IMAGE_MAGIC, header.segmentCount, FLASH_MODE, FLASH_SIZE_AND_FREQUENCY])
  writeUint32(image, 4, header.wanted.entryAddress)
  // No pin guards the flash against writing.
  image[8] = 0xee
  writeUint16(image, 12, header.chip.imageChipId ?? 0)
  const minimum = header.wanted.minChipRevision ?? 0
  image[14] = Math.floor(minimum / 100)
  writeUint16(image, 15, minimum)
  writeUint16(image, 17, 0xffff)
  image[23] = header.isHashed ? 1 : 0
}

function padded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 4) * 4
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor
}
