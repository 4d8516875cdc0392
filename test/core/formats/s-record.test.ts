import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sourceFromBytes } from '../../../src/core/formats/file-source.ts'
import type { ReadOptions, ReadResult } from '../../../src/core/formats/firmware-format.ts'
import { sRecord } from '../../../src/core/formats/s-record.ts'
import { writeSRecord } from '../../../src/core/formats/s-record/writer.ts'
import { MemoryImage, type Segment } from '../../../src/core/image/memory-image.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { requireTool, runTool } from '../../reference/tools.ts'
import { randomBytes, randomSegments, seededRandom } from './hex-samples.ts'

/** A record with its right checksum; `type` decides how many address bytes it has. */
function record(type: number, address: number, data: readonly number[] = []): string {
  const addressBytes = [2, 2, 3, 4, 2, 2, 3, 4, 3, 2][type] ?? 2
  const body = [addressBytes + data.length + 1]
  for (let shift = 8 * (addressBytes - 1); shift >= 0; shift -= 8) body.push((address >>> shift) & 0xff)
  body.push(...data)
  const checksum = ~body.reduce((sum, byte) => sum + byte, 0) & 0xff
  const digits = [...body, checksum].map(byte => byte.toString(16).padStart(2, '0')).join('')
  return `S${String(type)}${digits.toUpperCase()}`
}

const lines = (...records: readonly string[]): string => records.map(text => `${text}\n`).join('')
const HEADER = record(0, 0, [0x46, 0x57])
const DATA = record(1, 0x0100, [1, 2, 3, 4])
const END = record(9, 0)
const plain = { '100': '01020304' }

function read(text: string | Uint8Array, options: ReadOptions = {}): ReadResult {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text
  return sRecord.read(sourceFromBytes('board.s19', bytes), options)
}

/** Segments as `address: bytes in hex`, so that an expectation is easy to read. */
function segmentsOf(result: ReadResult): Record<string, string> {
  return Object.fromEntries(
    result.image.segments.map(({ address, bytes }) => [address.toString(16), Buffer.from(bytes).toString('hex')]),
  )
}

function findingsOf(result: ReadResult): readonly string[] {
  return result.findings.map(({ severity, code }) => `${severity} ${code}`)
}

function refusalOf(text: string, options: ReadOptions = {}): FlashproofError {
  try {
    read(text, options)
  } catch (error) {
    if (error instanceof FlashproofError) return error
    throw error
  }
  throw new Error('the text was accepted')
}

function write(image: MemoryImage, startAddress: number | null = null): string {
  let text = ''
  writeSRecord(image, { startAddress }, piece => {
    text += Buffer.from(piece).toString('latin1')
  })
  return text
}

describe('records that every reader accepts', () => {
  it.each([
    [1, 0x0100, 9],
    [2, 0x01_0100, 8],
    [3, 0x0800_0100, 7],
  ])('S%i places its data at its address', (type, address, endType) => {
    const result = read(lines(HEADER, record(type, address, [1, 2, 3, 4]), record(endType, 0)))
    expect(segmentsOf(result)).toEqual({ [address.toString(16)]: '01020304' })
    expect(findingsOf(result)).toEqual(['info header-text'])
    expect(result.startAddress).toBeNull()
  })

  it('takes the start address from the end record', () => {
    expect(read(lines(record(3, 0x0800_0000, [1]), record(7, 0x0800_0101))).startAddress).toBe(0x0800_0101)
  })

  it('takes a start address of 0 only where data lies at 0', () => {
    expect(read(lines(record(1, 0, [1]), END)).startAddress).toBe(0)
    expect(read(lines(DATA, END)).startAddress).toBeNull()
  })

  it('needs no header', () => {
    expect(findingsOf(read(lines(DATA, END)))).toEqual([])
  })

  it('shows the header as text without control characters', () => {
    const header = record(0, 0, [...Buffer.from('main\u001b[2J\0\0')])
    expect(read(lines(header, DATA, END)).findings).toEqual([
      { severity: 'info', code: 'header-text', text: 'the file calls itself “main·[2J”' },
    ])
  })

  it('takes S1 data that an S7 record ends, and mixed data records', () => {
    expect(segmentsOf(read(lines(DATA, record(3, 0x104, [5]), record(7, 0))))).toEqual({ '100': '0102030405' })
  })

  it.each(['\n', '\r\n', '\r', '\n\n\r\n'])('takes the line end %j', lineEnd => {
    expect(segmentsOf(read([HEADER, DATA, END].join(lineEnd)))).toEqual(plain)
  })

  it('takes lower-case digits', () => {
    const lowerCase = DATA.replace(/^S1/, '').toLowerCase()
    expect(segmentsOf(read(lines(`S1${lowerCase}`, END)))).toEqual(plain)
  })

  it('takes records in any order and joins what touches', () => {
    const result = read(lines(record(1, 0x0104, [5, 6]), DATA, record(1, 0x0200, [7]), END))
    expect(segmentsOf(result)).toEqual({ '100': '010203040506', '200': '07' })
  })

  it('counts an empty data record but takes nothing from it', () => {
    expect(segmentsOf(read(lines(DATA, record(1, 0xfff0), record(5, 2), END)))).toEqual(plain)
  })

  it.each([5, 6])('takes a right S%i count', type => {
    expect(segmentsOf(read(lines(DATA, record(type, 1), END)))).toEqual(plain)
  })
})

