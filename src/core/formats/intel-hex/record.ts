/** Parses one Intel HEX record with full checks; the one place where a broken record gets its words. */
import { FlashproofError, type ErrorCode, type ErrorDetails } from '../../../shared/errors.ts'
import { formatAddress, stripControl } from '../../../shared/units.ts'
import { NOT_A_DIGIT, nibbles } from '../hex-digits.ts'

export const RecordType = {
  data: 0,
  end: 1,
  segmentAddress: 2,
  segmentStart: 3,
  linearAddress: 4,
  linearStart: 5,
} as const

/** `:`, then length, address, type, 255 data bytes and checksum, two digits a byte. */
export const LONGEST_RECORD = 1 + 2 * (255 + 5)
/** Length (1), address (2), type (1), checksum (1). */
const OVERHEAD_BYTES = 5

const COLON = 0x3a

/** Where a record stands, for the errors. */
export interface RecordPlace {
  readonly file: string
  readonly line: number
  /** What the last address record adds to a record's own address. */
  readonly baseAddress: number
}

/** Parses records into its own fields, which the next record overwrites: millions of records make no garbage. */
export class RecordParser {
  type = 0
  /** The record's own 16-bit address. */
  offset = 0
  length = 0
  readonly #body = new Uint8Array(OVERHEAD_BYTES + 255)

  /** The data bytes of the last record; valid until the next. */
  get data(): Uint8Array {
    return this.#body.subarray(4, 4 + this.length)
  }

  /** Two data bytes as one number, for the address records. */
  get word(): number {
    return ((this.#body[4] ?? 0) << 8) | (this.#body[5] ?? 0)
  }

  /** The last two of four data bytes as one number, for the start records. */
  get secondWord(): number {
    return ((this.#body[6] ?? 0) << 8) | (this.#body[7] ?? 0)
  }

  /**
   * Parses the record in text[start..end), which holds no blanks around it.
   * @throws {FlashproofError} format.malformed-record, format.bad-checksum
   */
  parse(text: Uint8Array, start: number, end: number, place: RecordPlace): void {
    const digits = end - start - 1
    if (text[start] !== COLON || digits < 2 * OVERHEAD_BYTES || digits % 2 !== 0 || digits > LONGEST_RECORD - 1) {
      throw this.#explainShape(text, start, end, place)
    }
    const body = this.#body
    const byteCount = digits / 2
    let sum = 0
    for (let index = 0, at = start + 1; index < byteCount; index++, at += 2) {
      const high = nibbles[text[at] ?? 0] ?? NOT_A_DIGIT
      const low = nibbles[text[at + 1] ?? 0] ?? NOT_A_DIGIT
      // Each digit by itself: 'F' and a wrong digit would together look like 0xFF.
      if ((high | low) > 15) throw this.#explainShape(text, start, end, place)
      const byte = (high << 4) | low
      body[index] = byte
      sum += byte
    }
    const length = body[0] ?? 0
    if (byteCount !== length + OVERHEAD_BYTES) throw this.#explainShape(text, start, end, place)
    this.length = length
    this.offset = ((body[1] ?? 0) << 8) | (body[2] ?? 0)
    this.type = body[3] ?? 0
    if ((sum & 0xff) === 0) return
    const foundChecksum = body[byteCount - 1] ?? 0
    const expectedChecksum = (foundChecksum - sum) & 0xff
    const address = place.baseAddress + this.offset
    throw recordError(
      'format.bad-checksum',
      place,
      `the record's checksum is ${hexByte(foundChecksum)}, its bytes make ${hexByte(expectedChecksum)}`,
      { record: textOf(text, start, end), address, expectedChecksum, foundChecksum },
    )
  }

  /** Says what is wrong with a record whose form is wrong, the most telling fault first. */
  #explainShape(text: Uint8Array, start: number, end: number, place: RecordPlace): FlashproofError {
    const record = textOf(text, start, end)
    const fail = (message: string, details: ErrorDetails = {}): FlashproofError =>
      recordError('format.malformed-record', place, message, { record, ...details })
    if (text[start] !== COLON) return fail(`a record begins with “:”, this line with “${record.slice(0, 20)}”`)
    for (let at = start + 1; at < end; at++) {
      const character = text[at] ?? 0
      if ((nibbles[character] ?? NOT_A_DIGIT) <= 15) continue
      if (character === COLON) return fail('a second record begins on the same line', { column: at - start + 1 })
      const shown = stripControl(String.fromCharCode(character))
      return fail(`“${shown}” (character ${String(at - start + 1)} of the record) is no hexadecimal digit`, {
        column: at - start + 1,
      })
    }
    const digits = end - start - 1
    if (digits < 2) return fail('the record has no digits')
    const length = ((nibbles[text[start + 1] ?? 0] ?? 0) << 4) | (nibbles[text[start + 2] ?? 0] ?? 0)
    const expectedDigits = 2 * (length + OVERHEAD_BYTES)
    const counts = { expectedDigits, foundDigits: digits }
    const says = `the record announces ${String(length)} data bytes, so ${String(expectedDigits)} digits`
    return digits < expectedDigits
      ? fail(`${says}, but only ${String(digits)} are there: the line is cut off`, counts)
      : fail(`${says}, but ${String(digits)} are there`, counts)
  }
}

/** Makes an error that names file and line in its words and in its details. */
export function recordError(
  code: ErrorCode,
  place: RecordPlace,
  message: string,
  details: ErrorDetails = {},
): FlashproofError {
  return new FlashproofError(code, `${place.file}, line ${String(place.line)}: ${message}`, {
    file: place.file,
    line: place.line,
    ...details,
  })
}

export function hexByte(value: number): string {
  return `0x${value.toString(16).toUpperCase().padStart(2, '0')}`
}

/** `12 bytes at 0x08000000`, for messages. */
export function describeRange(address: number, length: number): string {
  return `${String(length)} bytes at ${formatAddress(address)}`
}

function textOf(text: Uint8Array, start: number, end: number): string {
  const shown = text.subarray(start, Math.min(end, start + LONGEST_RECORD))
  return stripControl(String.fromCharCode(...shown), LONGEST_RECORD)
}
