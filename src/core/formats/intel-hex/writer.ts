/** Writes an image as Intel HEX: 16-byte records, linear address records, upper case, LF. */
import type { MemoryImage } from '../../image/memory-image.ts'
import { FlashproofError } from '../../../shared/errors.ts'
import type { WriteOptions } from '../firmware-format.ts'
import { RecordType } from './record.ts'

const DATA_BYTES = 16
const PAGE_BYTES = 0x1_0000
const TEXT_BYTES = 64 * 1024
/** `:`, 16 data bytes and 5 others in two digits each, LF. */
const LONGEST_WRITTEN = 1 + 2 * (DATA_BYTES + 5) + 1
const COLON = 0x3a
const LF = 0x0a

/** The two digits of every byte, as one 16-bit number in this machine's byte order. */
const digitPairs = new Uint16Array(
  Uint8Array.from(
    Array.from({ length: 256 }, (_, value) => value.toString(16).toUpperCase().padStart(2, '0')).join(''),
    digit => digit.charCodeAt(0),
  ).buffer,
)

/**
 * Writes every segment with its addresses; no record crosses a 64 KiB page. A piece that the sink gets is valid only
 * during the call.
 * @throws {FlashproofError} format.no-data
 */
export function writeIntelHex(image: MemoryImage, options: WriteOptions, sink: (piece: Uint8Array) => void): void {
  if (image.isEmpty) throw new FlashproofError('format.no-data', 'the image holds no data')
  const text = new RecordText(sink)
  let page = 0
  for (const { address: segmentAddress, bytes } of image.segments) {
    for (let start = 0; start < bytes.length;) {
      const address = segmentAddress + start
      const nextPage = Math.floor(address / PAGE_BYTES)
      if (nextPage !== page) {
        text.add(RecordType.linearAddress, 0, Uint8Array.of(nextPage >> 8, nextPage & 0xff))
        page = nextPage
      }
      const offset = address % PAGE_BYTES
      const length = Math.min(DATA_BYTES, bytes.length - start, PAGE_BYTES - offset)
      text.add(RecordType.data, offset, bytes, start, length)
      start += length
    }
  }
  const startAddress = options.startAddress ?? null
  if (startAddress !== null) {
    const shifts = [24, 16, 8, 0]
    text.add(
      RecordType.linearStart,
      0,
      Uint8Array.from(shifts, shift => (startAddress >>> shift) & 0xff),
    )
  }
  text.add(RecordType.end, 0, new Uint8Array(0))
  text.flush()
}

/**
 * Collects records in one buffer that goes to the sink whenever it is full. A record has an even number of characters,
 * so its digits always lie at even places when the first colon lies at 1: both digits of a byte are written at once.
 */
class RecordText {
  readonly #buffer = new Uint8Array(TEXT_BYTES)
  readonly #pairs = new Uint16Array(this.#buffer.buffer)
  readonly #sink: (piece: Uint8Array) => void
  #end = 1

  constructor(sink: (piece: Uint8Array) => void) {
    this.#sink = sink
  }

  add(type: number, offset: number, bytes: Uint8Array, start = 0, length = bytes.length): void {
    if (this.#end + LONGEST_WRITTEN > this.#buffer.length) this.flush()
    const pairs = this.#pairs
    let at = (this.#end + 1) / 2
    const high = offset >> 8
    const low = offset & 0xff
    pairs[at++] = digitPairs[length] ?? 0
    pairs[at++] = digitPairs[high] ?? 0
    pairs[at++] = digitPairs[low] ?? 0
    pairs[at++] = digitPairs[type] ?? 0
    let sum = length + high + low + type
    for (let index = start; index < start + length; index++) {
      const byte = bytes[index] ?? 0
      sum += byte
      pairs[at++] = digitPairs[byte] ?? 0
    }
    pairs[at++] = digitPairs[-sum & 0xff] ?? 0
    this.#buffer[this.#end] = COLON
    this.#buffer[at * 2] = LF
    this.#end = at * 2 + 1
  }

  flush(): void {
    this.#sink(this.#buffer.subarray(1, this.#end))
    this.#end = 1
  }
}
