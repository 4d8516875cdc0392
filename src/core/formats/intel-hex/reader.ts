/**
 * Reads Intel HEX text into an image: ordinary data records by the vector kernel, everything else line by line. Only the
 * line reader judges, so both ways give the same image and the same errors.
 */
import { FlashproofError } from '../../../shared/errors.ts'
import { formatAddress } from '../../../shared/units.ts'
import { ImageBuilder } from '../../image/image-builder.ts'
import type { FirmwareSource, ReadOptions, ReadResult } from '../firmware-format.ts'
import { TextWindow } from '../text-window.ts'
import { withFastRecords, type FastRecords } from './fast-records.ts'
import type { RecordFindings } from './findings.ts'
import { RecordInterpreter, type DataSink } from './interpreter.ts'
import { LONGEST_RECORD, recordError } from './record.ts'

/** A record and some blanks; a longer line is refused instead of collected. */
export const LONGEST_LINE = 1024
export const ACCEPT_MISSING_END = 'missing-end'

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const TAB = 0x09
const byteOrderMark = [0xef, 0xbb, 0xbf] as const

/**
 * Reads the whole text; memory beside the image does not depend on its size.
 * @throws {FlashproofError} format.malformed-record, format.bad-checksum, format.unsupported-record,
 * format.data-after-end, format.missing-end, format.no-data, image.overlap, image.address-range, call.aborted
 */
export function readIntelHex(source: FirmwareSource, options: ReadOptions): ReadResult {
  // Two digits make a byte, so there cannot be more data than this.
  const builder = new ImageBuilder(Math.ceil(source.sizeBytes / 2), source.fileName)
  const { interpreter, lastLine } = readRecords(source, builder, options)
  if (builder.dataLength === 0) {
    throw new FlashproofError('format.no-data', `${source.fileName} holds no data records`, { file: source.fileName })
  }
  if (interpreter.endLine === null) acceptMissingEnd(source, interpreter.findings, lastLine, options)
  const { image, repeatedBytes, firstRepeatedAddress } = finishImage(builder, source)
  if (firstRepeatedAddress !== null) {
    const [, repeatLine] = findLinesAt(source, firstRepeatedAddress)
    interpreter.findings.add('repeated-bytes', repeatLine?.line ?? 0, repeatedBytes)
  }
  return { image, startAddress: interpreter.startAddress, findings: interpreter.findings.list() }
}

/** Feeds every record of the text to an interpreter in front of `sink`. */
function readRecords(
  source: FirmwareSource,
  sink: DataSink,
  options: Pick<ReadOptions, 'onProgress' | 'signal'>,
): { interpreter: RecordInterpreter; lastLine: number } {
  const interpreter = new RecordInterpreter(source.fileName, sink)
  const lastLine = withFastRecords(fast => {
    const window = new TextWindow(source, fast.text, options)
    return new LineReader(window, fast, interpreter, source.fileName).readAll()
  })
  return { interpreter, lastLine }
}

class LineReader {
  readonly #window: TextWindow
  readonly #fast: FastRecords
  readonly #interpreter: RecordInterpreter
  readonly #file: string
  #line = 0

  constructor(window: TextWindow, fast: FastRecords, interpreter: RecordInterpreter, file: string) {
    this.#window = window
    this.#fast = fast
    this.#interpreter = interpreter
    this.#file = file
  }

  /** Reads to the end of the text; returns the number of its last line. */
  readAll(): number {
    this.#skipByteOrderMark()
    // Two more, so that a CR LF is never cut in half.
    while (this.#window.ensure(LONGEST_LINE + 2) > 0) {
      if (!this.#readOrdinaryRecords()) this.#readLine()
    }
    return this.#line
  }

  #skipByteOrderMark(): void {
    const window = this.#window
    if (window.ensure(byteOrderMark.length) < byteOrderMark.length) return
    if (!byteOrderMark.every((byte, index) => window.bytes[index] === byte)) return
    window.position += byteOrderMark.length
    this.#interpreter.findings.add('byte-order-mark', 1)
  }

