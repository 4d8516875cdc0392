/** Writes an image as Motorola S-records: S19, S28 or S37 by its highest address, with a count record. */
import { FlashproofError } from '../../../shared/errors.ts'
import type { MemoryImage } from '../../image/memory-image.ts'
import type { WriteOptions } from '../firmware-format.ts'

/** Data bytes a record: what srec_cat writes, and short enough for every reader. */
const DATA_BYTES = 32
const TEXT_BYTES = 64 * 1024
/** `S`, type, length, 4 address bytes, data, checksum, LF. */
const LONGEST_WRITTEN = 2 + 2 * (1 + 4 + DATA_BYTES + 1) + 1

const digits = Uint8Array.from('0123456789ABCDEF', character => character.charCodeAt(0))

/**
 * Writes every segment with its own addresses. A piece that the sink gets is valid only during the call.
 * @throws {FlashproofError} format.no-data
 */
export function writeSRecord(image: MemoryImage, options: WriteOptions, sink: (piece: Uint8Array) => void): void {
  const endAddress = image.endAddress
  if (endAddress === null) throw new FlashproofError('format.no-data', 'the image holds no data')
  const startAddress = options.startAddress ?? 0
  const addressBytes = addressBytesFor(Math.max(endAddress - 1, startAddress))
  const text = new RecordText(sink)
  text.add(0, 2, 0)
  let count = 0
  for (const { address, bytes } of image.segments) {
    for (let start = 0; start < bytes.length; start += DATA_BYTES) {
      text.add(
        addressBytes - 1,
        addressBytes,
        address + start,
        bytes,
        start,
        Math.min(DATA_BYTES, bytes.length - start),
      )
      count++
    }
  }
  // A count of more than three bytes cannot be told.
  if (count <= 0xffff) text.add(5, 2, count)
  else if (count <= 0xff_ffff) text.add(6, 3, count)
  text.add(11 - addressBytes, addressBytes, startAddress)
  text.flush()
}

function addressBytesFor(highestAddress: number): 2 | 3 | 4 {
  if (highestAddress <= 0xffff) return 2
  return highestAddress <= 0xff_ffff ? 3 : 4
}

const noData = new Uint8Array(0)

/** Collects records in one buffer that goes to the sink whenever it is full. */
class RecordText {
  readonly #buffer = new Uint8Array(TEXT_BYTES)
  readonly #sink: (piece: Uint8Array) => void
  #length = 0
  #sum = 0

  constructor(sink: (piece: Uint8Array) => void) {
    this.#sink = sink
  }

  add(
    type: number,
    addressBytes: number,
    address: number,
    bytes: Uint8Array = noData,
    start = 0,
    length = bytes.length,
  ): void {
    if (this.#length + LONGEST_WRITTEN > this.#buffer.length) this.flush()
    this.#buffer[this.#length++] = 0x53
    this.#buffer[this.#length++] = 0x30 + type
    this.#sum = 0
    this.#addByte(addressBytes + length + 1)
    for (let shift = (addressBytes - 1) * 8; shift >= 0; shift -= 8) this.#addByte((address >>> shift) & 0xff)
    for (let index = start; index < start + length; index++) this.#addByte(bytes[index] ?? 0)
    this.#addByte(~this.#sum & 0xff)
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
