/**
 * Collects addressed bytes in the order of a file and makes a MemoryImage of them. Bytes that follow each other cost no
 * bookkeeping, so a file of millions of records costs little more than its data; overlaps are found at the end.
 */
import { FlashproofError } from '../../shared/errors.ts'
import { formatAddress } from '../../shared/units.ts'
import {
  ADDRESS_LIMIT,
  MemoryImage,
  joinPieces,
  type FlashAddress,
  type JoinedPieces,
  type Segment,
} from './memory-image.ts'

/** More separate runs than this in the order of the file are refused: firmware has a few, a broken or hostile file many. */
export const MAX_RUNS = 4 * 1024 * 1024
/** More segments than this in the finished image are refused. */
export const MAX_SEGMENTS = 64 * 1024

const INITIAL_RUNS = 256

export interface BuiltImage {
  readonly image: MemoryImage
  /** Bytes that the file gave more than once, each time the same. */
  readonly repeatedBytes: number
  /** The lowest address that was given more than once; null where none was. */
  readonly firstRepeatedAddress: FlashAddress | null
}

export class ImageBuilder {
  /** All data in file order. Reserved once; the system gives real memory only for the pages that are written. */
  readonly #data: Uint8Array
  readonly #fileName: string
  #dataLength = 0
  #runAddresses = new Uint32Array(INITIAL_RUNS)
  #runStarts = new Uint32Array(INITIAL_RUNS)
  #runCount = 0
  #nextAddress = -1

  /**
   * @param maximumDataBytes a limit that the data surely keeps, such as half the length of a hex text
   * @param fileName for the errors
   */
  constructor(maximumDataBytes: number, fileName: string) {
    this.#fileName = fileName
    this.#data = new Uint8Array(maximumDataBytes)
  }

  /** One past the last byte of the run that is being written; -1 before the first. */
  get nextAddress(): number {
    return this.#nextAddress
  }

  get dataLength(): number {
    return this.#dataLength
  }

  /**
   * Copies bytes to the image at `address`.
   * @throws {FlashproofError} image.address-range, format.unsupported for more than `MAX_RUNS` separate runs
   */
  add(address: FlashAddress, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    if (address + bytes.length > ADDRESS_LIMIT) {
      throw new FlashproofError(
        'image.address-range',
        `${this.#fileName}: ${String(bytes.length)} bytes at ${formatAddress(address)} reach past 0xFFFFFFFF`,
        { file: this.#fileName, address, sizeBytes: bytes.length },
      )
    }
    if (address !== this.#nextAddress) this.#beginRun(address)
    this.#data.set(bytes, this.#dataLength)
    this.#dataLength += bytes.length
    this.#nextAddress = address + bytes.length
  }

  /**
   * Makes the image. The builder must not be used afterwards: the image keeps its memory.
   * @throws {FlashproofError} image.overlap where one address got different bytes, format.unsupported for more than `MAX_SEGMENTS` segments
   */
  finish(): BuiltImage {
    const order = this.#orderByAddress()
    const segments: Segment[] = []
    let repeatedBytes = 0
    let firstRepeatedAddress: FlashAddress | null = null
    for (let first = 0; first < order.length;) {
      const group = this.#groupFrom(order, first)
      const joined = this.#join(group)
      repeatedBytes += joined.repeatedBytes
      firstRepeatedAddress ??= joined.firstRepeatedAddress
      segments.push(joined.segment)
      if (segments.length > MAX_SEGMENTS) throw this.#tooManyPieces('segments', MAX_SEGMENTS)
      first += group.length
    }
    return { image: MemoryImage.fromPieces(segments), repeatedBytes, firstRepeatedAddress }
  }

  #beginRun(address: FlashAddress): void {
    if (this.#runCount === MAX_RUNS) throw this.#tooManyPieces('separate runs', MAX_RUNS)
    if (this.#runCount === this.#runAddresses.length) this.#growRuns()
    this.#runAddresses[this.#runCount] = address
    this.#runStarts[this.#runCount] = this.#dataLength
    this.#runCount++
  }

  #growRuns(): void {
    const capacity = this.#runCount * 2
    const addresses = new Uint32Array(capacity)
    const starts = new Uint32Array(capacity)
    addresses.set(this.#runAddresses)
    starts.set(this.#runStarts)
    this.#runAddresses = addresses
    this.#runStarts = starts
  }

  #orderByAddress(): Uint32Array {
    const order = new Uint32Array(this.#runCount)
    const addresses = this.#runAddresses
    let isAscending = true
    for (let run = 0; run < order.length; run++) {
      order[run] = run
      if (run > 0 && (addresses[run] ?? 0) < (addresses[run - 1] ?? 0)) isAscending = false
    }
    // Runs of one address stay in the order of the file.
    if (!isAscending) {
      order.sort((left, right) => (addresses[left] ?? 0) - (addresses[right] ?? 0) || left - right)
    }
    return order
  }

  /** The runs from `first` on that touch or overlap each other. */
  #groupFrom(order: Uint32Array, first: number): Uint32Array {
    let end = -1
    let last = first
    for (; last < order.length; last++) {
      const run = order[last] ?? 0
      const address = this.#runAddresses[run] ?? 0
      if (last > first && address > end) break
      end = Math.max(end, address + this.#runLength(run))
    }
    return order.subarray(first, last)
  }

  #runLength(run: number): number {
    const end = run + 1 < this.#runCount ? (this.#runStarts[run + 1] ?? 0) : this.#dataLength
    return end - (this.#runStarts[run] ?? 0)
  }

  #runBytes(run: number): Uint8Array {
    const start = this.#runStarts[run] ?? 0
    return this.#data.subarray(start, start + this.#runLength(run))
  }

  #join(group: Uint32Array): JoinedPieces {
    const firstRun = group[0] ?? 0
    const address = this.#runAddresses[firstRun] ?? 0
    if (group.length === 1) {
      const segment = { address, bytes: this.#runBytes(firstRun) }
      return { segment, repeatedBytes: 0, firstRepeatedAddress: null }
    }
    let end = address
    for (const run of group) end = Math.max(end, (this.#runAddresses[run] ?? 0) + this.#runLength(run))
    return joinPieces(this.#pieces(group), address, end)
  }

  *#pieces(group: Uint32Array): Generator<Segment> {
    for (const run of group) yield { address: this.#runAddresses[run] ?? 0, bytes: this.#runBytes(run) }
  }

  #tooManyPieces(what: string, maximum: number): FlashproofError {
    return new FlashproofError(
      'format.unsupported',
      `${this.#fileName}: the data is scattered over more than ${String(maximum)} ${what}; no firmware is`,
      { file: this.#fileName, maximum },
    )
  }
}
