/** Just enough of DNS messages to answer over mDNS (RFC 1035, RFC 6762): questions in, records out. */

export type RecordType = 'A' | 'PTR' | 'TXT' | 'SRV'

const typeNumbers: Readonly<Record<RecordType, number>> = { A: 1, PTR: 12, TXT: 16, SRV: 33 }
const ANY = 255
const CLASS_INTERNET = 1
/** Others forget what they knew under this name: the record is this host's alone. */
const CACHE_FLUSH = 0x8000
const AUTHORITATIVE_ANSWER = 0x8400
const RESPONSE = 0x8000
const HEADER_BYTES = 12
const MAXIMUM_POINTERS = 20

export interface DnsQuestion {
  readonly name: string
  /** Null for a type that is not answered here. */
  readonly type: RecordType | 'ANY' | null
}

export type DnsRecord = { readonly name: string; readonly ttlSeconds: number } & (
  | { readonly type: 'A'; readonly address: string }
  /** The names of a service type and of one instance; shared with whoever else offers the type. */
  | { readonly type: 'PTR'; readonly target: readonly string[] }
  | { readonly type: 'TXT'; readonly entries: readonly string[] }
  | { readonly type: 'SRV'; readonly port: number; readonly host: string }
) & {
    /** The labels of the name, where one of them holds dots. */
    readonly labels?: readonly string[]
  }

/** The questions of a query; none for an answer, or for what cannot be read. */
export function readQuestions(message: Uint8Array): DnsQuestion[] {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  try {
    if ((view.getUint16(2) & RESPONSE) !== 0) return []
    const count = view.getUint16(4)
    const questions: DnsQuestion[] = []
    let at = HEADER_BYTES
    for (let index = 0; index < count; index++) {
      const { labels, next } = readName(message, view, at)
      const number = view.getUint16(next)
      // The class makes no difference, except that it must be there.
      view.getUint16(next + 2)
      const type = (['A', 'PTR', 'TXT', 'SRV'] as const).find(known => typeNumbers[known] === number)
      questions.push({ name: labels.join('.').toLowerCase(), type: number === ANY ? 'ANY' : (type ?? null) })
      at = next + 4
    }
    return questions
  } catch {
    return []
  }
}

export function writeAnswer(records: readonly DnsRecord[]): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt16BE(AUTHORITATIVE_ANSWER, 2)
  header.writeUInt16BE(records.length, 6)
  return Buffer.concat([header, ...records.map(writeRecord)])
}

function writeRecord(record: DnsRecord): Buffer {
  const data = writeData(record)
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(typeNumbers[record.type], 0)
  fixed.writeUInt16BE(record.type === 'PTR' ? CLASS_INTERNET : CLASS_INTERNET | CACHE_FLUSH, 2)
  fixed.writeUInt32BE(record.ttlSeconds, 4)
  fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([writeName(record.labels ?? record.name.split('.')), fixed, data])
}

function writeData(record: DnsRecord): Buffer {
  switch (record.type) {
    case 'A':
      return Buffer.from(record.address.split('.').map(Number))
    case 'PTR':
      return writeName(record.target)
    case 'TXT':
      // An empty text is one empty string (RFC 6763, 6.1).
      return Buffer.concat((record.entries.length === 0 ? [''] : record.entries).map(writeLabel))
    case 'SRV': {
      const fixed = Buffer.alloc(6)
      fixed.writeUInt16BE(record.port, 4)
      return Buffer.concat([fixed, writeName(record.host.split('.'))])
    }
  }
}

function writeName(labels: readonly string[]): Buffer {
  return Buffer.concat([...labels.map(writeLabel), Buffer.of(0)])
}

function writeLabel(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8')
  return Buffer.concat([Buffer.of(bytes.length), bytes])
}

/** @throws {RangeError} past the end of the message, or in a loop of pointers */
function readName(message: Uint8Array, view: DataView, start: number): { labels: string[]; next: number } {
  const labels: string[] = []
  let at = start
  let next: number | null = null
  for (let pointers = 0; pointers <= MAXIMUM_POINTERS;) {
    const length = view.getUint8(at)
    if (length === 0) return { labels, next: next ?? at + 1 }
    if (length >= 0xc0) {
      next ??= at + 2
      at = view.getUint16(at) & 0x3fff
      pointers++
      continue
    }
    if (at + 1 + length > message.length) break
    labels.push(Buffer.from(message.subarray(at + 1, at + 1 + length)).toString('utf8'))
    at += 1 + length
  }
  throw new RangeError('a name of this message has no end')
}
