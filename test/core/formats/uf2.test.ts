import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { sourceFromBytes } from '../../../src/core/formats/file-source.ts'
import type { ReadOptions, ReadResult } from '../../../src/core/formats/firmware-format.ts'
import { uf2 } from '../../../src/core/formats/uf2.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { randomBytes, seededRandom } from './hex-samples.ts'

const ESP32 = 0x1c5f21b0
const STM32F4 = 0x57755a57
const FAMILY = 0x2000
const MD5 = 0x4000

interface Block {
  readonly flags?: number
  readonly address: number
  readonly payload: Uint8Array
  readonly number: number
  readonly count: number
  readonly familyId?: number
  /** Written into the block's data at this place. */
  readonly extra?: { readonly at: number; readonly bytes: Uint8Array }
}

function block({ flags = FAMILY, address, payload, number, count, familyId = ESP32, extra }: Block): Buffer {
  const bytes = Buffer.alloc(512)
  const words = [0x0a32_4655, 0x9e5d_5157, flags, address, payload.length, number, count, familyId]
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, index * 4)
  bytes.set(payload, 32)
  if (extra !== undefined) bytes.set(extra.bytes, 32 + extra.at)
  bytes.writeUInt32LE(0x0ab1_6f30, 508)
  return bytes
}

function md5Record(address: number, bytes: Uint8Array): Buffer {
  const record = Buffer.alloc(24)
  record.writeUInt32LE(address, 0)
  record.writeUInt32LE(bytes.length, 4)
  record.set(createHash('md5').update(bytes).digest(), 8)
  return record
}

/** The blocks of one file, as esptool's writer makes them: 452 bytes of payload, their MD5 directly behind. */
function esptoolBlocks(address: number, bytes: Uint8Array, familyId = ESP32): Buffer[] {
  const count = Math.ceil(bytes.length / 452)
  return Array.from({ length: count }, (_, number) => {
    const payload = bytes.subarray(number * 452, (number + 1) * 452)
    const at = address + number * 452
    const extra = { at: payload.length, bytes: md5Record(at, payload) }
    return block({ flags: FAMILY | MD5, address: at, payload, number, count, familyId, extra })
  })
}

/** Blocks of 256 bytes without MD5, as microsoft/uf2's own tools make them. */
function plainBlocks(address: number, bytes: Uint8Array, familyId = STM32F4): Buffer[] {
  const count = Math.ceil(bytes.length / 256)
  return Array.from({ length: count }, (_, number) => {
    const payload = bytes.subarray(number * 256, (number + 1) * 256)
    return block({ address: address + number * 256, payload, number, count, familyId })
  })
}

const random = seededRandom(17)
const firmware = randomBytes(random, 5000)

function read(blocks: readonly Uint8Array[], options: ReadOptions = {}): ReadResult {
  return uf2.read(sourceFromBytes('board.uf2', Buffer.concat(blocks)), options)
}

function refusalOf(blocks: readonly Uint8Array[], options: ReadOptions = {}): FlashproofError {
  try {
    read(blocks, options)
  } catch (error) {
    if (error instanceof FlashproofError) return error
    throw error
  }
  throw new Error('the file was accepted')
}

function expectFirmware(result: ReadResult, address: number): void {
  expect(result.image.segments.map(segment => segment.address)).toEqual([address])
  expect(Buffer.compare(result.image.flatten().bytes, firmware)).toBe(0)
}

const codesOf = (result: ReadResult): readonly string[] => result.findings.map(({ code }) => code)

