/** Makes images and Intel HEX texts for tests: seeded, so that a failing case can be made again. */
import type { Segment } from '../../../src/core/image/memory-image.ts'

/** A small generator of repeatable pseudo-random numbers (mulberry32): values from 0 up to, not including, 1. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

export function randomInteger(random: () => number, minimum: number, maximum: number): number {
  return minimum + Math.floor(random() * (maximum - minimum + 1))
}

/** Segments of pseudo-random bytes with odd lengths and gaps between them. */
export function randomSegments(
  random: () => number,
  options: { totalBytes: number; baseAddress: number; longestSegment?: number; longestGap?: number },
): readonly Segment[] {
  const segments: Segment[] = []
  let address = options.baseAddress
  let rest = options.totalBytes
  while (rest > 0) {
    const length = Math.min(rest, randomInteger(random, 1, options.longestSegment ?? 1 << 20))
    segments.push({ address, bytes: randomBytes(random, length) })
    rest -= length
    address += length + randomInteger(random, 1, options.longestGap ?? 32 * 1024)
  }
  return segments
}

export function randomBytes(random: () => number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let index = 0; index < length; index++) bytes[index] = random() * 256
  return bytes
}

/** One record with a right checksum, without a line end. */
export function hexRecord(type: number, offset: number, data: Uint8Array | readonly number[] = []): string {
  const body = [data.length, offset >> 8, offset & 0xff, type, ...data]
  const sum = body.reduce((total, byte) => total + byte, 0)
  return `:${Buffer.from([...body, -sum & 0xff])
    .toString('hex')
    .toUpperCase()}`
}

export interface HexTextOptions {
  readonly recordBytes?: number
  readonly lineEnd?: string
  readonly startAddress?: number
}

/** Writes segments as Intel HEX text the way linkers do, independent of the project's own writer. */
export function hexText(segments: readonly Segment[], options: HexTextOptions = {}): Buffer {
  const { recordBytes = 16, lineEnd = '\r\n', startAddress } = options
  const pieces: string[] = []
  let page = -1
  for (const { address, bytes } of segments) {
    for (let start = 0; start < bytes.length;) {
      const at = address + start
      if (Math.floor(at / 0x10000) !== page) {
        page = Math.floor(at / 0x10000)
        pieces.push(hexRecord(4, 0, [page >> 8, page & 0xff]))
      }
      const length = Math.min(recordBytes, bytes.length - start, 0x10000 - (at & 0xffff))
      pieces.push(hexRecord(0, at & 0xffff, bytes.subarray(start, start + length)))
      start += length
    }
  }
  if (startAddress !== undefined) {
    pieces.push(
      hexRecord(
        5,
        0,
        [24, 16, 8, 0].map(shift => (startAddress >>> shift) & 0xff),
      ),
    )
  }
  pieces.push(hexRecord(1, 0), '')
  return Buffer.from(pieces.join(lineEnd), 'latin1')
}
