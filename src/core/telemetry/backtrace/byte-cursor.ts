/** Reads little-endian numbers and texts one after the other, and never beyond the end that it was given. */

export class EndOfBytes extends Error {
  override readonly name = 'EndOfBytes'
}

export class ByteCursor {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly end: number
  position: number

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.position = position
    this.end = Math.min(end, bytes.length)
  }

  get isAtEnd(): boolean {
    return this.position >= this.end
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  i8(): number {
    return this.#view.getInt8(this.#advance(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true)
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true)
  }

  /** A number of 64 bits, exact up to 2^53: no offset of a file is higher. */
  u64(): number {
    const at = this.#advance(8)
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * 2 ** 32
  }

  /** DWARF's unsigned LEB128; what exceeds 2^53 is inexact. */
  uleb(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.u8()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
  }

  /** DWARF's signed LEB128. */
  sleb(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.u8()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return (byte & 0x40) === 0 ? value : value - factor * 128
    }
  }

  /** A text that ends with a zero byte. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.position)
    if (end < 0 || end >= this.end) throw new EndOfBytes('a text does not end')
    const text = Buffer.from(this.#bytes.subarray(this.position, end)).toString('utf8')
    this.position = end + 1
    return text
  }

  skip(sizeBytes: number): void {
    this.#advance(sizeBytes)
  }

  #advance(sizeBytes: number): number {
    const at = this.position
    if (at + sizeBytes > this.end) throw new EndOfBytes(`${String(sizeBytes)} bytes are missing at ${String(at)}`)
    this.position = at + sizeBytes
    return at
  }
}