describe('the blocks of one file', () => {
  it('give the image at its addresses, and the family by name', () => {
    const result = read(plainBlocks(0x0800_4000, firmware))
    expectFirmware(result, 0x0800_4000)
    expect(result.startAddress).toBeNull()
    expect(result.findings).toEqual([
      { severity: 'info', code: 'uf2-family', text: 'the blocks are for STM32F4 (0x57755A57)' },
    ])
  })

  it('may come in any order', () => {
    expectFirmware(read(plainBlocks(0x4000, firmware).toReversed()), 0x4000)
  })

  it('may come twice', () => {
    const blocks = plainBlocks(0x4000, firmware)
    const result = read([...blocks, ...blocks.slice(3, 5)])
    expectFirmware(result, 0x4000)
    expect(codesOf(result)).toEqual(['uf2-family', 'repeated-blocks'])
  })

  it('must not come twice with different bytes: both blocks are named', () => {
    const blocks = plainBlocks(0x4000, firmware)
    const changed = Buffer.from(blocks[3] ?? [])
    changed[40] = (changed[40] ?? 0) ^ 1
    const error = refusalOf([...blocks, changed])
    expect(error.code).toBe('image.overlap')
    expect(error.details).toMatchObject({ file: 'board.uf2', block: 20, firstBlock: 3, address: 0x4000 + 3 * 256 + 8 })
  })

  it('must all be there: the first that is missing is named', () => {
    const error = refusalOf(plainBlocks(0x4000, firmware).toSpliced(7, 1))
    expect(error.code).toBe('format.count-mismatch')
    expect(error.details).toMatchObject({ expectedCount: 20, foundCount: 19, firstMissing: 7 })
  })

  it('are left out when they are not for the main flash, but count as there', () => {
    const [first, second, third] = [0, 1, 2].map(number =>
      block({
        flags: number === 1 ? FAMILY | 1 : FAMILY,
        address: 0x1000 + number * 4,
        payload: firmware.subarray(number * 4, number * 4 + 4),
        number,
        count: 3,
      }),
    )
    const result = read([first, second, third].flatMap(bytes => bytes ?? []))
    expect(result.image.segments.map(({ address }) => address)).toEqual([0x1000, 0x1008])
    expect(codesOf(result)).toContain('not-main-flash')
  })

  it('are left out when they carry files', () => {
    const file = block({ flags: 0x1000, address: 0, payload: Buffer.from('x'), number: 1, count: 2 })
    const code = block({ address: 0x1000, payload: firmware.subarray(0, 4), number: 0, count: 2 })
    expect(codesOf(read([code, file]))).toContain('file-container')
    const alone = block({ flags: 0x1000, address: 0, payload: Buffer.from('x'), number: 0, count: 1 })
    expect(refusalOf([alone]).code).toBe('format.no-data')
  })

  it('without a family are read with a warning', () => {
    const blocks = plainBlocks(0x4000, firmware).map(bytes => {
      bytes.writeUInt32LE(0, 8)
      return bytes
    })
    const result = read(blocks)
    expectFirmware(result, 0x4000)
    expect(codesOf(result)).toEqual(['no-family'])
  })
})

describe('a file of several files', () => {
  const part = (address: number, length: number): Buffer[] => esptoolBlocks(address, firmware.subarray(0, length))

  it('counts from 0 for each, as esptool writes it', () => {
    const result = read([...part(0x1000, 2000), ...part(0x8000, 300), ...part(0x1_0000, 5000)])
    expect(result.image.segments.map(({ address, bytes }) => [address, bytes.length])).toEqual([
      [0x1000, 2000],
      [0x8000, 300],
      [0x1_0000, 5000],
    ])
  })

  it('may have parts of equal length, in any order', () => {
    const blocks = [...part(0x1000, 2000), ...part(0x8000, 2000), ...part(0x1_0000, 2000)]
    expect(read(blocks.toReversed()).image.segments).toHaveLength(3)
    expect(refusalOf(blocks.toSpliced(6, 1)).code).toBe('format.count-mismatch')
  })

  it('gives the bytes of the chosen family only', () => {
    const blocks = [...plainBlocks(0x0800_0000, firmware), ...esptoolBlocks(0x1_0000, firmware.subarray(0, 600))]
    for (const variant of ['STM32F4', 'stm32f4', '0x57755a57']) {
      expectFirmware(read(blocks, { variant }), 0x0800_0000)
    }
    const result = read(blocks, { variant: 'STM32F4' })
    expect(result.findings).toContainEqual({
      severity: 'info',
      code: 'other-family',
      text: '2 blocks for ESP32 (0x1C5F21B0) were left out',
    })
  })

  it('for several families is refused without a choice, and names them', () => {
    const error = refusalOf([...plainBlocks(0x0800_0000, firmware), ...esptoolBlocks(0x1_0000, firmware)])
    expect(error.code).toBe('format.variant-needed')
    expect(error.details).toMatchObject({ variants: ['STM32F4', 'ESP32'] })
  })

  it('is refused when the chosen family is not in it', () => {
    const error = refusalOf(plainBlocks(0x0800_0000, firmware), { variant: 'esp32s3' })
    expect(error.code).toBe('format.unknown-variant')
    expect(error.message).toContain('esp32s3')
  })

  it('of hundreds of parts with equal counts is refused instead of searched for ever', () => {
    const blocks = Array.from({ length: 300 }, (_, index) =>
      block({ address: index * 4, payload: firmware.subarray(0, 4), number: 0, count: 2 }),
    )
    expect(refusalOf(blocks).code).toBe('format.unsupported')
  })
})

