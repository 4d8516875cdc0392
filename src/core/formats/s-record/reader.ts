/** Reads Motorola S-record text into an image, line by line through one small buffer. */
import { FlashproofError } from '../../../shared/errors.ts'
import { formatAddress } from '../../../shared/units.ts'
import { ImageBuilder, type BuiltImage } from '../../image/image-builder.ts'
import type { FirmwareSource, ReadOptions, ReadResult } from '../firmware-format.ts'
import { TextWindow } from '../text-window.ts'
import { RecordInterpreter, type DataSink } from './interpreter.ts'
import { LONGEST_RECORD, recordError } from './record.ts'

/** A record and some blanks; a longer line is refused instead of collected. */
export const LONGEST_LINE = 1024
/** What `accept` names to read a file whose end record is missing. */
export const ACCEPT_MISSING_END = 'missing-end'
const WINDOW_BYTES = 256 * 1024

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const TAB = 0x09
const byteOrderMark = [0xef, 0xbb, 0xbf] as const

/**
 * Reads the whole text; memory beside the image does not depend on its size.
 * @throws {FlashproofError} format.malformed-record, format.bad-checksum, format.unsupported-record,
 * format.count-mismatch, format.data-after-end, format.missing-end, format.no-data, image.overlap,
 * image.address-range, call.aborted
 */
export function readSRecord(source: FirmwareSource, options: ReadOptions): ReadResult {
  // Two digits make a byte, so there cannot be more data than this.
  const builder = new ImageBuilder(Math.ceil(source.sizeBytes / 2), source.fileName)
  const { interpreter, lastLine } = readRecords(
    source,
    (address, bytes) => {
      builder.add(address, bytes)
    },
    options,
  )
  if (builder.dataLength === 0) {
    throw new FlashproofError('format.no-data', `${source.fileName} holds no data records`, { file: source.fileName })
  }
  if (interpreter.endLine === null) acceptMissingEnd(source, interpreter, lastLine, options)
  const { image, repeatedBytes, firstRepeatedAddress } = finishImage(builder, source)
  if (firstRepeatedAddress !== null) {
    const [, repeated] = findLinesAt(source, firstRepeatedAddress)
    interpreter.note('repeated-bytes', repeated?.line ?? 0, repeatedBytes)
  }
  // A start address of 0 is how writers say that there is none.
  const isStartNamed = interpreter.startAddress !== 0 || image.byteAt(0) !== undefined
  const startAddress = isStartNamed ? interpreter.startAddress : null
  return { image, startAddress, findings: interpreter.listFindings() }
}

/** Feeds every record of the text to an interpreter in front of `sink`. */
function readRecords(
  source: FirmwareSource,
  sink: DataSink,
  options: Pick<ReadOptions, 'onProgress' | 'signal'>,
): { interpreter: RecordInterpreter; lastLine: number } {
  const interpreter = new RecordInterpreter(source.fileName, sink)
  const window = new TextWindow(source, new Uint8Array(WINDOW_BYTES), options)
  skipByteOrderMark(window, interpreter)
  let line = 0
  // Two more, so that a CR LF is never cut in half.
  while (window.ensure(LONGEST_LINE + 2) > 0) readLine(window, interpreter, source.fileName, ++line)
  return { interpreter, lastLine: line }
}

function skipByteOrderMark(window: TextWindow, interpreter: RecordInterpreter): void {
  if (window.ensure(byteOrderMark.length) < byteOrderMark.length) return
  if (!byteOrderMark.every((byte, index) => window.bytes[index] === byte)) return
  window.position += byteOrderMark.length
  interpreter.note('byte-order-mark', 1)
}

function readLine(window: TextWindow, interpreter: RecordInterpreter, file: string, line: number): void {
  const { bytes, position, end } = window
  const limit = Math.min(end, position + LONGEST_LINE + 1)
  let lineEnd = position
  while (lineEnd < limit && bytes[lineEnd] !== LF && bytes[lineEnd] !== CR) lineEnd++
  if (lineEnd - position > LONGEST_LINE) {
    const message = `the line has more than ${String(LONGEST_LINE)} characters, a record at most ${String(LONGEST_RECORD)}`
    throw recordError('format.malformed-record', { file, line }, message, { maximumCharacters: LONGEST_RECORD })
  }
  takeLine(bytes, position, lineEnd, interpreter, line)
  const isCrLf = bytes[lineEnd] === CR && lineEnd + 1 < end && bytes[lineEnd + 1] === LF
  window.position = Math.min(end, lineEnd + (isCrLf ? 2 : 1))
}

function takeLine(
  bytes: Uint8Array,
  lineStart: number,
  lineEnd: number,
  interpreter: RecordInterpreter,
  line: number,
): void {
  let start = lineStart
  let end = lineEnd
  while (start < end && isBlank(bytes[start])) start++
  if (start === end) return
  while (isBlank(bytes[end - 1])) end--
  if (start > lineStart) interpreter.note('leading-blanks', line)
  if (end < lineEnd) interpreter.note('trailing-blanks', line)
  interpreter.take(bytes, start, end, line)
}

function isBlank(character: number | undefined): boolean {
  return character === SPACE || character === TAB
}

function acceptMissingEnd(
  source: FirmwareSource,
  interpreter: RecordInterpreter,
  line: number,
  options: ReadOptions,
): void {
  // srec_cat ends its files so when it knows no start address.
  if (interpreter.isCountedToTheEnd) {
    interpreter.note('count-instead-of-end', line)
    return
  }
  if (!(options.accept ?? []).includes(ACCEPT_MISSING_END)) {
    throw new FlashproofError(
      'format.missing-end',
      `${source.fileName} ends after line ${String(line)} without an end record (S7, S8 or S9): it may be cut off. Get the file again, ` +
        `or accept “${ACCEPT_MISSING_END}” when you know that it is complete`,
      { file: source.fileName, line, accept: ACCEPT_MISSING_END },
    )
  }
  interpreter.note('missing-end', line)
}

/** Makes the image; an overlap error gets the two lines by reading the text once more. */
function finishImage(builder: ImageBuilder, source: FirmwareSource): BuiltImage {
  try {
    return builder.finish()
  } catch (error) {
    const address = error instanceof FlashproofError && error.code === 'image.overlap' ? error.details['address'] : null
    if (typeof address !== 'number') throw error
    const [first, ...others] = findLinesAt(source, address)
    const second = others.find(({ value }) => value !== first?.value)
    if (first === undefined || second === undefined) throw error
    throw recordError(
      'image.overlap',
      { file: source.fileName, line: second.line },
      `${formatAddress(address)} gets another byte than on line ${String(first.line)}`,
      { address, firstLine: first.line, firstValue: first.value, secondValue: second.value },
    )
  }
}

/** Every record that gives `address` a byte, in the order of the file. */
function findLinesAt(source: FirmwareSource, address: number): readonly { line: number; value: number }[] {
  const found: { line: number; value: number }[] = []
  readRecords(
    source,
    (start, bytes, line) => {
      const value = bytes[address - start]
      if (value !== undefined) found.push({ line, value })
    },
    {},
  )
  return found
}
