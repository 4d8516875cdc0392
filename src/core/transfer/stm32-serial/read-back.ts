/**
 * The proof: everything that was written is read back and compared, once, after the last byte. What differs is read again
 * (an answer carries no checksum), then written again with each block read at once, and then all is read once more.
 */
import { createHash } from 'node:crypto'
import { FlashproofError } from '../../../shared/errors.ts'
import { formatAddress } from '../../../shared/units.ts'
import type { Block, PlannedPage } from './plan.ts'
import { isEqual, protectedPage, type FlashWriter } from './writer.ts'

const PASSES = 3
const EDGE_BYTES = 16 * 1024
/** Of a block of a protected page at least every so many-th byte is another one. */
const PROTECTED_SHARE = 8

/** A page with the blocks that it must hold. */
export interface WrittenPage {
  readonly page: PlannedPage
  readonly blocks: readonly Block[]
}

export interface ReadBackWorld {
  readonly writer: FlashWriter
  /** A place to pause, at least every few seconds. */
  readonly edge: () => Promise<void>
  /** Erases a page and writes its blocks anew. */
  readonly rewrite: (page: WrittenPage) => Promise<void>
  log(level: 'info' | 'warning', code: string, text: string): void
}

/** The image as it was read: flat, filler where the file holds nothing. */
export interface ReadImage {
  readonly sha256: string
}

interface Difference {
  readonly written: WrittenPage
  readonly block: Block
  readonly found: Uint8Array
}

/**
 * Resolves when every byte that was written was read back and is right.
 * @param origin address of the flat image's first byte
 * @throws {FlashproofError} loader.protected for a page that takes nothing, loader.flash-differs naming the first byte
 */
export async function readBack(
  pages: readonly WrittenPage[],
  origin: number,
  sizeBytes: number,
  world: ReadBackWorld,
): Promise<ReadImage> {
  let before = new Map<number, Uint8Array>()
  for (let pass = 1; ; pass++) {
    const flat = new Uint8Array(sizeBytes).fill(0xff)
    const differences = await readAll(pages, flat, origin, world)
    const [first] = differences
    if (first === undefined) return { sha256: createHash('sha256').update(flat).digest('hex') }
    if (pass >= PASSES) throw asError(first, before)
    before = new Map(differences.map(({ block, found }) => [block.address, found]))
    for (const written of new Set(differences.map(difference => difference.written))) {
      world.log('warning', 'flash.differs', `page ${String(written.page.number)} is written again`)
      await world.rewrite(written)
    }
  }
}

/** Reads every block into `flat`. @returns the first block of each page that differs each time */
async function readAll(
  pages: readonly WrittenPage[],
  flat: Uint8Array,
  origin: number,
  { writer, edge }: ReadBackWorld,
): Promise<Difference[]> {
  const differences: Difference[] = []
  let sinceEdge = 0
  for (const written of pages) {
    const found = new Uint8Array(written.page.sizeBytes).fill(0xff)
    let difference: Difference | null = null
    for (const block of written.blocks) {
      let bytes = await writer.read(block.address, block.bytes.length)
      if (!isEqual(bytes, block.bytes)) bytes = await writer.read(block.address, block.bytes.length)
      if (!isEqual(bytes, block.bytes)) difference ??= { written, block, found: bytes }
      found.set(bytes, block.address - written.page.address)
      sinceEdge += bytes.length
      if (sinceEdge < EDGE_BYTES) continue
      sinceEdge = 0
      await edge()
    }
    for (const { offset, bytes } of written.page.parts) {
      flat.set(found.subarray(offset, offset + bytes.length), written.page.address + offset - origin)
    }
    if (difference !== null) differences.push(difference)
  }
  return differences
}

function asError({ written, block, found }: Difference, before: ReadonlyMap<number, Uint8Array>): FlashproofError {
  const earlier = before.get(block.address)
  const wrongBytes = found.filter((byte, position) => byte !== block.bytes[position]).length
  // A few bits that stay are worn out; a protected page stays as a whole.
  if (earlier !== undefined && isEqual(earlier, found) && wrongBytes * PROTECTED_SHARE >= found.length) {
    return protectedPage(written.page, 'it acknowledges being written and keeps what it held')
  }
  const index = found.findIndex((byte, position) => byte !== block.bytes[position])
  const address = formatAddress(block.address + index)
  const details = { address, expected: block.bytes[index], found: found[index], page: written.page.number }
  return new FlashproofError('loader.flash-differs', `the flash differs at ${address} each time it is written`, details)
}
