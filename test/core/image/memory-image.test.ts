import { describe, expect, it } from 'vitest'
import { MAX_FILLED_BYTES, MemoryImage } from '../../../src/core/image/memory-image.ts'

const bytesOf = (...values: number[]): Uint8Array => Uint8Array.from(values)
const codeOf = (code: string): unknown => expect.objectContaining({ code })

describe('an image', () => {
  const image = MemoryImage.fromPieces([
    { address: 0x20, bytes: bytesOf(5, 6) },
    { address: 0x10, bytes: bytesOf(1, 2, 3) },
    { address: 0x13, bytes: bytesOf(4) },
  ])

  it('knows its bounds, its data and its gaps', () => {
    expect(image.lowestAddress).toBe(0x10)
    expect(image.endAddress).toBe(0x22)
    expect(image.dataBytes).toBe(6)
    expect(image.gapBytes).toBe(12)
    expect(image.isEmpty).toBe(false)
  })

  it('finds a byte by its address and nothing in a gap', () => {
    expect(image.byteAt(0x0f)).toBeUndefined()
    expect(image.byteAt(0x10)).toBe(1)
    expect(image.byteAt(0x13)).toBe(4)
    expect(image.byteAt(0x14)).toBeUndefined()
    expect(image.byteAt(0x21)).toBe(6)
    expect(image.byteAt(0x22)).toBeUndefined()
  })

  it('becomes flat from its lowest address with 0xFF in the gaps', () => {
    const flat = image.flatten()
    expect(flat).toMatchObject({ baseAddress: 0x10, filledBytes: 12 })
    expect(Buffer.from(flat.bytes).toString('hex')).toBe(`01020304${'ff'.repeat(12)}0506`)
  })

  it('becomes flat from a stated base with a stated filler', () => {
    const flat = image.flatten({ baseAddress: 0x0e, fillByte: 0 })
    expect(flat).toMatchObject({ baseAddress: 0x0e, filledBytes: 14 })
    expect(Buffer.from(flat.bytes).toString('hex')).toBe(`000001020304${'00'.repeat(12)}0506`)
  })

  it('is given without a copy when it is one segment', () => {
    const bytes = bytesOf(1, 2)
    expect(MemoryImage.fromPieces([{ address: 7, bytes }]).flatten().bytes).toBe(bytes)
  })

  it('refuses a base above its data', () => {
    expect(() => image.flatten({ baseAddress: 0x11 })).toThrow(codeOf('image.address-range'))
  })
})

describe('limits', () => {
  it('an empty image has no bounds and cannot become flat', () => {
    expect(MemoryImage.empty.isEmpty).toBe(true)
    expect(MemoryImage.empty.lowestAddress).toBeNull()
    expect(MemoryImage.empty.endAddress).toBeNull()
    expect(MemoryImage.fromPieces([{ address: 1, bytes: new Uint8Array(0) }]).isEmpty).toBe(true)
    expect(() => MemoryImage.empty.flatten()).toThrow(codeOf('format.no-data'))
  })

  it('refuses a flat file that is mostly filler, and tolerates a small one', () => {
    const apart = (gap: number): MemoryImage =>
      MemoryImage.fromPieces([
        { address: 0, bytes: new Uint8Array(16) },
        { address: 16 + gap, bytes: new Uint8Array(16) },
      ])
    expect(apart(64 * 1024).measureFlat().filledBytes).toBe(64 * 1024)
    expect(() => apart(64 * 1024 + 1).measureFlat()).toThrow(codeOf('image.gap-too-large'))
  })

  it('refuses more filler than 16 MiB even for a large image', () => {
    const data = new Uint8Array(8 * 1024 * 1024)
    const apart = (gap: number): MemoryImage =>
      MemoryImage.fromPieces([
        { address: 0, bytes: data },
        { address: data.length + gap, bytes: data },
      ])
    expect(apart(MAX_FILLED_BYTES).measureFlat().filledBytes).toBe(MAX_FILLED_BYTES)
    expect(() => apart(MAX_FILLED_BYTES + 1).measureFlat()).toThrow(codeOf('image.gap-too-large'))
  })

  it('refuses addresses outside 32 bits', () => {
    for (const address of [-1, 0.5, 0x1_0000_0000, Number.NaN]) {
      expect(() => MemoryImage.fromPieces([{ address, bytes: bytesOf(1) }])).toThrow(codeOf('image.address-range'))
    }
  })

  it('refuses two values for one address', () => {
    const pieces = [
      { address: 0, bytes: bytesOf(1, 2) },
      { address: 1, bytes: bytesOf(3) },
    ]
    expect(() => MemoryImage.fromPieces(pieces)).toThrow(codeOf('image.overlap'))
  })
})