describe('harmless faults are accepted and named with their first line', () => {
  it.each([
    ['trailing-blanks', lines(DATA, `${record(1, 0x0104, [5])} \t`, END), 2],
    ['leading-blanks', lines(`  ${DATA}`, record(1, 0x0104, [5]), END), 1],
    ['byte-order-mark', `\u00ef\u00bb\u00bf${lines(DATA, record(1, 0x0104, [5]), END)}`, 1],
    ['second-end', lines(DATA, record(1, 0x0104, [5]), END, END), 4],
    ['record-after-end', lines(DATA, record(1, 0x0104, [5]), END, record(5, 2)), 4],
    ['repeated-bytes', lines(DATA, record(1, 0x0102, [3, 4, 5]), END), 2],
  ])('%s', (code, text, line) => {
    const result = read(text)
    expect(segmentsOf(result)).toEqual({ '100': '0102030405' })
    expect(findingsOf(result)).toEqual([`warning ${code}`])
    expect(result.findings[0]?.text).toMatch(new RegExp(`^line ${String(line)}: `))
  })
})

describe('a file without an end record', () => {
  it('is refused, because it may be cut off, with its last line', () => {
    const error = refusalOf(lines(HEADER, DATA))
    expect(error.code).toBe('format.missing-end')
    expect(error.details).toEqual({ file: 'board.s19', line: 2, accept: 'missing-end' })
  })

  it('is read with a warning when a person accepted it', () => {
    const result = read(lines(DATA), { accept: ['missing-end'] })
    expect(segmentsOf(result)).toEqual(plain)
    expect(findingsOf(result)).toEqual(['warning missing-end'])
  })

  it('is read when a count record behind all data shows that nothing is cut off, as srec_cat writes it', () => {
    expect(findingsOf(read(lines(DATA, record(5, 1))))).toEqual(['warning count-instead-of-end'])
    expect(refusalOf(lines(DATA, record(5, 1), record(1, 0x0200, [1]))).code).toBe('format.missing-end')
  })
})

describe('a damaged file is refused with its place', () => {
  it('bad checksum: line, address, the found and the right one', () => {
    const error = refusalOf(lines(HEADER, `${DATA.slice(0, -2)}00`, END))
    expect(error.code).toBe('format.bad-checksum')
    expect(error.details).toMatchObject({
      file: 'board.s19',
      line: 2,
      address: 0x0100,
      expectedChecksum: Number.parseInt(DATA.slice(-2), 16),
      foundChecksum: 0,
    })
  })

  it.each([
    ['a digit is missing', DATA.slice(0, -1)],
    ['the line is cut off', DATA.slice(0, -4)],
    ['there are digits behind the record', `${DATA}00`],
    ['a character is no digit', DATA.replace('0102', '01G2')],
    ['a comment', '# made by hand'],
    ['two records on one line', `${DATA}${DATA}`],
    ['a lower-case s', `s${DATA.slice(1)}`],
    ['too few bytes for the address', 'S30308007A'],
    ['only the letter', 'S1'],
    ['a line of thousands of characters', `S1${'0'.repeat(5000)}`],
  ])('%s', (_, text) => {
    const error = refusalOf(lines(HEADER, text, END))
    expect([error.code, error.details['line']]).toEqual(['format.malformed-record', 2])
  })

  it.each(['S4', 'SA', 'SF'])('%s is no record type', type => {
    const error = refusalOf(lines(DATA, type + record(9, 0x1234).slice(2), END))
    expect([error.code, error.details['line']]).toEqual(['format.unsupported-record', 2])
  })

  it.each([
    [5, 0],
    [5, 2],
    [6, 3],
  ])('S%i with a wrong count of %i', (type, count) => {
    const error = refusalOf(lines(DATA, record(type, count), END))
    expect(error.code).toBe('format.count-mismatch')
    expect(error.details).toMatchObject({ line: 2, expectedCount: count, foundCount: 1 })
  })

  it('data behind the end record, which other tools drop or keep', () => {
    const error = refusalOf(lines(DATA, END, record(1, 0x0200, [9])))
    expect(error.code).toBe('format.data-after-end')
    expect(error.details).toMatchObject({ line: 3, endLine: 2, address: 0x0200 })
  })

  it('different bytes for one address: both lines and both values', () => {
    const error = refusalOf(lines(DATA, record(1, 0x0200, [7]), record(1, 0x0103, [9]), END))
    expect(error.code).toBe('image.overlap')
    expect(error.details).toEqual({
      file: 'board.s19',
      line: 3,
      address: 0x0103,
      firstLine: 1,
      firstValue: 4,
      secondValue: 9,
    })
  })

  it('data past the last 32-bit address', () => {
    const error = refusalOf(lines(record(3, 0xffff_ffff, [1, 2]), record(7, 0)))
    expect([error.code, error.details['line']]).toEqual(['image.address-range', 1])
  })

  it.each(['', '\n\n', lines(HEADER, END)])('no data at all: %j', text => {
    expect(refusalOf(text).code).toBe('format.no-data')
  })
})

