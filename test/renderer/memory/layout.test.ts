import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { layoutMemory, type AddressRange } from '../../../src/renderer/memory/layout.ts'

const segmentsArbitrary = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 0x10_0000 }), fc.integer({ min: 1, max: 0x20_0000 })), {
    minLength: 1,
    maxLength: 40,
  })
  .map(pairs => {
    let end = 0
    return pairs.map(([gapBytes, sizeBytes]): AddressRange => {
      const address = end + gapBytes
      end = address + sizeBytes
      return { address, sizeBytes }
    })
  })
const flashArbitrary = fc.option(
  fc.record({ address: fc.integer({ min: 0, max: 0x100_0000 }), sizeBytes: fc.integer({ min: 1, max: 0x400_0000 }) }),
)
const requestArbitrary = fc.record({
  segments: segmentsArbitrary,
  flash: flashArbitrary,
  width: fc.integer({ min: 1, max: 2000 }),
  minimumWidth: fc.constantFrom(0.5, 1, 3, 8),
  labelWidth: fc.constantFrom(40, 70),
})

describe('the memory layout', () => {
  it('fills the width exactly, in the order of the addresses, without overlaps', () => {
    fc.assert(
      fc.property(requestArbitrary, request => {
        const { rectangles } = layoutMemory(request)
        let x = 0
        let address = rectangles[0]?.address ?? 0
        for (const rectangle of rectangles) {
          expect(rectangle.x).toBeCloseTo(x, 6)
          expect(rectangle.address).toBe(address)
          expect(rectangle.sizeBytes).toBeGreaterThan(0)
          x += rectangle.width
          address += rectangle.sizeBytes
        }
        expect(x).toBeCloseTo(request.width, 6)
      }),
    )
  })

  it('gives everything a width that can be seen', () => {
    fc.assert(
      fc.property(requestArbitrary, request => {
        const { rectangles } = layoutMemory(request)
        for (const { width } of rectangles) {
          expect(width).toBeGreaterThanOrEqual(Math.min(request.minimumWidth, request.width / rectangles.length) - 1e-9)
        }
      }),
    )
  })

  it('shows every byte of the image in a segment, and draws what it covers', () => {
    fc.assert(
      fc.property(requestArbitrary, request => {
        const { rectangles, mergedSegments } = layoutMemory(request)
        const drawn = rectangles.filter(({ kind }) => kind === 'segment')
        expect(drawn.length + mergedSegments).toBe(request.segments.length)
        for (const { address, sizeBytes } of request.segments) {
          const holder = drawn.find(one => one.address <= address && address + sizeBytes <= one.address + one.sizeBytes)
          expect(holder).toBeDefined()
        }
      }),
    )
  })

  it('keeps every address below the map apart from its neighbours and inside', () => {
    fc.assert(
      fc.property(requestArbitrary, request => {
        const { ticks } = layoutMemory(request)
        expect(ticks[0]?.x).toBe(0)
        let end = -Infinity
        for (const { x } of ticks) {
          const start = x === 0 ? 0 : x === request.width ? x - request.labelWidth : x - request.labelWidth / 2
          expect(start).toBeGreaterThanOrEqual(end - 1e-9)
          end = start + request.labelWidth
        }
        if (ticks.length > 1) expect(end).toBeLessThanOrEqual(request.width + 1e-9)
      }),
    )
  })

  it('shows the flash around the image', () => {
    const { rectangles, ticks } = layoutMemory({
      segments: [
        { address: 0x1000, sizeBytes: 0x1000 },
        { address: 0x3000, sizeBytes: 0x1000 },
      ],
      flash: { address: 0, sizeBytes: 0x8000 },
      width: 800,
      minimumWidth: 2,
      labelWidth: 70,
    })
    expect(rectangles).toEqual([
      { kind: 'free', address: 0, sizeBytes: 0x1000, index: null, isShortened: false, x: 0, width: 100 },
      { kind: 'segment', address: 0x1000, sizeBytes: 0x1000, index: 0, isShortened: false, x: 100, width: 100 },
      { kind: 'gap', address: 0x2000, sizeBytes: 0x1000, index: null, isShortened: false, x: 200, width: 100 },
      { kind: 'segment', address: 0x3000, sizeBytes: 0x1000, index: 1, isShortened: false, x: 300, width: 100 },
      { kind: 'free', address: 0x4000, sizeBytes: 0x4000, index: null, isShortened: false, x: 400, width: 400 },
    ])
    expect(ticks.map(({ address }) => address)).toEqual([0, 0x2000, 0x3000, 0x4000, 0x8000])
  })

  it('shortens a far gap, and says so', () => {
    const { rectangles } = layoutMemory({
      segments: [
        { address: 0x0800_0000, sizeBytes: 0x8000 },
        { address: 0x1fff_7800, sizeBytes: 0x8000 },
      ],
      flash: null,
      width: 500,
      minimumWidth: 2,
      labelWidth: 70,
    })
    expect(rectangles.map(({ width, isShortened }) => [width, isShortened])).toEqual([
      [62.5, false],
      [375, true],
      [62.5, false],
    ])
  })

  it('joins thousands of segments over their smallest gaps, quickly', () => {
    const segments = Array.from({ length: 50_000 }, (_, index) => ({ address: index * 64, sizeBytes: 16 }))
    const startedAt = performance.now()
    const { rectangles, mergedSegments } = layoutMemory({
      segments,
      flash: null,
      width: 260,
      minimumWidth: 3,
      labelWidth: 70,
    })
    expect(performance.now() - startedAt).toBeLessThan(1000)
    expect(rectangles.length).toBeLessThanOrEqual(86)
    expect(mergedSegments).toBeGreaterThan(49_900)
    expect(rectangles.at(-1)?.index).not.toBeNull()
  })

  it('grows the flash where the image lies outside of it', () => {
    const { rectangles } = layoutMemory({
      segments: [{ address: 0x2000, sizeBytes: 0x2000 }],
      flash: { address: 0x3000, sizeBytes: 0x400 },
      width: 100,
      minimumWidth: 2,
      labelWidth: 30,
    })
    expect(rectangles.map(({ kind, sizeBytes }) => [kind, sizeBytes])).toEqual([['segment', 0x2000]])
  })

  it('draws nothing for nothing', () => {
    const quiet = { flash: null, minimumWidth: 2, labelWidth: 30 }
    expect(layoutMemory({ ...quiet, segments: [], width: 100 }).rectangles).toEqual([])
    expect(layoutMemory({ ...quiet, segments: [{ address: 0, sizeBytes: 4 }], width: 0 }).rectangles).toEqual([])
  })
})
