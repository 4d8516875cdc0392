/** Sections of a 32-bit little-endian ELF file by name: symbols and debug information. Source: System V ABI, `elf.h`. */
import { inflateSync } from 'node:zlib'
import { FlashproofError } from '../../../shared/errors.ts'
import type { FirmwareSource } from '../firmware-format.ts'
import { assertEntrySize, readPart, SECTION_HEADER_BYTES, type ElfHeader } from './structure.ts'

export const SectionFlag = { alloc: 2, executable: 4, compressed: 0x800 } as const

const SHT_NOBITS = 8
/** `e_shstrndx`: which section holds the names of the sections. */
const NAMES_INDEX_AT = 50
const COMPRESSION_ZLIB = 1
const COMPRESSION_HEADER_BYTES = 12
/** Debug information of the largest firmware is a tenth of it. */
const MAX_SECTION_BYTES = 512 * 1024 * 1024
const MAX_NAME_BYTES = 1024

export interface ElfSection {
  readonly name: string
  readonly type: number
  readonly flags: number
  readonly address: number
  readonly fileOffset: number
  readonly sizeBytes: number
  /** Index of the section that belongs to it, such as the names of a symbol table. */
  readonly link: number
}

/**
 * Reads the headers of all sections, in the file's order; empty for a file that was stripped of them.
 * @throws {FlashproofError} image.corrupt for a cut file, format.malformed-record for headers of a wrong size
 */
export function readSections(source: FirmwareSource, header: ElfHeader): readonly ElfSection[] {
  const { sectionHeadersAt, sectionHeaderBytes, sectionHeaderCount } = header
  if (sectionHeaderCount === 0 || sectionHeadersAt === 0) return []
  assertEntrySize(source.fileName, 'section', sectionHeaderBytes, SECTION_HEADER_BYTES)
  const table = readPart(source, sectionHeadersAt, sectionHeaderBytes * sectionHeaderCount, 'its section headers')
  const word = (index: number, at: number): number => table.getUint32(index * sectionHeaderBytes + at, true)
  const namesIndex = readPart(source, NAMES_INDEX_AT, 2, 'its header').getUint16(0, true)
  const names =
    namesIndex < sectionHeaderCount
      ? bytesOf(readPart(source, word(namesIndex, 16), word(namesIndex, 20), 'the names of its sections'))
      : new Uint8Array()
  return Array.from({ length: sectionHeaderCount }, (_, index) => ({
    name: textAt(names, word(index, 0)),
    type: word(index, 4),
    flags: word(index, 8),
    address: word(index, 12),
    fileOffset: word(index, 16),
    sizeBytes: word(index, 20),
    link: word(index, 24),
  }))
}

/**
 * Reads a section's content, unpacked where it is compressed (zlib).
 * @throws {FlashproofError} image.corrupt for a cut file or broken compression, format.unsupported for another
 * compression, file.too-large above 512 MiB
 */
export function readSection(source: FirmwareSource, section: ElfSection): Uint8Array {
  if (section.type === SHT_NOBITS) return new Uint8Array()
  if (section.sizeBytes > MAX_SECTION_BYTES) throw tooLarge(source, section, section.sizeBytes)
  const content = readPart(source, section.fileOffset, section.sizeBytes, `its section ${section.name}`)
  if ((section.flags & SectionFlag.compressed) === 0) return bytesOf(content)
  const file = source.fileName
  if (section.sizeBytes < COMPRESSION_HEADER_BYTES || content.getUint32(0, true) !== COMPRESSION_ZLIB) {
    throw new FlashproofError('format.unsupported', `${file}: ${section.name} is compressed in a way unknown here`, {
      file,
    })
  }
  const sizeBytes = content.getUint32(4, true)
  if (sizeBytes > MAX_SECTION_BYTES) throw tooLarge(source, section, sizeBytes)
  try {
    return inflateSync(bytesOf(content).subarray(COMPRESSION_HEADER_BYTES), { maxOutputLength: Math.max(1, sizeBytes) })
  } catch (cause) {
    throw new FlashproofError('image.corrupt', `${file}: ${section.name} cannot be unpacked`, { file }, { cause })
  }
}

/** A text that ends with a zero byte; at most 1 KiB of it. Empty outside the table. */
export function textAt(table: Uint8Array, offset: number): string {
  const piece = table.subarray(offset, offset + MAX_NAME_BYTES)
  const end = piece.indexOf(0)
  return Buffer.from(end < 0 ? piece : piece.subarray(0, end)).toString('utf8')
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

function tooLarge(source: FirmwareSource, section: ElfSection, sizeBytes: number): FlashproofError {
  const problem = `${source.fileName}: ${section.name} says that it holds ${String(sizeBytes)} bytes`
  return new FlashproofError('file.too-large', problem, { file: source.fileName, sizeBytes })
}
