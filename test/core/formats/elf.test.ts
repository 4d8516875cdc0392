import { describe, expect, it } from 'vitest'
import { elf } from '../../../src/core/formats/elf.ts'
import { sourceFromBytes } from '../../../src/core/formats/file-source.ts'
import type { ReadResult } from '../../../src/core/formats/firmware-format.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'

const HEADER_BYTES = 52
const PROGRAM_BYTES = 32
const SECTION_BYTES = 40

interface Section {
  readonly bytes: Uint8Array
  /** 1 PROGBITS, 8 NOBITS. */
  readonly type?: number
  /** 2 ALLOC. */
  readonly flags?: number
}

interface Load {
  readonly virtualAddress: number
  readonly physicalAddress: number
  /** The sections that it spans, by index. */
  readonly sections: readonly [first: number, last: number]
  /** Begins at file offset 0 and so holds the ELF header, as GNU ld makes it. */
  readonly fromHeader?: boolean
}

interface ElfToBuild {
  readonly sections: readonly Section[]
  readonly loads: readonly Load[]
  readonly machine?: number
  readonly type?: number
  readonly entry?: number
  readonly withoutSectionHeaders?: boolean
}

/** A 32-bit little-endian ELF file: headers, sections at multiples of 16, section headers. */
function buildElf(wanted: ElfToBuild): Buffer {
  let position = HEADER_BYTES + PROGRAM_BYTES * wanted.loads.length
  const places = wanted.sections.map(({ bytes, type }) => {
    position = Math.ceil(position / 16) * 16
    const place = position
    if (type !== 8) position += bytes.length
    return place
  })
  const sectionHeadersAt = Math.ceil(position / 4) * 4
  const headerCount = wanted.withoutSectionHeaders === true ? 0 : wanted.sections.length
  const file = Buffer.alloc(sectionHeadersAt + SECTION_BYTES * headerCount)
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1])
  file.writeUInt16LE(wanted.type ?? 2, 16)
  file.writeUInt16LE(wanted.machine ?? 40, 18)
  file.writeUInt32LE(wanted.entry ?? 0x0800_0101, 24)
  file.writeUInt32LE(HEADER_BYTES, 28)
  file.writeUInt32LE(headerCount === 0 ? 0 : sectionHeadersAt, 32)
  file.writeUInt16LE(PROGRAM_BYTES, 42)
  file.writeUInt16LE(wanted.loads.length, 44)
  file.writeUInt16LE(SECTION_BYTES, 46)
  file.writeUInt16LE(headerCount, 48)
  for (const [index, load] of wanted.loads.entries()) {
    const [first, last] = load.sections
    const start = load.fromHeader === true ? 0 : (places[first] ?? 0)
    const end = (places[last] ?? 0) + (wanted.sections[last]?.bytes.length ?? 0)
    const words = [1, start, load.virtualAddress, load.physicalAddress, end - start, end - start + 64, 5, 4]
    for (const [word, value] of words.entries()) {
      file.writeUInt32LE(value, HEADER_BYTES + PROGRAM_BYTES * index + word * 4)
    }
  }
  for (const [index, { bytes, type = 1, flags = 2 }] of wanted.sections.entries()) {
    if (type !== 8) file.set(bytes, places[index] ?? 0)
    if (headerCount === 0) continue
    const words = [0, type, flags, 0, places[index] ?? 0, bytes.length]
    for (const [word, value] of words.entries()) {
      file.writeUInt32LE(value, sectionHeadersAt + SECTION_BYTES * index + word * 4)
    }
  }
  return file
}

const code = Uint8Array.of(0, 0x50, 0, 0x20, 1, 1, 0, 8, 0xaa, 0xbb)
const data = Uint8Array.of(1, 2, 3, 4)
const plain: ElfToBuild = {
  sections: [{ bytes: code }, { bytes: data }],
  loads: [
    { virtualAddress: 0x0800_0000, physicalAddress: 0x0800_0000, sections: [0, 0] },
    { virtualAddress: 0x2000_0000, physicalAddress: 0x0800_0100, sections: [1, 1] },
  ],
}

