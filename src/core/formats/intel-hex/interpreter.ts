/** Gives records their meaning: address modes, start address, end; hands the data with absolute addresses to a sink. */
import { ADDRESS_LIMIT, type FlashAddress } from '../../image/memory-image.ts'
import { RecordFindings } from './findings.ts'
import { describeRange, recordError, RecordParser, RecordType, type RecordPlace } from './record.ts'

const PAGE_BYTES = 0x1_0000

/** Takes data in the order of the file. */
export interface DataSink {
  /** One past the last byte that came; -1 before the first, or always to get every record by itself. */
  readonly nextAddress: number
  add(address: FlashAddress, bytes: Uint8Array, line: number): void
}

/** The data bytes that an address or start record must have, and what it is called in an error. */
const fixedLengths: Readonly<Record<number, readonly [length: number, name: string]>> = {
  [RecordType.end]: [0, 'an end record (01)'],
  [RecordType.segmentAddress]: [2, 'a segment address record (02)'],
  [RecordType.segmentStart]: [4, 'a start address record (03)'],
  [RecordType.linearAddress]: [2, 'a linear address record (04)'],
  [RecordType.linearStart]: [4, 'a start address record (05)'],
}

export class RecordInterpreter {
  readonly findings = new RecordFindings()
  startAddress: number | null = null
  /** Line of the end record; null until it came. */
  endLine: number | null = null
  readonly #file: string
  readonly #sink: DataSink
  readonly #parser = new RecordParser()
  #baseAddress = 0
  #mode: 'none' | 'segment' | 'linear' = 'none'
  #isStartRecordSeen = false

  constructor(file: string, sink: DataSink) {
    this.#file = file
    this.#sink = sink
  }

  /** The offset that a record which directly continues the data must have; null where none can. */
  get continuingOffset(): number | null {
    if (this.endLine !== null) return null
    const offset = this.#sink.nextAddress - this.#baseAddress
    return offset >= 0 && offset < PAGE_BYTES ? offset : null
  }

  /** Takes the data of records that directly continue what came before. */
  continueData(bytes: Uint8Array, firstLine: number): void {
    this.#sink.add(this.#sink.nextAddress, bytes, firstLine)
  }

  /**
   * Takes the record in text[start..end), which holds no blanks around it.
   * @throws {FlashproofError} format.malformed-record, format.bad-checksum, format.unsupported-record,
   * format.data-after-end, image.address-range
   */
  take(text: Uint8Array, start: number, end: number, line: number): void {
    const place = { file: this.#file, line, baseAddress: this.#baseAddress }
    if (this.endLine !== null && !this.#isEndRecord(text, start, end, place)) {
      throw recordError('format.data-after-end', place, `there is text after the end record of line ${this.#endText}`, {
        endLine: this.endLine,
      })
    }
    const record = this.#parser
    record.parse(text, start, end, place)
    if (record.type === RecordType.data) {
      this.#takeData(place)
      return
    }
    this.#assertFixedLength(place)
    switch (record.type) {
      case RecordType.end:
        this.#takeEnd(line)
        break
      case RecordType.segmentAddress:
        this.#takeBase('segment', record.word * 16, line)
        break
      case RecordType.linearAddress:
        this.#takeBase('linear', record.word * PAGE_BYTES, line)
        break
      case RecordType.segmentStart:
        this.#takeStart(record.word * 16 + record.secondWord, line)
        break
      case RecordType.linearStart:
        this.#takeStart(record.word * PAGE_BYTES + record.secondWord, line)
        break
    }
  }

  get #endText(): string {
    return String(this.endLine)
  }

  #isEndRecord(text: Uint8Array, start: number, end: number, place: RecordPlace): boolean {
    try {
      this.#parser.parse(text, start, end, place)
      return this.#parser.type === RecordType.end
    } catch {
      return false
    }
  }

  #assertFixedLength(place: RecordPlace): void {
    const { type, length, offset } = this.#parser
    const known = fixedLengths[type]
    const typeText = type.toString(16).toUpperCase().padStart(2, '0')
    if (known === undefined) {
      throw recordError('format.unsupported-record', place, `there is no record type ${typeText} in Intel HEX`, {
        recordType: type,
        address: place.baseAddress + offset,
      })
    }
    const [wanted, name] = known
    if (length === wanted) return
    throw recordError(
      'format.malformed-record',
      place,
      `${name} has ${String(wanted)} data bytes, this one has ${String(length)}`,
      { recordType: type, expectedLength: wanted, foundLength: length },
    )
  }

  #takeData(place: RecordPlace): void {
    const { length, offset, data } = this.#parser
    if (length === 0) return
    const address = this.#baseAddress + offset
    const range = describeRange(address, length)
    if (offset + length > PAGE_BYTES) {
      if (this.#mode === 'segment') {
        throw recordError('image.address-range', place, `${range} reach past the end of their 64 KiB segment`, {
          address,
          sizeBytes: length,
        })
      }
      this.findings.add('crosses-page', place.line)
    }
    if (address + length > ADDRESS_LIMIT) {
      throw recordError('image.address-range', place, `${range} reach past 0xFFFFFFFF`, { address, sizeBytes: length })
    }
    this.#sink.add(address, data, place.line)
  }

  #takeEnd(line: number): void {
    if (this.endLine === null) {
      this.endLine = line
      // 16-bit files put the start address here.
      if (!this.#isStartRecordSeen && this.#parser.offset !== 0) this.startAddress = this.#parser.offset
    } else {
      this.findings.add('second-end', line)
    }
  }

  #takeBase(mode: 'segment' | 'linear', baseAddress: number, line: number): void {
    if (this.#mode !== 'none' && this.#mode !== mode) this.findings.add('mixed-address-records', line)
    this.#mode = mode
    this.#baseAddress = baseAddress
  }

  #takeStart(startAddress: number, line: number): void {
    if (this.#isStartRecordSeen) this.findings.add('second-start-address', line)
    this.#isStartRecordSeen = true
    this.startAddress = startAddress
  }
}
