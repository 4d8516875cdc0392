/** The head of one line-number program: versions 2 to 5. Source: DWARF Debugging Information Format 5, section 6.2.4. */
import { textAt } from '../../formats/elf/sections.ts'
import { ByteCursor } from './byte-cursor.ts'

/** Other sections that a version 5 table points into. */
export interface DwarfTexts {
  /** `.debug_line_str` */
  readonly lineTexts: Uint8Array
  /** `.debug_str` */
  readonly texts: Uint8Array
}

export interface LineHeader {
  readonly version: number
  readonly minimumInstructionBytes: number
  /** More than 1 on VLIW machines alone. */
  readonly operationsAnInstruction: number
  readonly lineBase: number
  readonly lineRange: number
  /** Operands of the standard opcodes, from opcode 1 on. */
  readonly opcodeOperands: readonly number[]
  /** Where the program begins and ends. */
  readonly programAt: number
  readonly end: number
  /** Reads the name of a file of this table; null for a number that it does not have. */
  readonly fileName: (file: number) => string | null
}

const FIRST_VERSION = 2
const LAST_VERSION = 5
/** A length that says: the real one follows, in 64 bits. */
const SIZE_64 = 0xffff_ffff
const MAX_ENTRIES = 100_000

/**
 * Reads the head at the cursor, which stands after it at the next table then, whether the head could be read or not.
 * @returns null for a table of another version, or a broken one
 * @throws {EndOfBytes} when the section ends inside the length
 */
export function readLineHeader(section: Uint8Array, cursor: ByteCursor, texts: DwarfTexts): LineHeader | null {
  let sizeBytes = cursor.u32()
  const is64 = sizeBytes === SIZE_64
  if (is64) sizeBytes = cursor.u64()
  const end = Math.min(cursor.position + sizeBytes, section.length)
  const head = new ByteCursor(section, cursor.position, end)
  cursor.position = end
  if (head.end - head.position < 16) return null
  const version = head.u16()
  if (version < FIRST_VERSION || version > LAST_VERSION) return null
  // Sizes of an address and of a segment selector.
  if (version >= 5) head.skip(2)
  const headBytes = is64 ? head.u64() : head.u32()
  const programAt = head.position + headBytes
  const minimumInstructionBytes = head.u8()
  const operationsAnInstruction = version >= 4 ? head.u8() : 1
  // Whether rows are recommended breakpoints: of no interest here.
  head.skip(1)
  const lineBase = head.i8()
  const lineRange = head.u8()
  const opcodeBase = head.u8()
  if (lineRange === 0 || opcodeBase === 0 || programAt > end) return null
  const opcodeOperands = Array.from({ length: opcodeBase - 1 }, () => head.u8())
  const tablesAt = head.position
  return {
    version,
    minimumInstructionBytes,
    operationsAnInstruction: Math.max(1, operationsAnInstruction),
    lineBase,
    lineRange,
    opcodeOperands,
    programAt,
    end,
    fileName: file => {
      const tables = new ByteCursor(section, tablesAt, programAt)
      return version >= 5 ? findNewName(tables, file, is64, texts) : findOldName(tables, file)
    },
  }
}

/** Versions 2 to 4: both lists end with an empty name and count from 1; folder 0 is where the compiler ran. */
function findOldName(tables: ByteCursor, file: number): string | null {
  const folders: string[] = ['']
  for (let folder = tables.text(); folder !== ''; folder = tables.text()) folders.push(folder)
  let number = 1
  for (let name = tables.text(); name !== ''; name = tables.text()) {
    const folder = folders[tables.uleb()]
    tables.uleb()
    tables.uleb()
    if (number++ === file) return joined(folder, name)
  }
  return null
}

interface NamedEntry {
  readonly path: string
  readonly folder: number
}

/** Version 5: both lists say first what an entry consists of, and count from 0. */
function findNewName(tables: ByteCursor, file: number, is64: boolean, texts: DwarfTexts): string | null {
  const folders = readEntries(tables, is64, texts)
  const entry = readEntries(tables, is64, texts)[file]
  return entry === undefined ? null : joined(folders[entry.folder]?.path, entry.path)
}

const ContentType = { path: 1, folder: 2 } as const

function readEntries(tables: ByteCursor, is64: boolean, texts: DwarfTexts): NamedEntry[] {
  const format = Array.from({ length: tables.u8() }, () => ({ type: tables.uleb(), form: tables.uleb() }))
  const count = tables.uleb()
  if (count > MAX_ENTRIES || (format.length === 0 && count > 0)) return []
  return Array.from({ length: count }, () => {
    let path = ''
    let folder = 0
    for (const { type, form } of format) {
      const value = readForm(tables, form, is64, texts)
      if (type === ContentType.path && typeof value === 'string') path = value
      if (type === ContentType.folder && typeof value === 'number') folder = value
    }
    return { path, folder }
  })
}

/** The forms that the standard allows in these tables (section 6.2.4.1). */
function readForm(tables: ByteCursor, form: number, is64: boolean, texts: DwarfTexts): string | number {
  const offset = (): number => (is64 ? tables.u64() : tables.u32())
  switch (form) {
    case 0x08:
      return tables.text()
    case 0x0e:
      return textAt(texts.texts, offset())
    case 0x1f:
      return textAt(texts.lineTexts, offset())
    case 0x0b:
      return tables.u8()
    case 0x05:
      return tables.u16()
    case 0x06:
      return tables.u32()
    case 0x07:
      return tables.u64()
    case 0x0f:
      return tables.uleb()
    case 0x09:
      tables.skip(tables.uleb())
      return 0
    case 0x1e:
      tables.skip(16)
      return 0
    default:
      throw new RangeError(`form ${String(form)} does not belong in a table of files`)
  }
}

function joined(folder: string | undefined, name: string): string {
  const isAbsolute = name.startsWith('/') || /^[a-z]:[\\/]/i.test(name)
  return folder === undefined || folder === '' || isAbsolute ? name : `${folder}/${name}`
}
