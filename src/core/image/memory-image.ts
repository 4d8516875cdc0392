/**
 * Bytes with absolute addresses: sorted segments that never overlap or touch. Gaps cost nothing, however far. Leaves
 * file formats to `formats/` and what a device accepts to `transfer/`.
 */
import { FlashproofError } from '../../shared/errors.ts'
import { formatAddress } from '../../shared/units.ts'

declare const flashAddress: unique symbol
/** An absolute address in a device's memory, 0 to 0xFFFFFFFF; not an offset into an image. */
export type FlashAddress = number & { readonly [flashAddress]?: never }

export interface Segment {
  readonly address: FlashAddress
  readonly bytes: Uint8Array
}

/** One past the highest 32-bit address. */
export const ADDRESS_LIMIT = 0x1_0000_0000
/** A flat file is refused when it would hold more filler than this, or than four times the data. */
export const MAX_FILLED_BYTES = 16 * 1024 * 1024
export const MAX_FILL_RATIO = 4
export const DEFAULT_FILL_BYTE = 0xff

export interface FlatImage {
  readonly bytes: Uint8Array
  readonly baseAddress: FlashAddress
  readonly filledBytes: number
}

export class MemoryImage {
  /** Sorted by address; neither overlapping nor adjacent. */
  readonly segments: readonly Segment[]

  private constructor(segments: readonly Segment[]) {
    this.segments = segments
  }

  static readonly empty = new MemoryImage([])

  /**
   * Builds an image from pieces in any order; adjacent pieces are joined, a piece that repeats the same bytes is
   * absorbed. The pieces' bytes may be shared with the image, so they must not be changed afterwards.
   * @throws {FlashproofError} image.overlap where two pieces differ, image.address-range past 0xFFFFFFFF
   */
  static fromPieces(pieces: readonly Segment[]): MemoryImage {
    const sorted = pieces.filter(piece => piece.bytes.length > 0)
    for (const piece of sorted) assertInRange(piece)
    // A stable sort keeps the file's order among pieces of one address.
    if (!isSorted(sorted)) sorted.sort((left, right) => left.address - right.address)
    const segments: Segment[] = []
    let run: Segment[] = []
    let runEnd = -1
    for (const piece of sorted) {
      if (run.length > 0 && piece.address <= runEnd) {
        run.push(piece)
        runEnd = Math.max(runEnd, piece.address + piece.bytes.length)
        continue
      }
      if (run.length > 0) segments.push(joinRun(run, runEnd))
      run = [piece]
      runEnd = piece.address + piece.bytes.length
    }
    if (run.length > 0) segments.push(joinRun(run, runEnd))
    return new MemoryImage(segments)
  }

  get isEmpty(): boolean {
    return this.segments.length === 0
  }

  /** Lowest address that holds data; null for an empty image. */
  get lowestAddress(): FlashAddress | null {
    return this.segments[0]?.address ?? null
  }

  /** One past the highest address that holds data; null for an empty image. */
  get endAddress(): FlashAddress | null {
    const last = this.segments.at(-1)
    return last === undefined ? null : last.address + last.bytes.length
  }

