import { describe, expect, it } from 'vitest'
import { MemoryImage } from '../../../src/core/image/memory-image.ts'
import { checkVectorTable, findLooseVectorTable } from '../../../src/core/image/vector-table.ts'

/** A table of 16 words and some code; every handler but the reset is at `base` + 0x101. */
function stm32Image(base: number, stackPointer: number, resetVector: number, sizeBytes = 0x400): Buffer {
  const bytes = Buffer.alloc(sizeBytes, 0xbf)
  for (let index = 0; index < 16; index++) bytes.writeUInt32LE(index >= 7 && index <= 10 ? 0 : base + 0x101, index * 4)
  bytes.writeUInt32LE(stackPointer, 0)
  bytes.writeUInt32LE(resetVector, 4)
  return bytes
}

const imageAt = (address: number, bytes: Uint8Array): MemoryImage => MemoryImage.fromPieces([{ address, bytes }])

describe('the vector table of an addressed image', () => {
  it.each([
    ['the top of SRAM', 0x2000_5000],
    ['core-coupled memory', 0x1001_0000],
    ['AXI SRAM', 0x2408_0000],
  ])('is plausible with the stack in %s', (_, stackPointer) => {
    const image = imageAt(0x0800_2000, stm32Image(0x0800_2000, stackPointer, 0x0800_20e1))
    expect(checkVectorTable(image)).toEqual({ stackPointer, resetVector: 0x0800_20e1, isPlausible: true })
  })

  it.each([
    ['a stack pointer in flash', 0x0800_0400, 0x0800_0101],
    ['a stack pointer at the very start of SRAM', 0x2000_0000, 0x0800_0101],
    ['a stack pointer that is not aligned', 0x2000_5002, 0x0800_0101],
    ['an even reset vector', 0x2000_5000, 0x0800_0100],
    ['a reset vector outside the image', 0x2000_5000, 0x0800_2001],
    ['erased flash', 0xffff_ffff, 0xffff_ffff],
  ])('is implausible with %s', (_, stackPointer, resetVector) => {
    const image = imageAt(0x0800_0000, stm32Image(0x0800_0000, stackPointer, resetVector))
    expect(checkVectorTable(image)).toEqual({ stackPointer, resetVector, isPlausible: false })
  })

  it('takes a reset vector in another segment', () => {
    const image = MemoryImage.fromPieces([
      { address: 0x0800_0000, bytes: stm32Image(0x0800_0000, 0x2000_5000, 0x0801_0001) },
      { address: 0x0801_0000, bytes: Buffer.alloc(16) },
    ])
    expect(checkVectorTable(image)?.isPlausible).toBe(true)
  })

  it('is not looked for outside STM32 flash, or where two words are not there', () => {
    expect(checkVectorTable(imageAt(0x1000, stm32Image(0x1000, 0x2000_5000, 0x1101)))).toBeNull()
    expect(checkVectorTable(imageAt(0x0820_0000, Buffer.alloc(100)))).toBeNull()
    expect(checkVectorTable(imageAt(0x0800_0000, Buffer.alloc(7)))).toBeNull()
    expect(checkVectorTable(MemoryImage.empty)).toBeNull()
  })
})

describe('a vector table in bytes without addresses', () => {
  it('is found, with the bases at which every handler lies inside', () => {
    const table = findLooseVectorTable(stm32Image(0x0800_2000, 0x2000_5000, 0x0800_20e1))
    expect(table).toEqual({
      vectors: { stackPointer: 0x2000_5000, resetVector: 0x0800_20e1, isPlausible: true },
      lowestBase: 0x0800_1e00,
      highestBase: 0x0800_2000,
    })
  })

  it('leaves one base where the image is at the start of flash', () => {
    const table = findLooseVectorTable(stm32Image(0x0800_0000, 0x2000_5000, 0x0800_00f1))
    expect([table?.lowestBase, table?.highestBase]).toEqual([0x0800_0000, 0x0800_0000])
  })

  it.each<[string, Buffer]>([
    ['handlers that are even', stm32Image(0x0800_2001, 0x2000_5000, 0x0800_20e1)],
    ['handlers outside STM32 flash', stm32Image(0x1000_0000, 0x2000_5000, 0x1000_00e1)],
    ['handlers too far apart for the file', stm32Image(0x0800_2000, 0x2000_5000, 0x0810_0001)],
    ['no reset vector', stm32Image(0x0800_2000, 0x2000_5000, 0)],
    ['no stack pointer', stm32Image(0x0800_2000, 0, 0x0800_20e1)],
    ['too few bytes', stm32Image(0x0800_2000, 0x2000_5000, 0x0800_20e1).subarray(0, 60)],
    ['nothing but FF', Buffer.alloc(1000, 0xff)],
  ])('is not seen with %s', (_, bytes) => {
    expect(findLooseVectorTable(bytes)).toBeNull()
  })
})