  /** Takes all records that the kernel accepts from here on; false where the next one is not for it. */
  #readOrdinaryRecords(): boolean {
    const offset = this.#interpreter.continuingOffset
    if (offset === null) return false
    const window = this.#window
    const position = this.#fast.decode(window.position, window.end, offset)
    if (position === window.position) return false
    this.#interpreter.continueData(this.#fast.data, this.#line + 1)
    window.position = position
    this.#line += this.#fast.recordCount
    return true
  }

  #readLine(): void {
    const { bytes, position, end } = this.#window
    this.#line++
    const limit = Math.min(end, position + LONGEST_LINE + 1)
    let lineEnd = position
    while (lineEnd < limit && bytes[lineEnd] !== LF && bytes[lineEnd] !== CR) lineEnd++
    if (lineEnd - position > LONGEST_LINE) {
      throw recordError(
        'format.malformed-record',
        { file: this.#file, line: this.#line, baseAddress: 0 },
        `the line has more than ${String(LONGEST_LINE)} characters, a record at most ${String(LONGEST_RECORD)}`,
        { maximumCharacters: LONGEST_RECORD },
      )
    }
    this.#takeLine(position, lineEnd)
    const isCrLf = bytes[lineEnd] === CR && lineEnd + 1 < end && bytes[lineEnd + 1] === LF
    this.#window.position = Math.min(end, lineEnd + (isCrLf ? 2 : 1))
  }

  #takeLine(lineStart: number, lineEnd: number): void {
    const { bytes } = this.#window
    let start = lineStart
    let end = lineEnd
    while (start < end && isBlank(bytes[start])) start++
    if (start === end) return
    while (isBlank(bytes[end - 1])) end--
    if (start > lineStart) this.#interpreter.findings.add('leading-blanks', this.#line)
    if (end < lineEnd) this.#interpreter.findings.add('trailing-blanks', this.#line)
    this.#interpreter.take(bytes, start, end, this.#line)
  }
}

function isBlank(character: number | undefined): boolean {
  return character === SPACE || character === TAB
}

function acceptMissingEnd(source: FirmwareSource, findings: RecordFindings, line: number, options: ReadOptions): void {
  if (!(options.accept ?? []).includes(ACCEPT_MISSING_END)) {
    throw new FlashproofError(
      'format.missing-end',
      `${source.fileName} ends after line ${String(line)} without an end record: it may be cut off. Get the file again, ` +
        `or accept “${ACCEPT_MISSING_END}” when you know that it is complete`,
      { file: source.fileName, line, accept: ACCEPT_MISSING_END },
    )
  }
  findings.add('missing-end', line)
}

/** Makes the image; an overlap error gets the two lines by reading the text once more. */
function finishImage(builder: ImageBuilder, source: FirmwareSource): ReturnType<ImageBuilder['finish']> {
  try {
    return builder.finish()
  } catch (error) {
    const address = error instanceof FlashproofError && error.code === 'image.overlap' ? error.details['address'] : null
    if (typeof address !== 'number') throw error
    const [first, ...others] = findLinesAt(source, address)
    const second = others.find(({ value }) => value !== first?.value)
    if (first === undefined || second === undefined) throw error
    const { line: firstLine, value: firstValue } = first
    throw recordError(
      'image.overlap',
      { file: source.fileName, line: second.line, baseAddress: 0 },
      `${formatAddress(address)} gets another byte than on line ${String(firstLine)}`,
      { address, firstLine, firstValue, secondValue: second.value },
    )
  }
}

/** Every record that gives `address` a byte, in the order of the file. */
function findLinesAt(source: FirmwareSource, address: number): readonly { line: number; value: number }[] {
  const found: { line: number; value: number }[] = []
  readRecords(
    source,
    {
      nextAddress: -1,
      add(start, bytes, line) {
        const value = bytes[address - start]
        if (value !== undefined) found.push({ line, value })
      },
    },
    {},
  )
  return found
}