  get dataBytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.bytes.length, 0)
  }

  /** Bytes between the lowest and the highest address that hold no data. */
  get gapBytes(): number {
    const lowest = this.lowestAddress
    const end = this.endAddress
    return lowest === null || end === null ? 0 : end - lowest - this.dataBytes
  }

  /** Reads one byte; undefined inside a gap. */
  byteAt(address: FlashAddress): number | undefined {
    const segment = this.segmentAt(address)
    return segment?.bytes[address - segment.address]
  }

  /** The segment that holds `address`. */
  segmentAt(address: FlashAddress): Segment | undefined {
    let low = 0
    let high = this.segments.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const segment = this.segments[middle]
      if (segment === undefined) return undefined
      if (address < segment.address) high = middle - 1
      else if (address >= segment.address + segment.bytes.length) low = middle + 1
      else return segment
    }
    return undefined
  }

  /**
   * Writes the image as one flat run of bytes from `baseAddress` (default: the lowest address), gaps filled.
   * An image of one segment at the base is returned without a copy. `maximumFilledBytes` takes the place of both limits.
   * @throws {FlashproofError} format.no-data, image.gap-too-large, image.address-range when data lies below the base
   */
  flatten(options: { baseAddress?: FlashAddress; fillByte?: number; maximumFilledBytes?: number } = {}): FlatImage {
    const { sizeBytes, baseAddress, filledBytes } = this.measureFlat(options.baseAddress, options.maximumFilledBytes)
    const only = this.segments[0]
    if (this.segments.length === 1 && only?.address === baseAddress) {
      return { bytes: only.bytes, baseAddress, filledBytes: 0 }
    }
    const bytes = new Uint8Array(sizeBytes).fill(options.fillByte ?? DEFAULT_FILL_BYTE)
    for (const segment of this.segments) bytes.set(segment.bytes, segment.address - baseAddress)
    return { bytes, baseAddress, filledBytes }
  }

  /**
   * Says how large `flatten` would be, and refuses what it would refuse, without making the bytes.
   * @throws {FlashproofError} format.no-data, image.gap-too-large, image.address-range
   */
  measureFlat(
    wantedBase?: FlashAddress,
    maximumFilledBytes?: number,
  ): { sizeBytes: number; baseAddress: FlashAddress; filledBytes: number } {
    const lowest = this.lowestAddress
    const end = this.endAddress
    if (lowest === null || end === null) throw new FlashproofError('format.no-data', 'the image holds no data')
    const baseAddress = wantedBase ?? lowest
    if (baseAddress > lowest) {
      throw new FlashproofError(
        'image.address-range',
        `the image has data at ${formatAddress(lowest)}, below the base ${formatAddress(baseAddress)}`,
        { address: lowest, baseAddress },
      )
    }
    const sizeBytes = end - baseAddress
    const dataBytes = this.dataBytes
    const filledBytes = sizeBytes - dataBytes
    const mostFilled = maximumFilledBytes ?? Math.min(MAX_FILLED_BYTES, MAX_FILL_RATIO * dataBytes)
    if (filledBytes > mostFilled) {
      const isTolerable = filledBytes <= 64 * 1024
      if (!isTolerable) {
        throw new FlashproofError(
          'image.gap-too-large',
          `a flat file would hold ${String(filledBytes)} bytes of filler for ${String(dataBytes)} bytes of data`,
          { filledBytes, dataBytes, baseAddress, segments: this.segments.length },
        )
      }
    }
    return { sizeBytes, baseAddress, filledBytes }
  }
}

function assertInRange(piece: Segment): void {
  const isWhole = Number.isInteger(piece.address) && piece.address >= 0
  if (isWhole && piece.address + piece.bytes.length <= ADDRESS_LIMIT) return
  throw new FlashproofError(
    'image.address-range',
    `${String(piece.bytes.length)} bytes at ${formatAddress(piece.address)} reach past 0xFFFFFFFF`,
    { address: piece.address, sizeBytes: piece.bytes.length },
  )
}

function isSorted(pieces: readonly Segment[]): boolean {
  for (let index = 1; index < pieces.length; index++) {
    if ((pieces[index]?.address ?? 0) < (pieces[index - 1]?.address ?? 0)) return false
  }
  return true
}

function joinRun(run: readonly Segment[], runEnd: number): Segment {
  const first = run[0]
  if (first === undefined) throw new RangeError('an empty run')
  return run.length === 1 ? first : joinPieces(run, first.address, runEnd).segment
}

export interface JoinedPieces {
  readonly segment: Segment
  /** Bytes that were given more than once, each time the same. */
  readonly repeatedBytes: number
  /** The lowest address that was given more than once; null where none was. */
  readonly firstRepeatedAddress: FlashAddress | null
}

/**
 * Copies pieces that touch or overlap into one segment.
 * @param pieces sorted by address
 * @param end one past the highest address among them
 * @throws {FlashproofError} image.overlap where two pieces differ
 */
export function joinPieces(pieces: Iterable<Segment>, address: FlashAddress, end: FlashAddress): JoinedPieces {
  const bytes = new Uint8Array(end - address)
  let filledLength = 0
  let repeatedBytes = 0
  let firstRepeatedAddress: FlashAddress | null = null
  for (const piece of pieces) {
    const offset = piece.address - address
    const sharedLength = Math.min(piece.bytes.length, filledLength - offset)
    for (let index = 0; index < sharedLength; index++) {
      if (bytes[offset + index] === piece.bytes[index]) continue
      throw new FlashproofError(
        'image.overlap',
        `two records give ${formatAddress(piece.address + index)} different bytes`,
        { address: piece.address + index, firstValue: bytes[offset + index], secondValue: piece.bytes[index] },
      )
    }
    if (sharedLength > 0) {
      repeatedBytes += sharedLength
      firstRepeatedAddress ??= piece.address
    }
    bytes.set(piece.bytes, offset)
    filledLength = Math.max(filledLength, offset + piece.bytes.length)
  }
  return { segment: { address, bytes }, repeatedBytes, firstRepeatedAddress }
}