describe('the writer', () => {
  const imageAt = (address: number, count = 3): MemoryImage =>
    MemoryImage.fromPieces([{ address, bytes: Uint8Array.from({ length: count }, (_, index) => index + 1) }])

  it('writes S1 and S9 below 64 KiB, with header and count', () => {
    expect(write(imageAt(0xfffd))).toBe(lines('S0030000FC', record(1, 0xfffd, [1, 2, 3]), record(5, 1), END))
  })

  it('writes S2 and S8 below 16 MiB, S3 and S7 above', () => {
    expect(write(imageAt(0xfffe))).toContain(record(2, 0xfffe, [1, 2, 3]))
    expect(write(imageAt(0xfffe))).toContain(record(8, 0))
    expect(write(imageAt(0xff_fffe))).toContain(record(3, 0xff_fffe, [1, 2, 3]))
    expect(write(imageAt(0x0100), 0x0800_0101)).toContain(record(7, 0x0800_0101))
  })

  it('counts more than 65535 records with S6', () => {
    const text = write(imageAt(0x0800_0000, 65536 * 32))
    expect(text).toContain(`${record(6, 65536)}\n`)
    expect(read(text).image.dataBytes).toBe(65536 * 32)
  })

  it('writes what the reader gives back, gaps and all', () => {
    const random = seededRandom(3)
    for (const baseAddress of [0, 0xfff0, 0xff_fff0, 0xf000_0000]) {
      const pieces = randomSegments(random, { totalBytes: 20_000, baseAddress, longestSegment: 3000, longestGap: 500 })
      const image = MemoryImage.fromPieces(pieces)
      expect(read(write(image, baseAddress)).image).toEqual(image)
    }
  })
})

describe('beside other tools', () => {
  const sample = (): readonly Segment[] => {
    const random = seededRandom(21)
    return [
      { address: 0x0800_0000, bytes: randomBytes(random, 5001) },
      { address: 0x0800_2000, bytes: randomBytes(random, 333) },
    ]
  }
  const inFolder = (use: (folder: string) => void): void => {
    const folder = mkdtempSync(join(tmpdir(), 's-record-'))
    try {
      use(folder)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  it('objcopy makes the same binary of what we write, and we read what objcopy writes', context => {
    const objcopy = requireTool('objcopy')
    if (objcopy === null) return context.skip()
    inFolder(folder => {
      const image = MemoryImage.fromPieces(sample())
      const ours = join(folder, 'ours.s37')
      const binary = join(folder, 'ours.bin')
      writeFileSync(ours, write(image))
      expect(runTool(objcopy, ['-I', 'srec', '-O', 'binary', '--gap-fill', '0xFF', ours, binary]).exitCode).toBe(0)
      expect(readFileSync(binary).equals(image.flatten().bytes)).toBe(true)
      const theirs = join(folder, 'theirs.s37')
      expect(runTool(objcopy, ['-I', 'srec', '-O', 'srec', ours, theirs]).exitCode).toBe(0)
      expect(read(readFileSync(theirs)).image).toEqual(image)
    })
  })

  it('srec_cat accepts what we write, and we read what srec_cat writes', context => {
    const srecCat = requireTool('srec_cat')
    if (srecCat === null) return context.skip()
    inFolder(folder => {
      const image = MemoryImage.fromPieces(sample())
      const ours = join(folder, 'ours.s37')
      const theirs = join(folder, 'theirs.s37')
      writeFileSync(ours, write(image, 0x0800_0101))
      const run = runTool(srecCat, [ours, '-Motorola', '-o', theirs, '-Motorola'])
      expect([run.exitCode, run.stderr]).toEqual([0, ''])
      const result = read(readFileSync(theirs))
      expect(result.image).toEqual(image)
      expect(result.startAddress).toBe(0x0800_0101)
    })
  })
})
