/**
 * What is done to which page: the pages that the image touches and no other, and what each holds afterwards. A page can be
 * erased only as a whole, so the rest of one that the image does not fill is read first and written back.
 */
import { FlashproofError } from '../../../shared/errors.ts'
import { formatAddress } from '../../../shared/units.ts'
import type { Segment } from '../../image/memory-image.ts'
import type { FlashMap, Page } from './flash-map.ts'
import { BLOCK_BYTES } from './frames.ts'
import { FLASH_START, RAM_START } from './products.ts'

/** What most families hold after an erase. */
const ERASED_BYTE = 0xff

/** A run of the image's bytes within one page. */
interface Part {
  readonly offset: number
  readonly bytes: Uint8Array
}

export interface PlannedPage extends Page {
  /** Chunk number in the ledger. */
  readonly index: number
  readonly parts: readonly Part[]
  /** Bytes of the image in it. */
  readonly dataBytes: number
}

/** One write, and one read of the proof. */
export interface Block {
  readonly address: number
  readonly bytes: Uint8Array
  /** Bytes of the image in it; 0 for what is only written back. */
  readonly dataBytes: number
}

/**
 * The image's segments at their own addresses.
 * @param base where a file without addresses begins
 */
export function placeSegments(
  segments: readonly Segment[],
  baseAddress: number | null,
  base: number,
): readonly Segment[] {
  if (baseAddress !== null) return segments
  return segments.map(({ address, bytes }) => ({ address: address + base, bytes }))
}

/** @throws {FlashproofError} image.outside-flash naming the first byte that lies elsewhere */
export function planPages(segments: readonly Segment[], map: FlashMap): readonly PlannedPage[] {
  const partsOf = new Map<Page, Part[]>()
  for (const segment of segments) {
    assertInFlash(segment, map)
    const end = segment.address + segment.bytes.length
    for (const page of map.touching(segment.address, end)) {
      const from = Math.max(segment.address, page.address)
      const to = Math.min(end, page.address + page.sizeBytes)
      const bytes = segment.bytes.subarray(from - segment.address, to - segment.address)
      const parts = partsOf.get(page) ?? []
      parts.push({ offset: from - page.address, bytes })
      partsOf.set(page, parts)
    }
  }
  return [...partsOf].map(([page, parts], index) => ({
    ...page,
    index,
    parts,
    dataBytes: parts.reduce((sum, part) => sum + part.bytes.length, 0),
  }))
}

/** Whether the image fills the page, so that nothing of what it held is kept. */
export function isFilled({ dataBytes, sizeBytes }: PlannedPage): boolean {
  return dataBytes === sizeBytes
}

/** What the page holds afterwards. @param old what it holds now and keeps beside the image; null: nothing */
export function contentOf(page: PlannedPage, old: Uint8Array | null): Uint8Array {
  const [only] = page.parts
  if (isFilled(page) && page.parts.length === 1 && only !== undefined) return only.bytes
  const content = old === null ? new Uint8Array(page.sizeBytes).fill(ERASED_BYTE) : old.slice()
  for (const { offset, bytes } of page.parts) content.set(bytes, offset)
  return content
}

/**
 * The blocks of a page that hold something: bytes of the image, or bytes that were there and are kept.
 * @param old what the page held and keeps beside the image; null: nothing
 * @param erasedByte what an erase leaves; null where that is not known: then nothing that was there is taken for empty
 */
export function blocksOf(page: PlannedPage, old: Uint8Array | null, erasedByte: number | null): readonly Block[] {
  const content = contentOf(page, old)
  const blocks: Block[] = []
  for (let offset = 0; offset < content.length; offset += BLOCK_BYTES) {
    const bytes = content.subarray(offset, offset + BLOCK_BYTES)
    const dataBytes = page.parts.reduce((sum, part) => sum + sharedBytes(part, offset, offset + bytes.length), 0)
    const isKept = old !== null && bytes.some(byte => byte !== erasedByte)
    if (dataBytes > 0 || isKept) blocks.push({ address: page.address + offset, bytes, dataBytes })
  }
  return blocks
}

/** Whether flash looks so after an erase: all ones, with L0 and L1 all zeros. */
export function isErased(bytes: Uint8Array): boolean {
  const [first] = bytes
  return (first === 0xff || first === 0) && bytes.every(byte => byte === first)
}

/** The image's own bytes of a page whose rest was never touched. */
export function imageBlocksOf({ address, parts }: PlannedPage): readonly Block[] {
  return parts.flatMap(part => {
    const starts = Array.from({ length: Math.ceil(part.bytes.length / BLOCK_BYTES) }, (_, index) => index * BLOCK_BYTES)
    return starts.map(start => {
      const bytes = part.bytes.subarray(start, start + BLOCK_BYTES)
      return { address: address + part.offset + start, bytes, dataBytes: bytes.length }
    })
  })
}

/**
 * Whether what the image does not fill of a page could be `kept` after a write that broke off: nothing there but what was
 * there, and what an erase leaves.
 */
export function mayBeRemainder(page: PlannedPage, now: Uint8Array, kept: Uint8Array): boolean {
  if (now.length !== kept.length) return false
  const isOfImage = new Uint8Array(page.sizeBytes)
  for (const { offset, bytes } of page.parts) isOfImage.fill(1, offset, offset + bytes.length)
  return now.every((byte, index) => isOfImage[index] === 1 || byte === kept[index] || byte === 0xff || byte === 0)
}

function sharedBytes({ offset, bytes }: Part, start: number, end: number): number {
  return Math.max(0, Math.min(end, offset + bytes.length) - Math.max(start, offset))
}

function assertInFlash({ address, bytes }: Segment, map: FlashMap): void {
  const end = address + bytes.length
  if (address >= FLASH_START && end <= map.endAddress) return
  const first = address >= FLASH_START && address < map.endAddress ? map.endAddress : address
  const isRam = first >= RAM_START && first < 2 * RAM_START
  const where = `${formatAddress(FLASH_START)} to ${formatAddress(map.endAddress - 1)}`
  const message = isRam
    ? `the image has data at ${formatAddress(first)}, which is RAM, in part the bootloader’s own; flash alone is written (${where})`
    : `the image has data at ${formatAddress(first)}; the flash of this chip is ${where}`
  const details = { address: formatAddress(first), flashBytes: map.endAddress - FLASH_START }
  throw new FlashproofError('image.outside-flash', message, details)
}
