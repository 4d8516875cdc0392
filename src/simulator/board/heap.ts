/**
 * The heap of a virtual ESP32: an allocator over the regions that a real board has, so that free memory, the largest
 * block and the lowest mark follow from what requests really hold.
 */

const KIB = 1024

/** Address and size of each region, and what the system and the application hold from boot on: 110 of 320 KiB. */
const regions = [
  { start: 0x3ffb_0000, sizeBytes: 184 * KIB, heldAtBoot: [span(0, 60), span(72, 4)] },
  { start: 0x3ffe_8000, sizeBytes: 100 * KIB, heldAtBoot: [span(0, 30), span(38, 2)] },
  { start: 0x4008_0000, sizeBytes: 36 * KIB, heldAtBoot: [span(0, 14)] },
] as const

/** The allocator's own words in front of each block. */
const BLOCK_HEADER_BYTES = 8
const ALIGNMENT_BYTES = 8

interface FreeBlock {
  address: number
  sizeBytes: number
}

/** Names a block that was taken, for giving it back. */
export type HeapBlock = number & { readonly __heapBlock?: never }

export class VirtualHeap {
  readonly totalBytes: number
  /** Sorted by address. */
  readonly #free: FreeBlock[] = []
  readonly #taken = new Map<HeapBlock, number>()
  #freeBytes = 0
  #minimumFreeBytes: number

  /** A heap as it is right after boot. */
  constructor() {
    this.totalBytes = regions.reduce((sum, region) => sum + region.sizeBytes, 0)
    for (const region of regions) {
      let offset = 0
      for (const held of region.heldAtBoot) {
        this.#addFree(region.start + offset, held.offset - offset)
        offset = held.offset + held.sizeBytes
      }
      this.#addFree(region.start + offset, region.sizeBytes - offset)
    }
    this.#minimumFreeBytes = this.#freeBytes
  }

  get freeBytes(): number {
    return this.#freeBytes
  }

  /** The lowest that `freeBytes` has been since boot; never rises. */
  get minimumFreeBytes(): number {
    return this.#minimumFreeBytes
  }

  /** The largest request that would be met now. */
  get largestBlockBytes(): number {
    let largest = 0
    for (const block of this.#free) largest = Math.max(largest, block.sizeBytes)
    return Math.max(0, largest - BLOCK_HEADER_BYTES)
  }

  /** Takes a block from the smallest hole that holds it; null when none does, as malloc on the board. */
  take(sizeBytes: number): HeapBlock | null {
    const wanted = Math.ceil((sizeBytes + BLOCK_HEADER_BYTES) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
    let bestIndex = -1
    let best: FreeBlock | undefined
    for (const [index, block] of this.#free.entries()) {
      if (block.sizeBytes < wanted || (best !== undefined && block.sizeBytes >= best.sizeBytes)) continue
      best = block
      bestIndex = index
    }
    if (best === undefined) return null
    const address = best.address
    if (best.sizeBytes === wanted) this.#free.splice(bestIndex, 1)
    else {
      best.address += wanted
      best.sizeBytes -= wanted
    }
    this.#taken.set(address, wanted)
    this.#freeBytes -= wanted
    this.#minimumFreeBytes = Math.min(this.#minimumFreeBytes, this.#freeBytes)
    return address
  }

  /** Gives a block back and joins it with its free neighbours; a block given back before is ignored. */
  release(block: HeapBlock): void {
    const sizeBytes = this.#taken.get(block)
    if (sizeBytes === undefined) return
    this.#taken.delete(block)
    this.#freeBytes += sizeBytes
    const found = this.#free.findIndex(free => free.address > block)
    const at = found === -1 ? this.#free.length : found
    const before = this.#free[at - 1]
    const after = this.#free[at]
    const joinsBefore = before !== undefined && before.address + before.sizeBytes === block
    const joinsAfter = after?.address === block + sizeBytes
    if (joinsBefore && joinsAfter) {
      before.sizeBytes += sizeBytes + after.sizeBytes
      this.#free.splice(at, 1)
    } else if (joinsBefore) before.sizeBytes += sizeBytes
    else if (joinsAfter) {
      after.address = block
      after.sizeBytes += sizeBytes
    } else this.#free.splice(at, 0, { address: block, sizeBytes })
  }

  #addFree(address: number, sizeBytes: number): void {
    if (sizeBytes === 0) return
    this.#free.push({ address, sizeBytes })
    this.#freeBytes += sizeBytes
  }
}

function span(offsetKib: number, sizeKib: number): { offset: number; sizeBytes: number } {
  return { offset: offsetKib * KIB, sizeBytes: sizeKib * KIB }
}
