/** Parses one Motorola S-record with full checks; the one place where a broken record gets its words. */
import { FlashproofError, type ErrorCode, type ErrorDetails } from '../../../shared/errors.ts'
import { formatAddress, stripControl } from '../../../shared/units.ts'
import { NOT_A_DIGIT, nibbles } from '../hex-digits.ts'

/** `S`, the type, then length and up to 255 bytes in two digits each. */
export const LONGEST_RECORD = 2 + 2 * (1 + 255)

/** Address bytes by record type; undefined for S4, which the format reserves. */
const addressLengths: readonly (number | undefined)[] = [2, 2, 3, 4, undefined, 2, 3, 4, 3, 2]

const CAPITAL_S = 0x53
const ZERO = 0x30

/** Where a record stands, for the errors. */
export interface RecordPlace {
  readonly file: string
  readonly line: number
}

/** Parses records into its own fields, which the next record overwrites: millions of records make no garbage. */
export class RecordParser {
  /** The digit after the S. */
  type = 0
  /** The address field: a load address, a record count or a start address, by type. */
  address = 0
  readonly #body = new Uint8Array(256)
  #dataStart = 0
  #dataEnd = 0

  /** The data bytes of the last record; valid until the next. */
  get data(): Uint8Array {
    return this.#body.subarray(this.#dataStart, this.#dataEnd)
  }

  /**
   * Parses the record in text[start..end), which holds no blanks around it.
   * @throws {FlashproofError} format.malformed-record, format.unsupported-record, format.bad-checksum
   */
  parse(text: Uint8Array, start: number, end: number, place: RecordPlace): void {
    const digits = end - start - 2
    if (text[start] !== CAPITAL_S || digits < 2 || digits % 2 !== 0 || digits > LONGEST_RECORD - 2) {
      throw explainShape(text, start, end, place)
    }
    const body = this.#body
    const byteCount = digits / 2
    let sum = 0
    for (let index = 0, at = start + 2; index < byteCount; index++, at += 2) {
      const high = nibbles[text[at] ?? 0] ?? NOT_A_DIGIT
      const low = nibbles[text[at + 1] ?? 0] ?? NOT_A_DIGIT
      if ((high | low) > 15) throw explainShape(text, start, end, place)
      const byte = (high << 4) | low
      body[index] = byte
      sum += byte
    }
    const type = (text[start + 1] ?? 0) - ZERO
    const addressLength = type >= 0 && type <= 9 ? addressLengths[type] : undefined
    if (addressLength === undefined) throw unsupported(text, start, end, place)
    if (body[0] !== byteCount - 1 || byteCount < addressLength + 2) throw explainShape(text, start, end, place)
    let address = 0
    for (let index = 1; index <= addressLength; index++) address = address * 256 + (body[index] ?? 0)
    this.type = type
    this.address = address
    this.#dataStart = 1 + addressLength
    this.#dataEnd = byteCount - 1
    // All bytes with the checksum, which is the ones' complement of the others, make FF.
    if ((sum & 0xff) === 0xff) return
    const foundChecksum = body[byteCount - 1] ?? 0
    const expectedChecksum = ~(sum - foundChecksum) & 0xff
    throw recordError(
      'format.bad-checksum',
      place,
      `the checksum of the record at ${formatAddress(address)} is ${hexByte(foundChecksum)}, its bytes make ${hexByte(expectedChecksum)}`,
      { record: textOf(text, start, end), address, expectedChecksum, foundChecksum },
    )
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

/** Says what is wrong with a record whose form is wrong, the most telling fault first. */
function explainShape(text: Uint8Array, start: number, end: number, place: RecordPlace): FlashproofError {
  const record = textOf(text, start, end)
  const fail = (message: string, details: ErrorDetails = {}): FlashproofError =>
    recordError('format.malformed-record', place, message, { record, ...details })
  if (text[start] !== CAPITAL_S)
    return fail(`a record begins with a capital S, this line with “${record.slice(0, 20)}”`)
  for (let at = start + 1; at < end; at++) {
    const character = text[at] ?? 0
    if ((nibbles[character] ?? NOT_A_DIGIT) <= 15) continue
    const column = at - start + 1
    if (character === CAPITAL_S) return fail('a second record begins on the same line', { column })
    const shown = stripControl(String.fromCharCode(character))
    return fail(`“${shown}” (character ${String(column)} of the record) is no hexadecimal digit`, { column })
  }
  const foundDigits = end - start - 2
  if (foundDigits < 2) return fail('the record has no length')
  const length = ((nibbles[text[start + 2] ?? 0] ?? 0) << 4) | (nibbles[text[start + 3] ?? 0] ?? 0)
  const expectedDigits = 2 * (length + 1)
  const says = `the record announces ${String(length)} bytes, so ${String(expectedDigits)} digits`
  if (foundDigits < expectedDigits) {
    return fail(`${says}, but only ${String(foundDigits)} are there: the line is cut off`, {
      expectedDigits,
      foundDigits,
    })
  }
  if (foundDigits > expectedDigits)
    return fail(`${says}, but ${String(foundDigits)} are there`, { expectedDigits, foundDigits })
  return fail(`${String(length)} bytes are too few for the address and the checksum of this record type`)
}

function unsupported(text: Uint8Array, start: number, end: number, place: RecordPlace): FlashproofError {
  const record = textOf(text, start, end)
  const type = record.slice(0, 2)
  const message = `the record type ${type} has no meaning in Motorola S-record files`
  return recordError('format.unsupported-record', place, message, { record, recordType: type })
}

function hexByte(value: number): string {
  return `0x${value.toString(16).toUpperCase().padStart(2, '0')}`
}

function textOf(text: Uint8Array, start: number, end: number): string {
  const shown = text.subarray(start, Math.min(end, start + LONGEST_RECORD))
  return stripControl(String.fromCharCode(...shown), LONGEST_RECORD)
}
