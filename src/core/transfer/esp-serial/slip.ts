/** SLIP as Espressif's loaders speak it: `C0 … C0`, inside C0 → `DB DC`, DB → `DB DD`. Source: esptool, serial-protocol. */

const END = 0xc0
const ESCAPE = 0xdb
const ESCAPED_END = 0xdc
const ESCAPED_ESCAPE = 0xdd

/** Larger than any frame that a loader sends (4 KiB of flash, each byte escaped), so noise cannot fill the memory. */
const LARGEST_RAW_FRAME_BYTES = 16 * 1024

/** Puts the parts, one after another, into one frame in one buffer. */
export function encodeSlip(...parts: readonly Uint8Array[]): Uint8Array {
  let sizeBytes = 2
  for (const part of parts) sizeBytes += part.length * 2
  // It is cut to what is written: nothing of it is read before.
  const frame = Buffer.allocUnsafe(sizeBytes)
  frame[0] = END
  let at = 1
  for (const part of parts) at = escapeInto(frame, at, part)
  frame[at] = END
  return frame.subarray(0, at + 1)
}

/** Copies what needs no escape in one go: in most images that is all but one byte in 128. */
function escapeInto(frame: Uint8Array, start: number, part: Uint8Array): number {
  let at = start
  let from = 0
  let end = part.indexOf(END)
  let escape = part.indexOf(ESCAPE)
  while (end >= 0 || escape >= 0) {
    const isEnd = escape < 0 || (end >= 0 && end < escape)
    const next = isEnd ? end : escape
    frame.set(part.subarray(from, next), at)
    at += next - from
    frame[at++] = ESCAPE
    frame[at++] = isEnd ? ESCAPED_END : ESCAPED_ESCAPE
    from = next + 1
    if (isEnd) end = part.indexOf(END, from)
    else escape = part.indexOf(ESCAPE, from)
  }
  frame.set(part.subarray(from), at)
  return at + part.length - from
}

export interface SlipFrame {
  readonly bytes: Uint8Array
  /** An escape that means nothing, or more bytes than any frame has: noise, or bytes were lost. */
  readonly isBroken: boolean
}

/**
 * Takes bytes as they come, however they are cut, and gives frames. Each C0 ends what came before it, so a lost C0 costs one
 * frame and not all that follow; text between frames comes out as a frame that no caller knows.
 */
export class SlipDecoder {
  #rest: Uint8Array[] = []
  #restBytes = 0
  #frames: SlipFrame[] = []

  push(bytes: Uint8Array): void {
    let from = 0
    for (let end = bytes.indexOf(END); end >= 0; end = bytes.indexOf(END, from)) {
      this.#keep(bytes.subarray(from, end))
      this.#endFrame()
      from = end + 1
    }
    this.#keep(bytes.subarray(from))
  }

  /** The next whole frame; null when none is there. */
  next(): SlipFrame | null {
    return this.#frames.shift() ?? null
  }

  /** Forgets frames and halves of frames. */
  clear(): void {
    this.#rest = []
    this.#restBytes = 0
    this.#frames = []
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#restBytes += bytes.length
    if (this.#restBytes <= LARGEST_RAW_FRAME_BYTES) this.#rest.push(bytes)
  }

  #endFrame(): void {
    const isTooLarge = this.#restBytes > LARGEST_RAW_FRAME_BYTES
    const raw = this.#rest.length === 1 && this.#rest[0] !== undefined ? this.#rest[0] : Buffer.concat(this.#rest)
    this.#rest = []
    this.#restBytes = 0
    if (isTooLarge) this.#frames.push({ bytes: raw, isBroken: true })
    else if (raw.length > 0) this.#frames.push(withoutEscapes(raw))
  }
}

function withoutEscapes(raw: Uint8Array): SlipFrame {
  if (!raw.includes(ESCAPE)) return { bytes: raw, isBroken: false }
  const bytes = new Uint8Array(raw.length)
  let length = 0
  let isEscaped = false
  let isBroken = false
  for (const byte of raw) {
    if (isEscaped) {
      isEscaped = false
      if (byte === ESCAPED_END) bytes[length++] = END
      else if (byte === ESCAPED_ESCAPE) bytes[length++] = ESCAPE
      else isBroken = true
    } else if (byte === ESCAPE) isEscaped = true
    else bytes[length++] = byte
  }
  return { bytes: bytes.subarray(0, length), isBroken: isBroken || isEscaped }
}
