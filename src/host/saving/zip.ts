/** A ZIP archive of a few small files, made in memory: the format every desktop opens by itself. */
import { crc32, deflateRawSync } from 'node:zlib'

export interface ZipEntry {
  /** With forward slashes. */
  readonly path: string
  readonly content: string | Uint8Array
}

const VERSION_2_0 = 20
const UTF8_NAMES = 0x0800
const DEFLATE = 8

/** @param at the time that every entry gets, in local time as the format wants it */
export function writeZip(entries: readonly ZipEntry[], at: Date): Uint8Array {
  const pieces: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const entry of entries) {
    const name = Buffer.from(entry.path, 'utf8')
    const content = typeof entry.content === 'string' ? Buffer.from(entry.content, 'utf8') : entry.content
    const packed = deflateRawSync(content)
    const fields = describeEntry({ name, content, packed, at })
    const noExtraField = Buffer.alloc(2)
    const header = Buffer.concat([signature(0x04034b50), fields, noExtraField, name])
    pieces.push(header, packed)
    directory.push(directoryRecord(fields, name, offset))
    offset += header.length + packed.length
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...pieces, central, end])
}

interface EntryFields {
  readonly name: Buffer
  readonly content: Uint8Array
  readonly packed: Buffer
  readonly at: Date
}

/** What the local header and the directory have in common: version needed up to the length of the name. */
function describeEntry({ name, content, packed, at }: EntryFields): Buffer {
  const fields = Buffer.alloc(24)
  fields.writeUInt16LE(VERSION_2_0, 0)
  fields.writeUInt16LE(UTF8_NAMES, 2)
  fields.writeUInt16LE(DEFLATE, 4)
  fields.writeUInt16LE((at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1), 6)
  fields.writeUInt16LE(((at.getFullYear() - 1980) << 9) | ((at.getMonth() + 1) << 5) | at.getDate(), 8)
  fields.writeUInt32LE(crc32(content), 10)
  fields.writeUInt32LE(packed.length, 14)
  fields.writeUInt32LE(content.length, 18)
  fields.writeUInt16LE(name.length, 22)
  return fields
}

function directoryRecord(fields: Buffer, name: Buffer, offset: number): Buffer {
  const madeBy = Buffer.alloc(2)
  madeBy.writeUInt16LE(VERSION_2_0, 0)
  // Extra field, comment, disk, attributes: none of them is used.
  const rest = Buffer.alloc(16)
  rest.writeUInt32LE(offset, 12)
  return Buffer.concat([signature(0x02014b50), madeBy, fields, rest, name])
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value, 0)
  return bytes
}
