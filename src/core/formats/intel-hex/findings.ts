/** Counts what is unusual but harmless in a text, and says each kind once with its count and first line. */
import type { Finding } from '../../../shared/contract/models.ts'

const texts = {
  'byte-order-mark': 'the file begins with a UTF-8 byte order mark, which was ignored',
  'leading-blanks': 'blanks before the record',
  'trailing-blanks': 'blanks after the record',
  'second-end': 'another end record after the first',
  'second-start-address': 'another start address; the last one counts',
  'mixed-address-records':
    'segment (02) and linear (04) address records are mixed: the last one counts here, some tools add them',
  'crosses-page': 'a record reaches past the end of its 64 KiB page; its data was placed straight on',
  'repeated-bytes': 'bytes that the file had already given, the same both times',
  'missing-end': 'the end record is missing, so the file may be cut off; it was accepted as it is',
} as const

export type RecordFindingCode = keyof typeof texts

export class RecordFindings {
  readonly #tallies = new Map<RecordFindingCode, { count: number; readonly firstLine: number }>()

  add(code: RecordFindingCode, line: number, count = 1): void {
    const tally = this.#tallies.get(code)
    if (tally === undefined) this.#tallies.set(code, { count, firstLine: line })
    else tally.count += count
  }

  /** One warning a kind, in the order in which they came up. */
  list(): readonly Finding[] {
    return Array.from(this.#tallies, ([code, { count, firstLine }]) => {
      const times = count === 1 ? '' : ` (${String(count)} times)`
      return { severity: 'warning', code, text: `line ${String(firstLine)}: ${texts[code]}${times}` }
    })
  }
}
