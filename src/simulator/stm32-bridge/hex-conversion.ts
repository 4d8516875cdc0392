/**
 * Intel HEX as the gateway converts it: records 00, 01 and 04 alone, no checksums, the lowest address becomes offset 0. What a
 * careful reader refuses goes through here, and comes out wrong.
 */

/** Size of the line buffer, without the NUL behind the text. */
const LINE_CHARACTERS = 255
const GAP_BYTE = 0xff

interface HexRecord {
  readonly address: number
  readonly bytes: readonly number[]
}

/**
 * @param allocate says whether there is memory for the image
 * @returns null without data records, or without memory
 */
export function convertHex(text: string, allocate: (sizeBytes: number) => boolean): Uint8Array | null {
  const records = readRecords(text)
  let lowest = Number.POSITIVE_INFINITY
  let end = 0
  for (const { address, bytes } of records) {
    lowest = Math.min(lowest, address)
    end = Math.max(end, address + bytes.length)
  }
  if (records.length === 0 || !allocate(end - lowest)) return null
  const image = new Uint8Array(end - lowest).fill(GAP_BYTE)
  for (const { address, bytes } of records) image.set(bytes, address - lowest)
  return image
}

function readRecords(text: string): readonly HexRecord[] {
  const records: HexRecord[] = []
  let base = 0
  for (const line of linesOf(text)) {
    if (!line.startsWith(':')) continue
    const count = hexAt(line, 1, 2)
    const type = hexAt(line, 7, 2)
    if (type === 1) break
    // A start address, a segment and everything unknown are passed over.
    if (type === 4) base = hexAt(line, 9, 4) * 0x1_0000
    else if (type === 0) {
      const bytes = Array.from({ length: count }, (_, index) => hexAt(line, 9 + index * 2, 2))
      records.push({ address: base + hexAt(line, 3, 4), bytes })
    }
  }
  return records
}

/** A longer line is read as several, of which the first alone begins with a colon. */
function* linesOf(text: string): Iterable<string> {
  for (const line of text.split('\n')) {
    for (let at = 0; at === 0 || at < line.length; at += LINE_CHARACTERS) yield line.slice(at, at + LINE_CHARACTERS)
  }
}

/** As `strtol`: what is no digit ends the number, nothing at all is 0. */
function hexAt(line: string, at: number, digits: number): number {
  const [found = ''] = /^[0-9a-f]*/i.exec(line.slice(at, at + digits)) ?? []
  return found === '' ? 0 : Number.parseInt(found, 16)
}