describe('the MD5 records', () => {
  it('of esptool stand behind the payload, in a short last block too', () => {
    const result = read(esptoolBlocks(0x1_0000, firmware))
    expectFirmware(result, 0x1_0000)
    expect(codesOf(result)).toEqual(['uf2-family'])
  })

  it('of esptool show a changed byte: block, address, both sums', () => {
    const blocks = esptoolBlocks(0x1_0000, firmware)
    const changed = blocks[4]
    changed?.writeUInt8((changed[100] ?? 0) ^ 1, 100)
    const error = refusalOf(blocks)
    expect(error.code).toBe('format.bad-checksum')
    expect(error.details).toMatchObject({ block: 4, address: 0x1_0000 + 4 * 452 })
    expect(error.details['expectedChecksum']).not.toBe(error.details['foundChecksum'])
  })

  const regionBlocks = (md5Of: Uint8Array): Buffer[] => {
    const region = firmware.subarray(0, 4096)
    const extra = { at: 452, bytes: md5Record(0x2000, md5Of) }
    return Array.from({ length: 16 }, (_, number) =>
      block({
        flags: FAMILY | MD5,
        address: 0x2000 + number * 256,
        payload: region.subarray(number * 256, (number + 1) * 256),
        number,
        count: 16,
        extra,
      }),
    )
  }

  it('of the UF2 text stand at the end of the data and cover a region of many blocks', () => {
    expect(codesOf(read(regionBlocks(firmware.subarray(0, 4096))))).toEqual(['uf2-family'])
    const other = Uint8Array.from(firmware.subarray(0, 4096))
    other[0] = (other[0] ?? 0) ^ 1
    expect(refusalOf(regionBlocks(other)).code).toBe('format.bad-checksum')
  })

  it('of a region that the file does not hold are not checked, and that is said', () => {
    expect(codesOf(read(regionBlocks(firmware)))).toEqual(['uf2-family', 'md5-not-covered'])
  })

  it('that make no sense are named', () => {
    const blocks = [block({ flags: FAMILY | MD5, address: 0, payload: firmware.subarray(0, 8), number: 0, count: 1 })]
    expect(codesOf(read(blocks))).toEqual(['uf2-family', 'md5-unreadable'])
  })
})

describe('a damaged file is refused with its place', () => {
  const damaged = (index: number, change: (bytes: Buffer) => void): readonly Buffer[] => {
    const blocks = plainBlocks(0x4000, firmware)
    const target = blocks[index]
    if (target !== undefined) change(target)
    return blocks
  }

  it.each<[string, (bytes: Buffer) => void]>([
    ['a wrong first magic', bytes => bytes.writeUInt8(0, 0)],
    ['a wrong last magic', bytes => bytes.writeUInt8(0, 511)],
    ['a payload longer than its block', bytes => bytes.writeUInt32LE(477, 16)],
    ['a number past the count', bytes => bytes.writeUInt32LE(20, 20)],
  ])('%s', (_, change) => {
    const error = refusalOf(damaged(3, change))
    expect(error.code).toBe('format.malformed-record')
    expect(error.details).toMatchObject({ file: 'board.uf2', block: 3, fileOffset: 1536 })
  })

  it('a file that ends inside a block', () => {
    const blocks = plainBlocks(0x4000, firmware)
    const error = refusalOf([...blocks.slice(0, -1), (blocks.at(-1) ?? Buffer.alloc(0)).subarray(0, 100)])
    expect(error.code).toBe('format.malformed-record')
    expect(error.details).toMatchObject({ block: 19, foundBytes: 100 })
  })

  it('a payload past the last 32-bit address', () => {
    const blocks = [block({ address: 0xffff_fffe, payload: firmware.subarray(0, 4), number: 0, count: 1 })]
    expect(refusalOf(blocks).code).toBe('image.address-range')
  })
})
