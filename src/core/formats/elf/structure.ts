/** The parts of a 32-bit little-endian ELF file that say what goes into flash. Source: System V ABI, `elf.h`. */
import { FlashproofError } from '../../../shared/errors.ts'
import type { FirmwareSource } from '../firmware-format.ts'

export const ElfMachine = { arm: 40, xtensa: 94, riscV: 243 } as const
export const otherMachineNames: Readonly<Record<number, string>> = {
  2: 'SPARC',
  3: 'x86',
  8: 'MIPS',
  20: 'PowerPC',
  62: 'x86-64',
  83: 'AVR',
  105: 'MSP430',
  183: 'AArch64',
}
export const ElfType = { relocatable: 1, executable: 2, shared: 3, core: 4 } as const
export const HEADER_BYTES = 52

const PT_LOAD = 1
const SHT_NOBITS = 8
const SHF_ALLOC = 2
const PROGRAM_HEADER_BYTES = 32
export const SECTION_HEADER_BYTES = 40

export interface ElfHeader {
  readonly type: number
  readonly machine: number
  readonly entryAddress: number
  readonly programHeadersAt: number
  readonly programHeaderBytes: number
  readonly programHeaderCount: number
  readonly sectionHeadersAt: number
  readonly sectionHeaderBytes: number
  readonly sectionHeaderCount: number
}

/** A part of the file that a loader copies. */
export interface LoadSegment {
  readonly fileOffset: number
  readonly fileBytes: number
  readonly virtualAddress: number
  /** Where it lies in flash (LMA). */
  readonly physicalAddress: number
}

/** Part of the file that holds code or data of the program. */
export interface AllocatedSection {
  readonly fileOffset: number
  readonly sizeBytes: number
}

export function isElf(head: Uint8Array): boolean {
  return head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46
}

/** @throws {FlashproofError} format.unsupported for 64-bit or big-endian files, image.corrupt for a cut one */
export function readElfHeader(source: FirmwareSource): ElfHeader {
  const { head, fileName: file } = source
  const wordSize = head[4]
  const byteOrder = head[5]
  if (wordSize !== undefined && wordSize !== 1) {
    const what = wordSize === 2 ? 'a 64-bit ELF file' : 'an ELF file of an unknown word size'
    throw unsupported(
      file,
      `${file} is ${what}; microcontrollers run 32-bit programs. Choose the firmware's own ELF or .bin`,
      {
        elfClass: wordSize,
      },
    )
  }
  if (byteOrder !== undefined && byteOrder !== 1) {
    throw unsupported(file, `${file} is a big-endian ELF file; the chips that are known here are little-endian`, {
      elfData: byteOrder,
    })
  }
  const bytes = readPart(source, 0, HEADER_BYTES, 'its header')
  return {
    type: bytes.getUint16(16, true),
    machine: bytes.getUint16(18, true),
    entryAddress: bytes.getUint32(24, true),
    programHeadersAt: bytes.getUint32(28, true),
    sectionHeadersAt: bytes.getUint32(32, true),
    programHeaderBytes: bytes.getUint16(42, true),
    programHeaderCount: bytes.getUint16(44, true),
    sectionHeaderBytes: bytes.getUint16(46, true),
    sectionHeaderCount: bytes.getUint16(48, true),
  }
}

/**
 * Reads the program headers of type PT_LOAD that have bytes in the file.
 * @throws {FlashproofError} image.corrupt for a cut file, format.malformed-record for headers of a wrong size
 */
export function readLoadSegments(source: FirmwareSource, header: ElfHeader): readonly LoadSegment[] {
  const { programHeadersAt, programHeaderBytes, programHeaderCount } = header
  if (programHeaderCount === 0) return []
  assertEntrySize(source.fileName, 'program', programHeaderBytes, PROGRAM_HEADER_BYTES)
  const bytes = readPart(source, programHeadersAt, programHeaderBytes * programHeaderCount, 'its program headers')
  const segments: LoadSegment[] = []
  for (let index = 0; index < programHeaderCount; index++) {
    const at = index * programHeaderBytes
    const fileBytes = bytes.getUint32(at + 16, true)
    if (bytes.getUint32(at, true) !== PT_LOAD || fileBytes === 0) continue
    const fileOffset = bytes.getUint32(at + 4, true)
    assertInFile(source, fileOffset, fileBytes, `segment ${String(index + 1)}`)
    const virtualAddress = bytes.getUint32(at + 8, true)
    segments.push({ fileOffset, fileBytes, virtualAddress, physicalAddress: bytes.getUint32(at + 12, true) })
  }
  return segments
}

/**
 * Reads the sections that hold the program's bytes; null for a file that carries no section headers.
 * @throws {FlashproofError} image.corrupt for a cut file, format.malformed-record for headers of a wrong size
 */
export function readAllocatedSections(source: FirmwareSource, header: ElfHeader): readonly AllocatedSection[] | null {
  const { sectionHeadersAt, sectionHeaderBytes, sectionHeaderCount } = header
  if (sectionHeaderCount === 0 || sectionHeadersAt === 0) return null
  assertEntrySize(source.fileName, 'section', sectionHeaderBytes, SECTION_HEADER_BYTES)
  const bytes = readPart(source, sectionHeadersAt, sectionHeaderBytes * sectionHeaderCount, 'its section headers')
  const sections: AllocatedSection[] = []
  for (let index = 0; index < sectionHeaderCount; index++) {
    const at = index * sectionHeaderBytes
    const sizeBytes = bytes.getUint32(at + 20, true)
    const isAllocated = (bytes.getUint32(at + 8, true) & SHF_ALLOC) !== 0
    if (!isAllocated || sizeBytes === 0 || bytes.getUint32(at + 4, true) === SHT_NOBITS) continue
    sections.push({ fileOffset: bytes.getUint32(at + 16, true), sizeBytes })
  }
  return sections
}

/** @throws {FlashproofError} image.corrupt when the file ends inside the part */
export function readPart(source: FirmwareSource, offset: number, sizeBytes: number, what: string): DataView {
  assertInFile(source, offset, sizeBytes, what)
  const bytes = new Uint8Array(sizeBytes)
  let length = 0
  while (length < sizeBytes) {
    const count = source.read(bytes.subarray(length), offset + length)
    if (count === 0) throw cutOff(source, offset, sizeBytes, what)
    length += count
  }
  return new DataView(bytes.buffer)
}

function assertInFile(source: FirmwareSource, offset: number, sizeBytes: number, what: string): void {
  if (offset + sizeBytes > source.sizeBytes) throw cutOff(source, offset, sizeBytes, what)
}

function cutOff(source: FirmwareSource, offset: number, sizeBytes: number, what: string): FlashproofError {
  const missingBytes = offset + sizeBytes - source.sizeBytes
  return new FlashproofError(
    'image.corrupt',
    `${source.fileName} ends ${String(missingBytes)} bytes before the end of ${what}: it is cut off, get it again`,
    { file: source.fileName, fileOffset: offset, sizeBytes, missingBytes },
  )
}

export function assertEntrySize(file: string, kind: 'program' | 'section', found: number, expected: number): void {
  if (found >= expected) return
  throw new FlashproofError(
    'format.malformed-record',
    `${file}: its ${kind} headers have ${String(found)} bytes, ${String(expected)} are needed`,
    { file, expectedBytes: expected, foundBytes: found },
  )
}

function unsupported(file: string, message: string, details: Readonly<Record<string, unknown>>): FlashproofError {
  return new FlashproofError('format.unsupported', message, { file, ...details })
}
