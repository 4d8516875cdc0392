/**
 * Cuts the bytes of a serial line into lines of text: LF, CR LF and CR end a line, colours are taken out, bytes that are no
 * UTF-8 stay readable. Memory is bounded whatever the board sends.
 */

import { isUtf8 } from 'node:buffer'

/** A longer line is given in pieces of this length. */
export const MAX_LINE_BYTES = 4096

const CR = 0x0d
const LF = 0x0a

/** Control sequences of terminals (ECMA-48 CSI), such as the colours that ESP-IDF prints around each line. */
const TERMINAL_SEQUENCES = /\u001b\[[0-?]*[ -/]*[@-~]/g

export interface SplitLine {
  /** What was not given before: the whole line, or the rest of one whose beginning `flush` gave. Without its end. */
  readonly text: string
  /** All of the line, for patterns. */
  readonly whole: string
  /** False where `flush` gave a beginning: more of the line may come. */
  readonly isComplete: boolean
}

export class LineSplitter {
  readonly #buffer = Buffer.alloc(MAX_LINE_BYTES)
  #length = 0
  /** How much of the line `flush` gave already. */
  #givenBytes = 0
  /** After a CR: further CRs and one LF belong to the same end of a line. */
  #isAfterCr = false

  /** Takes what came and gives the lines that ended with it. */
  push(bytes: Uint8Array): SplitLine[] {
    const lines: SplitLine[] = []
    for (const byte of bytes) {
      if (this.#isAfterCr) {
        if (byte === CR) continue
        this.#isAfterCr = false
        if (byte === LF) continue
      }
      if (byte === CR || byte === LF) {
        this.#isAfterCr = byte === CR
        lines.push(this.#take())
        continue
      }
      if (this.#length === MAX_LINE_BYTES) lines.push(this.#take())
      this.#buffer[this.#length++] = byte
    }
    return lines
  }

  /** Gives the beginning of a line whose end stays away, such as a prompt; null when there is nothing new of it. */
  flush(): SplitLine | null {
    const end = this.#length - unfinishedBytes(this.#buffer.subarray(0, this.#length))
    if (end <= this.#givenBytes) return null
    const text = readableText(this.#buffer.subarray(this.#givenBytes, end))
    this.#givenBytes = end
    return { text, whole: readableText(this.#buffer.subarray(0, end)), isComplete: false }
  }

  /** Forgets the line that has not ended: the board went away in it. */
  clear(): void {
    this.#length = 0
    this.#givenBytes = 0
    this.#isAfterCr = false
  }

  #take(): SplitLine {
    const whole = readableText(this.#buffer.subarray(0, this.#length))
    const text = this.#givenBytes === 0 ? whole : readableText(this.#buffer.subarray(this.#givenBytes, this.#length))
    this.#length = 0
    this.#givenBytes = 0
    return { text, whole, isComplete: true }
  }
}

/** Decodes UTF-8; a byte that belongs to none is written as `\xB0`. Terminal sequences are taken out. */
export function readableText(bytes: Uint8Array): string {
  return decode(bytes).replace(TERMINAL_SEQUENCES, '')
}

function decode(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (isUtf8(buffer)) return buffer.toString('utf8')
  let text = ''
  for (let at = 0; at < buffer.length;) {
    const first = buffer[at] ?? 0
    const length = sequenceLength(first)
    const piece = buffer.subarray(at, at + length)
    const isCharacter = piece.length === length && length > 0 && (length === 1 || isUtf8(piece))
    text += isCharacter ? piece.toString('utf8') : `\\x${first.toString(16).toUpperCase().padStart(2, '0')}`
    at += isCharacter ? length : 1
  }
  return text
}

/** Bytes of the character that begins with this one (RFC 3629); 0 where none does. */
function sequenceLength(first: number): number {
  if (first < 0x80) return 1
  if (first >= 0xc2 && first < 0xe0) return 2
  if (first >= 0xe0 && first < 0xf0) return 3
  return first >= 0xf0 && first < 0xf5 ? 4 : 0
}

/** How many bytes at the end are the beginning of a character whose rest may still come. */
function unfinishedBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if ((byte & 0xc0) !== 0x80) return sequenceLength(byte) > back ? back : 0
  }
  return 0
}
