/** SLIP as the loaders of Espressif's chips speak it (RFC 1055, with END at both sides of a frame), on the chip's side. */

const END = 0xc0
const ESCAPE = 0xdb
const ESCAPED_END = 0xdc
const ESCAPED_ESCAPE = 0xdd

/** No frame of the protocol is longer: a block of the stub with its headers. */
const MAXIMUM_FRAME_BYTES = 0x4000 + 64

export function encodeSlip(frame: Uint8Array): Uint8Array {
  let length = frame.length + 2
  for (const byte of frame) if (byte === END || byte === ESCAPE) length++
  const encoded = new Uint8Array(length)
  encoded[0] = END
  let at = 1
  for (const byte of frame) {
    if (byte === END || byte === ESCAPE) {
      encoded[at++] = ESCAPE
      encoded[at++] = byte === END ? ESCAPED_END : ESCAPED_ESCAPE
    } else encoded[at++] = byte
  }
  encoded[at] = END
  return encoded
}

/** Takes frames out of a stream. Bytes outside of frames, broken escapes and frames that are too long are dropped. */
export class SlipDecoder {
  readonly #onFrame: (frame: Uint8Array) => void
  readonly #frame = new Uint8Array(MAXIMUM_FRAME_BYTES)
  #length = 0
  #state: 'outside' | 'inside' | 'escaped' | 'broken' = 'outside'

  constructor(onFrame: (frame: Uint8Array) => void) {
    this.#onFrame = onFrame
  }

  receive(bytes: Uint8Array): void {
    for (const byte of bytes) this.#take(byte)
  }

  reset(): void {
    this.#length = 0
    this.#state = 'outside'
  }

  #take(byte: number): void {
    if (byte === END) {
      const isWhole = this.#state === 'inside' && this.#length > 0
      const frame = isWhole ? this.#frame.slice(0, this.#length) : null
      this.#length = 0
      // The end of one frame may be the beginning of the next: empty ones are none.
      this.#state = 'inside'
      if (frame !== null) this.#onFrame(frame)
    } else if (this.#state === 'escaped') {
      this.#state = 'inside'
      if (byte === ESCAPED_END) this.#keep(END)
      else if (byte === ESCAPED_ESCAPE) this.#keep(ESCAPE)
      else this.#state = 'broken'
    } else if (this.#state === 'inside') {
      if (byte === ESCAPE) this.#state = 'escaped'
      else this.#keep(byte)
    }
  }

  #keep(byte: number): void {
    if (this.#length < MAXIMUM_FRAME_BYTES) this.#frame[this.#length++] = byte
    else this.#state = 'broken'
  }
}
