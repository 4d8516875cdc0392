import { describe, expect, it } from 'vitest'
import { ImageBuilder, MAX_RUNS } from '../../../src/core/image/image-builder.ts'
import { MemoryImage, type Segment } from '../../../src/core/image/memory-image.ts'
import { randomBytes, randomInteger, seededRandom } from '../formats/hex-samples.ts'

const bytesOf = (...values: number[]): Uint8Array => Uint8Array.from(values)

function build(pieces: readonly Segment[]): ReturnType<ImageBuilder['finish']> {
  const builder = new ImageBuilder(
    pieces.reduce((sum, { bytes }) => sum + bytes.length, 0),
    'board.hex',
  )
  for (const { address, bytes } of pieces) builder.add(address, bytes)
  return builder.finish()
}

describe('ImageBuilder', () => {
  it('joins pieces that follow each other and keeps gaps apart', () => {
    const { image, repeatedBytes } = build([
      { address: 0x100, bytes: bytesOf(1, 2) },
      { address: 0x102, bytes: bytesOf(3) },
      { address: 0x200, bytes: bytesOf(9) },
    ])
    expect(image.segments).toEqual([
      { address: 0x100, bytes: bytesOf(1, 2, 3) },
      { address: 0x200, bytes: bytesOf(9) },
    ])
    expect(repeatedBytes).toBe(0)
  })

  it('copies what it gets, so that a buffer can be used again', () => {
    const builder = new ImageBuilder(4, 'board.hex')
    const buffer = bytesOf(1, 2)
    builder.add(0, buffer)
    buffer.fill(7)
    builder.add(2, buffer)
    expect(builder.nextAddress).toBe(4)
    expect(builder.dataLength).toBe(4)
    expect(builder.finish().image.segments).toEqual([{ address: 0, bytes: bytesOf(1, 2, 7, 7) }])
  })

  it('sorts pieces of any order and joins those that touch', () => {
    const { image } = build([
      { address: 6, bytes: bytesOf(6, 7) },
      { address: 2, bytes: bytesOf(2) },
      { address: 3, bytes: bytesOf(3, 4, 5) },
      { address: 0, bytes: bytesOf(0, 1) },
    ])
    expect(image.segments).toEqual([{ address: 0, bytes: bytesOf(0, 1, 2, 3, 4, 5, 6, 7) }])
  })

  it('counts bytes that come again with the same value', () => {
    const { image, repeatedBytes, firstRepeatedAddress } = build([
      { address: 4, bytes: bytesOf(4, 5, 6, 7) },
      { address: 2, bytes: bytesOf(2, 3, 4, 5) },
      { address: 5, bytes: bytesOf(5) },
    ])
    expect(image.segments).toEqual([{ address: 2, bytes: bytesOf(2, 3, 4, 5, 6, 7) }])
    expect(repeatedBytes).toBe(3)
    expect(firstRepeatedAddress).toBe(4)
  })

  it('refuses two values for one address', () => {
    const pieces = [
      { address: 4, bytes: bytesOf(4, 5) },
      { address: 5, bytes: bytesOf(6) },
    ]
    expect(() => build(pieces)).toThrow(
      expect.objectContaining({ code: 'image.overlap', details: { address: 5, firstValue: 5, secondValue: 6 } }),
    )
  })

  it('refuses bytes past the last address', () => {
    expect(() => build([{ address: 0xffff_ffff, bytes: bytesOf(1, 2) }])).toThrow(
      expect.objectContaining({ code: 'image.address-range' }),
    )
    expect(build([{ address: 0xffff_ffff, bytes: bytesOf(1) }]).image.endAddress).toBe(0x1_0000_0000)
  })

  it('refuses an image in more pieces than any firmware has', () => {
    const builder = new ImageBuilder(70_000, 'board.hex')
    for (let index = 0; index < 70_000; index++) builder.add(index * 2, bytesOf(1))
    expect(() => builder.finish()).toThrow(
      expect.objectContaining({ code: 'format.unsupported', message: expect.stringContaining('board.hex') as unknown }),
    )
  })

  it('refuses more separate runs than it keeps books for', () => {
    const builder = new ImageBuilder(MAX_RUNS + 1, 'board.hex')
    const byte = bytesOf(1)
    for (let index = 0; index < MAX_RUNS; index++) builder.add(index * 2, byte)
    expect(() => {
      builder.add(MAX_RUNS * 2, byte)
    }).toThrow(expect.objectContaining({ code: 'format.unsupported' }))
  })

  it('reads a file that counts down, whatever its number of records', () => {
    const count = 100_000
    const builder = new ImageBuilder(count, 'board.hex')
    for (let index = count - 1; index >= 0; index--) builder.add(index, bytesOf(index & 0xff))
    const { image } = builder.finish()
    expect(image.segments).toHaveLength(1)
    expect(image.byteAt(70_001)).toBe(70_001 & 0xff)
  })

  it('gives what a plain model of memory gives, for 500 random sets of pieces', () => {
    for (let seed = 0; seed < 500; seed++) {
      const random = seededRandom(seed)
      const memory = randomBytes(random, 200)
      const known = new Set<number>()
      const pieces: Segment[] = []
      let repeated = 0
      for (let count = randomInteger(random, 1, 12); count > 0; count--) {
        const address = randomInteger(random, 0, 180)
        const length = randomInteger(random, 1, 20)
        pieces.push({ address, bytes: memory.slice(address, address + length) })
        for (let at = address; at < address + length; at++) {
          if (known.has(at)) repeated++
          known.add(at)
        }
      }
      const result = build(pieces)
      const seen = result.image.segments.flatMap(({ address, bytes }) =>
        Array.from(bytes, (_, index) => address + index),
      )
      expect({ seed, seen }).toEqual({ seed, seen: [...known].sort((left, right) => left - right) })
      for (const address of known) expect(result.image.byteAt(address)).toBe(memory[address])
      expect(result.repeatedBytes).toBe(repeated)
      expect(MemoryImage.fromPieces(pieces)).toEqual(result.image)
    }
  })
})
