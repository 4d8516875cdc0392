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

const digits = Uint8Array.from('0123456789ABCDEF', character => character.charCodeAt(0))

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

/** Collects records in one buffer that goes to the sink whenever it is full. */
class RecordText {
  readonly #buffer = new Uint8Array(TEXT_BYTES)
  readonly #sink: (piece: Uint8Array) => void
  #length = 0
  #sum = 0

  constructor(sink: (piece: Uint8Array) => void) {
    this.#sink = sink
  }

  add(type: number, offset: number, bytes: Uint8Array, start = 0, length = bytes.length): void {
    if (this.#length + LONGEST_WRITTEN > this.#buffer.length) this.flush()
    this.#buffer[this.#length++] = 0x3a
    this.#sum = 0
    this.#addByte(length)
    this.#addByte(offset >> 8)
    this.#addByte(offset & 0xff)
    this.#addByte(type)
    for (let index = start; index < start + length; index++) this.#addByte(bytes[index] ?? 0)
    this.#addByte(-this.#sum & 0xff)
    this.#buffer[this.#length++] = 0x0a
  }

  flush(): void {
    this.#sink(this.#buffer.subarray(0, this.#length))
    this.#length = 0
  }

  #addByte(value: number): void {
    this.#sum += value
    this.#buffer[this.#length++] = digits[value >> 4] ?? 0
    this.#buffer[this.#length++] = digits[value & 15] ?? 0
  }
}
