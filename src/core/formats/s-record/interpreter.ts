/** Gives S-records their meaning: data, header, count, start address and end; hands the data to a sink. */
import type { Finding } from '../../../shared/contract/models.ts'
import { formatAddress, stripControl } from '../../../shared/units.ts'
import { ADDRESS_LIMIT, type FlashAddress } from '../../image/memory-image.ts'
import { recordError, RecordParser, type RecordPlace } from './record.ts'

/** Takes data in the order of the file; the bytes are valid only during the call. */
export type DataSink = (address: FlashAddress, bytes: Uint8Array, line: number) => void

const findingTexts = {
  'byte-order-mark': 'the file begins with a UTF-8 byte order mark, which was ignored',
  'leading-blanks': 'blanks before the record',
  'trailing-blanks': 'blanks after the record',
  'second-end': 'another end record after the first',
  'record-after-end': 'a header or count record after the end record, which was ignored',
  'repeated-bytes': 'bytes that the file had already given, the same both times',
  'count-instead-of-end':
    'the end record (S7, S8 or S9) is missing, but the last record counts all data records, so nothing is cut off',
  'missing-end': 'the end record (S7, S8 or S9) is missing, so the file may be cut off; it was accepted as it is',
} as const
export type RecordFindingCode = keyof typeof findingTexts

export class RecordInterpreter {
  /** Line of the end record; null until it came. */
  endLine: number | null = null
  /** The address of the end record; null where it is 0, which stands for “none” unless there is data at 0. */
  startAddress: number | null = null
  dataRecords = 0
  headerText: string | null = null
  #countedRecords = 0
  readonly #file: string
  readonly #sink: DataSink
  readonly #parser = new RecordParser()
  readonly #tallies = new Map<RecordFindingCode, { count: number; readonly firstLine: number }>()

  constructor(file: string, sink: DataSink) {
    this.#file = file
    this.#sink = sink
  }

  /** Counts something unusual but harmless; each kind is told once, with its first line. */
  note(code: RecordFindingCode, line: number, count = 1): void {
    const tally = this.#tallies.get(code)
    if (tally === undefined) this.#tallies.set(code, { count, firstLine: line })
    else tally.count += count
  }

  /** Whether a count record came after all data: then the file is whole even without an end record. */
  get isCountedToTheEnd(): boolean {
    return this.dataRecords > 0 && this.#countedRecords === this.dataRecords
  }

  listFindings(): Finding[] {
    const findings: Finding[] = Array.from(this.#tallies, ([code, { count, firstLine }]) => {
      const times = count === 1 ? '' : ` (${String(count)} times)`
      return { severity: 'warning', code, text: `line ${String(firstLine)}: ${findingTexts[code]}${times}` }
    })
    if (this.headerText !== null && this.headerText !== '') {
      findings.push({ severity: 'info', code: 'header-text', text: `the file calls itself “${this.headerText}”` })
    }
    return findings
  }

  /**
   * Takes the record in text[start..end), which holds no blanks around it.
   * @throws {FlashproofError} format.malformed-record, format.bad-checksum, format.unsupported-record,
   * format.count-mismatch, format.data-after-end, image.address-range
   */
  take(text: Uint8Array, start: number, end: number, line: number): void {
    const place = { file: this.#file, line }
    const record = this.#parser
    record.parse(text, start, end, place)
    switch (record.type) {
      case 1:
      case 2:
      case 3:
        this.#takeData(place)
        break
      case 0:
        if (this.#isAfterEnd(line)) break
        this.headerText ??= stripControl(new TextDecoder('latin1').decode(record.data).replace(/\0+$/, ''), 100)
        break
      case 5:
      case 6:
        if (!this.#isAfterEnd(line)) this.#checkCount(place)
        break
      default:
        this.#takeEnd(line)
    }
  }

  #isAfterEnd(line: number): boolean {
    if (this.endLine === null) return false
    this.note('record-after-end', line)
    return true
  }

  #takeData(place: RecordPlace): void {
    const { address, data } = this.#parser
    if (this.endLine !== null) {
      throw recordError(
        'format.data-after-end',
        place,
        `there is data after the end record of line ${String(this.endLine)}; other tools drop it or keep it`,
        { endLine: this.endLine, address },
      )
    }
    this.dataRecords++
    if (address + data.length > ADDRESS_LIMIT) {
      throw recordError(
        'image.address-range',
        place,
        `${String(data.length)} bytes at ${formatAddress(address)} reach past 0xFFFFFFFF`,
        { address, sizeBytes: data.length },
      )
    }
    this.#sink(address, data, place.line)
  }

  #checkCount(place: RecordPlace): void {
    const { address: expectedCount } = this.#parser
    const foundCount = this.dataRecords
    if (expectedCount === foundCount) {
      this.#countedRecords = expectedCount
      return
    }
    throw recordError(
      'format.count-mismatch',
      place,
      `the file counts ${String(expectedCount)} data records up to here, ${String(foundCount)} are there: records are missing or doubled`,
      { expectedCount, foundCount },
    )
  }

  #takeEnd(line: number): void {
    if (this.endLine !== null) {
      this.note('second-end', line)
      return
    }
    this.endLine = line
    this.startAddress = this.#parser.address
  }
}
