/**
 * Finds the source lines of a few addresses in `.debug_line`, in one pass that keeps no table. Source: DWARF Debugging
 * Information Format 5, section 6.2. Inlined calls are not told apart: that would take `.debug_info`.
 */
import { ByteCursor, EndOfBytes } from './byte-cursor.ts'
import { readLineHeader, type DwarfTexts, type LineHeader } from './line-header.ts'

export interface SourceLine {
  /** As the compiler wrote it; relative to where it ran, before version 5. */
  readonly file: string
  /** 0 where the compiler made the code without a line of its own. */
  readonly line: number
}

interface Hit {
  /** How many bytes the row covers: of overlapping rows the tighter one is right. */
  rowBytes: number
  file: number
  line: number
}

const Opcode = {
  extended: 0,
  copy: 1,
  advancePc: 2,
  advanceLine: 3,
  setFile: 4,
  setColumn: 5,
  negateStatement: 6,
  basicBlock: 7,
  constAddPc: 8,
  fixedAdvancePc: 9,
} as const
const ExtendedOpcode = { endSequence: 1, setAddress: 2 } as const

/**
 * Looks every address up.
 * @param addresses sorted, each once
 * @returns by address; one that the table does not cover is missing. Tables that are broken are left out.
 */
export function findSourceLines(
  section: Uint8Array,
  addresses: readonly number[],
  texts: DwarfTexts,
): ReadonlyMap<number, SourceLine> {
  const found = new Map<number, SourceLine>()
  const tightest = new Map<number, number>()
  const cursor = new ByteCursor(section)
  while (!cursor.isAtEnd) {
    try {
      const header = readLineHeader(section, cursor, texts)
      if (header === null) continue
      const hits = runProgram(section, header, addresses)
      for (const [address, { rowBytes, file, line }] of hits) {
        const name = rowBytes < (tightest.get(address) ?? Infinity) ? header.fileName(file) : null
        if (name === null) continue
        tightest.set(address, rowBytes)
        found.set(address, { file: name, line })
      }
    } catch (error) {
      // One broken table says nothing of the others; its length leads to the next one.
      if (!(error instanceof EndOfBytes || error instanceof RangeError)) throw error
    }
  }
  return found
}

/** Runs one program and notes the rows that cover addresses which are looked for. */
function runProgram(section: Uint8Array, header: LineHeader, addresses: readonly number[]): Map<number, Hit> {
  const hits = new Map<number, Hit>()
  const code = new ByteCursor(section, header.programAt, header.end)
  const state = new LineState(header, addresses, hits)
  while (!code.isAtEnd) {
    const opcode = code.u8()
    if (opcode > header.opcodeOperands.length) state.special(opcode)
    else if (opcode === Opcode.extended) runExtended(code, state)
    else runStandard(opcode, code, state, header)
  }
  return hits
}

function runExtended(code: ByteCursor, state: LineState): void {
  const sizeBytes = code.uleb()
  if (sizeBytes === 0) return
  const next = code.position + sizeBytes
  const opcode = code.u8()
  if (opcode === ExtendedOpcode.endSequence) state.endSequence()
  else if (opcode === ExtendedOpcode.setAddress) state.setAddress(sizeBytes > 5 ? code.u64() : code.u32())
  code.skip(Math.max(0, next - code.position))
}

function runStandard(opcode: number, code: ByteCursor, state: LineState, header: LineHeader): void {
  switch (opcode) {
    case Opcode.copy:
      state.emitRow()
      return
    case Opcode.advancePc:
      state.advance(code.uleb())
      return
    case Opcode.advanceLine:
      state.line += code.sleb()
      return
    case Opcode.setFile:
      state.file = code.uleb()
      return
    case Opcode.setColumn:
      code.uleb()
      return
    case Opcode.negateStatement:
    case Opcode.basicBlock:
      return
    case Opcode.constAddPc:
      state.constAdd()
      return
    case Opcode.fixedAdvancePc:
      state.fixedAdvance(code.u16())
      return
    default: {
      const operands = header.opcodeOperands[opcode - 1] ?? 0
      for (let operand = 0; operand < operands; operand++) code.uleb()
    }
  }
}

/** The registers of the state machine that a lookup needs. */
class LineState {
  readonly #header: LineHeader
  readonly #addresses: readonly number[]
  readonly #hits: Map<number, Hit>
  #address = 0
  #operation = 0
  /** The row before, which reaches up to the next one; null at the beginning of a sequence. */
  #row: { address: number; file: number; line: number } | null = null
  file = 1
  line = 1

  constructor(header: LineHeader, addresses: readonly number[], hits: Map<number, Hit>) {
    this.#header = header
    this.#addresses = addresses
    this.#hits = hits
  }

  special(opcode: number): void {
    const { lineBase, lineRange, opcodeOperands } = this.#header
    const adjusted = opcode - (opcodeOperands.length + 1)
    this.advance(Math.floor(adjusted / lineRange))
    this.line += lineBase + (adjusted % lineRange)
    this.emitRow()
  }

  constAdd(): void {
    const { lineRange, opcodeOperands } = this.#header
    this.advance(Math.floor((255 - (opcodeOperands.length + 1)) / lineRange))
  }

  advance(operations: number): void {
    const { minimumInstructionBytes, operationsAnInstruction } = this.#header
    const total = this.#operation + operations
    this.#address += minimumInstructionBytes * Math.floor(total / operationsAnInstruction)
    this.#operation = total % operationsAnInstruction
  }

  fixedAdvance(bytes: number): void {
    this.#address += bytes
    this.#operation = 0
  }

  setAddress(address: number): void {
    this.#address = address
    this.#operation = 0
  }

  emitRow(): void {
    this.#closeRow()
    this.#row = { address: this.#address, file: this.file, line: this.line }
  }

  endSequence(): void {
    this.#closeRow()
    this.#row = null
    this.#address = 0
    this.#operation = 0
    this.file = 1
    this.line = 1
  }

  #closeRow(): void {
    const row = this.#row
    if (row === null) return
    const rowBytes = this.#address - row.address
    // Rows of no length are replaced by the next one; a table that runs backwards is broken there.
    if (!(rowBytes > 0)) return
    for (let index = this.#firstAtOrAfter(row.address); index < this.#addresses.length; index++) {
      const address = this.#addresses[index] ?? Infinity
      if (address >= this.#address) return
      const known = this.#hits.get(address)
      if (known === undefined || rowBytes < known.rowBytes) {
        this.#hits.set(address, { rowBytes, file: row.file, line: row.line })
      }
    }
  }

  #firstAtOrAfter(address: number): number {
    let low = 0
    let high = this.#addresses.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#addresses[middle] ?? Infinity) < address) low = middle + 1
      else high = middle
    }
    return low
  }
}
