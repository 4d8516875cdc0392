/** Finds the places in the sources that a crash report's addresses stand for, in the ELF file of the program. */
import type { CrashDecoding, CrashPlace, CrashReport } from '../../../shared/contract/models.ts'
import { FlashproofError } from '../../../shared/errors.ts'
import { hashSource } from '../../formats/file-source.ts'
import type { FirmwareSource } from '../../formats/firmware-format.ts'
import { readSection, readSections, SectionFlag, type ElfSection } from '../../formats/elf/sections.ts'
import { ElfMachine, isElf, readElfHeader, type ElfHeader } from '../../formats/elf/structure.ts'
import { findSourceLines } from './line-table.ts'
import { findFunctions } from './symbols.ts'

/** Words of the stack that lie in code are told up to this many: most of them are old. */
const MOST_STACK_PLACES = 24
/** A hash is compared from this many digits on; shorter ones could agree by chance. */
const LEAST_HASH_DIGITS = 8

export interface DecodeRequest {
  readonly crash: CrashReport
  /** What the board said at its start, where the crash itself says no hash. */
  readonly appElfSha256: string | null
}

interface Wanted {
  readonly role: CrashPlace['role']
  readonly name: string
  readonly address: number
  /** Where it is looked up: a return address points behind the call. */
  readonly lookedUpAt: number
}

/**
 * Decodes a crash; nothing is decoded with a file of another build.
 * @throws {FlashproofError} format.unsupported, format.malformed-record, image.corrupt, file.* for a file that is no usable ELF
 */
export function decodeCrash(source: FirmwareSource, { crash, appElfSha256 }: DecodeRequest): CrashDecoding {
  const header = readProgramHeader(source)
  const elfSha256 = hashSource(source)
  const build = compareHash(elfSha256, crash.elfSha256 ?? appElfSha256)
  if (build === 'other') return { build, elfSha256, places: [] }
  const sections = readSections(source, header)
  const code = sections.filter(({ flags }) => (flags & SectionFlag.executable) !== 0)
  const wanted = addressesOf(crash, code, header.machine === ElfMachine.xtensa)
  const addresses = [...new Set(wanted.map(({ lookedUpAt }) => lookedUpAt))].toSorted((left, right) => left - right)
  const contentOf = (name: string): Uint8Array => {
    const section = sections.find(candidate => candidate.name === name)
    return section === undefined ? new Uint8Array() : readSection(source, section)
  }
  const lines = findSourceLines(contentOf('.debug_line'), addresses, {
    lineTexts: contentOf('.debug_line_str'),
    texts: contentOf('.debug_str'),
  })
  const isThumb = header.machine === ElfMachine.arm
  const functions = findFunctions(contentOf('.symtab'), contentOf('.strtab'), addresses, isThumb)
  const places = wanted.map(({ role, name, address, lookedUpAt }) => {
    const place = functions.get(lookedUpAt)
    const line = lines.get(lookedUpAt)
    return {
      address,
      role,
      name,
      function: place?.name ?? null,
      offset: place === undefined ? null : place.offset + (address - lookedUpAt),
      file: line?.file ?? null,
      line: line?.line ?? null,
    }
  })
  return { build, elfSha256, places: places.filter(place => place.role !== 'stack' || place.function !== null) }
}

/**
 * Reads the header of a file that crashes are decoded with.
 * @throws {FlashproofError} format.unsupported for anything but a 32-bit little-endian ELF file, image.corrupt for a cut one
 */
export function readProgramHeader(source: FirmwareSource): ElfHeader {
  if (isElf(source.head)) return readElfHeader(source)
  const problem = `${source.fileName} is no ELF file; the build leaves one beside the .bin, with the program's symbols`
  throw new FlashproofError('format.unsupported', problem, { file: source.fileName })
}

/** Firmware prints the beginning of the hash; one of zeros was never filled in by the build. */
function compareHash(elfSha256: string, said: string | null): CrashDecoding['build'] {
  if (said === null || said.length < LEAST_HASH_DIGITS || /^0+$/.test(said)) return 'unknown'
  return elfSha256.startsWith(said.toLowerCase()) ? 'same' : 'other'
}

function addressesOf(crash: CrashReport, code: readonly ElfSection[], isXtensa: boolean): Wanted[] {
  const frames = crash.backtraces.flatMap(({ frames }) =>
    frames.map(({ pc }, index) => wantedAt('frame', `#${String(index)}`, pc, pc)),
  )
  const { registers, abortPc } = crash
  const named: Wanted[] = abortPc === null ? [] : [wantedAt('register', 'abort', abortPc, abortPc)]
  for (const name of ['PC', 'MEPC']) {
    const pc = registers[name]
    if (pc !== undefined) named.push(wantedAt('register', name, pc, pc))
  }
  const returnAddress = isXtensa ? windowedReturn(registers['A0']) : registers['RA']
  if (returnAddress !== undefined) {
    named.push(wantedAt('register', isXtensa ? 'A0' : 'RA', returnAddress, beforeReturn(returnAddress, isXtensa)))
  }
  const isCode = (address: number): boolean =>
    code.some(section => address > section.address && address < section.address + section.sizeBytes)
  const stack = frames.length > 0 ? [] : crash.stackWords.filter(isCode)
  const callers = stack
    .slice(0, MOST_STACK_PLACES)
    .map((word, index) => wantedAt('stack', `~${String(index)}`, word, beforeReturn(word, isXtensa)))
  return [...frames, ...named, ...callers]
}

function wantedAt(role: CrashPlace['role'], name: string, address: number, lookedUpAt: number): Wanted {
  return { role, name, address, lookedUpAt }
}

/** A register of the dump is raw: its two highest bits hold the size of the window of the call (Xtensa ISA, 4.7.1.5). */
function windowedReturn(a0: number | undefined): number | undefined {
  return a0 === undefined ? undefined : ((a0 & 0x3fff_ffff) | 0x4000_0000) >>> 0
}

/** An address within the call before the return address: every call has 3 bytes on Xtensa, 2 or 4 elsewhere. */
function beforeReturn(address: number, isXtensa: boolean): number {
  return Math.max(0, address - (isXtensa ? 3 : 1))
}