function read(file: Uint8Array): ReadResult {
  return elf.read(sourceFromBytes('board.elf', file), {})
}

function refusalOf(file: Uint8Array): FlashproofError {
  try {
    read(file)
  } catch (error) {
    if (error instanceof FlashproofError) return error
    throw error
  }
  throw new Error('the file was accepted')
}

function segmentsOf(result: ReadResult): Record<string, string> {
  return Object.fromEntries(
    result.image.segments.map(({ address, bytes }) => [address.toString(16), Buffer.from(bytes).toString('hex')]),
  )
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('an ARM program', () => {
  it('goes to its load addresses, initial values of RAM too, and names its entry', () => {
    const result = read(buildElf(plain))
    expect(segmentsOf(result)).toEqual({ '8000000': hex(code), '8000100': hex(data) })
    expect(result.startAddress).toBe(0x0800_0101)
    expect(result.findings).toEqual([])
  })

  it('is read without section headers as well', () => {
    const result = read(buildElf({ ...plain, withoutSectionHeaders: true }))
    expect(segmentsOf(result)).toEqual({ '8000000': hex(code), '8000100': hex(data) })
  })

  it('leaves out what the linker put between the sections', () => {
    const result = read(
      buildElf({
        ...plain,
        loads: [{ virtualAddress: 0x0800_0000, physicalAddress: 0x0800_0000, sections: [0, 1] }],
      }),
    )
    expect(segmentsOf(result)).toEqual({ '8000000': hex(code), '8000010': hex(data) })
  })

  it('leaves out sections without bytes and sections that are no part of the program', () => {
    const result = read(
      buildElf({
        sections: [{ bytes: code }, { bytes: data, flags: 0 }, { bytes: data, type: 8 }],
        loads: [{ virtualAddress: 0x0800_0000, physicalAddress: 0x0800_0000, sections: [0, 1] }],
      }),
    )
    expect(segmentsOf(result)).toEqual({ '8000000': hex(code) })
  })

  it('does not take the ELF header for firmware, although the first segment holds it', () => {
    const codeAt = Math.ceil((HEADER_BYTES + PROGRAM_BYTES) / 16) * 16
    const result = read(
      buildElf({
        sections: [{ bytes: code }],
        loads: [
          {
            virtualAddress: 0x0800_8000 - codeAt,
            physicalAddress: 0x0800_8000 - codeAt,
            sections: [0, 0],
            fromHeader: true,
          },
        ],
      }),
    )
    expect(segmentsOf(result)).toEqual({ '8008000': hex(code) })
  })

  it('drops a segment that is nothing but the ELF header, and says so', () => {
    const file = buildElf({
      ...plain,
      loads: [{ virtualAddress: 0, physicalAddress: 0x07ff_0000, sections: [0, 0] }, ...plain.loads],
    })
    // The first segment becomes the first 0x94 bytes of the file, which end before the first section.
    file.writeUInt32LE(0, HEADER_BYTES + 4)
    file.writeUInt32LE(0x94, HEADER_BYTES + 16)
    const result = read(file)
    expect(Object.keys(segmentsOf(result))).toEqual(['8000000', '8000100'])
    expect(result.findings.map(({ code: findingCode }) => findingCode)).toEqual(['elf-header-segment'])
  })

  it('drops such a segment without section headers too', () => {
    const file = buildElf({
      ...plain,
      withoutSectionHeaders: true,
      loads: [{ virtualAddress: 0, physicalAddress: 0x07ff_0000, sections: [0, 0], fromHeader: true }, ...plain.loads],
    })
    expect(Object.keys(segmentsOf(read(file)))).toEqual(['8000000', '8000100'])
  })

  it('without load addresses is placed where it runs, with a warning', () => {
    const result = read(
      buildElf({ ...plain, loads: plain.loads.map(load => ({ ...load, physicalAddress: 0 })).slice(0, 1) }),
    )
    expect(segmentsOf(result)).toEqual({ '8000000': hex(code) })
    expect(result.findings.map(({ code: findingCode }) => findingCode)).toEqual(['no-load-addresses'])
  })

  it('that loads into RAM is named', () => {
    const result = read(
      buildElf({
        ...plain,
        loads: [{ virtualAddress: 0x2000_0000, physicalAddress: 0x2000_0000, sections: [0, 0] }],
      }),
    )
    expect(result.findings.map(({ code: findingCode }) => findingCode)).toEqual(['ram-data'])
  })
})

describe('what is refused, with the next step', () => {
  it.each([
    [94, 'Xtensa'],
    [243, 'RISC-V'],
  ])('machine %i: an ESP program wants its .bin', (machine, name) => {
    const error = refusalOf(buildElf({ ...plain, machine }))
    expect(error.code).toBe('image.wrong-kind')
    expect(error.details).toMatchObject({ file: 'board.elf', machine, machineName: name })
    expect(error.message).toContain('Use the .bin beside it, which “esptool elf2image” made')
  })

  it.each([
    [3, 'x86'],
    [83, 'AVR'],
    [9999, 'machine 9999'],
  ])('machine %i: %s is no chip that is known', (machine, name) => {
    const error = refusalOf(buildElf({ ...plain, machine }))
    expect(error.code).toBe('format.unsupported')
    expect(error.message).toContain(name)
  })

  it.each([
    [1, 'an object file that was not linked yet'],
    [3, 'a shared library or a position-independent program'],
    [4, 'a memory dump of a crash'],
    [0xfe00, 'an ELF file of type 65024'],
  ])('type %i: %s', (type, kind) => {
    const error = refusalOf(buildElf({ ...plain, type }))
    expect([error.code, error.message.includes(kind)]).toEqual(['image.wrong-kind', true])
  })

  it.each([
    ['a 64-bit file', 4, 2],
    ['an unknown word size', 4, 7],
    ['a big-endian file', 5, 2],
  ])('%s', (_, at, value) => {
    const file = buildElf(plain)
    file[at] = value
    expect(refusalOf(file).code).toBe('format.unsupported')
  })

  it('a file without a segment for flash', () => {
    expect(refusalOf(buildElf({ ...plain, loads: [] })).code).toBe('format.no-data')
  })

  it.each([20, 60, 100, 130])('a file that is cut off after %i bytes', length => {
    const error = refusalOf(buildElf(plain).subarray(0, length))
    expect(error.code).toBe('image.corrupt')
    expect(error.details['missingBytes']).toBeGreaterThan(0)
  })

  it('segments that give one address different bytes', () => {
    const error = refusalOf(
      buildElf({
        ...plain,
        loads: [
          { virtualAddress: 0, physicalAddress: 0x0800_0000, sections: [0, 0] },
          { virtualAddress: 0, physicalAddress: 0x0800_0004, sections: [1, 1] },
        ],
      }),
    )
    expect(error.code).toBe('image.overlap')
    expect(error.details).toMatchObject({ file: 'board.elf', address: 0x0800_0005 })
  })

  it('segments that claim the same bytes of the file again and again', () => {
    const load = { virtualAddress: 0, physicalAddress: 0x0800_0000, sections: [0, 1] } as const
    const large: Section = { bytes: new Uint8Array(10_000) }
    const file = buildElf({ sections: [large, large], loads: Array.from({ length: 50 }, () => load) })
    expect(refusalOf(file).code).toBe('format.malformed-record')
  })

  it('header entries of a wrong size', () => {
    const file = buildElf(plain)
    file.writeUInt16LE(16, 42)
    expect(refusalOf(file).code).toBe('format.malformed-record')
  })
})
