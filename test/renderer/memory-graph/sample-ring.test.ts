/** The ring of memory figures: what it keeps, and what it calls a gap. */
import { describe, expect, it } from 'vitest'
import type { TelemetrySample } from '../../../src/shared/contract/index.ts'
import { SampleRing } from '../../../src/renderer/stores/sample-ring.ts'
import { ringOf } from '../../../src/renderer/stores/telemetry.ts'

const START_MS = Date.UTC(2026, 10, 21, 3, 0, 0)

function sample(second: number, changes: Partial<TelemetrySample> = {}): TelemetrySample {
  return {
    at: new Date(START_MS + second * 1000).toISOString(),
    elapsedMs: second * 1000,
    source: 'http-json',
    heapFreeBytes: 100_000 + second,
    ...changes,
  }
}

const filled = (ring: SampleRing, count: number): SampleRing => {
  for (let second = 0; second < count; second++) ring.add(sample(second))
  return ring
}

describe('the ring of memory figures', () => {
  it('keeps four hours at one reading a second', () => {
    const ring = filled(new SampleRing(), 4 * 3600)
    expect(ring.length).toBe(14_400)
    expect(ring.at('timeMs', 0)).toBe(START_MS)
    expect(ring.at('freeBytes', 14_399)).toBe(114_399)
  })

  it('lets the oldest go when it is full and keeps the order', () => {
    const ring = filled(new SampleRing(2048), 5000)
    expect(ring.length).toBe(2048)
    expect(ring.at('freeBytes', 0)).toBe(100_000 + 5000 - 2048)
    expect(ring.at('freeBytes', 2047)).toBe(104_999)
    expect(ring.indexAt(START_MS + 4990 * 1000)).toBe(2048 - 10)
  })

  it('gives NaN for what the device did not tell', () => {
    const ring = ringOf([sample(0)])
    expect(ring.at('largestBytes', 0)).toBeNaN()
    expect(ring.at('flashUsedBytes', 0)).toBeNaN()
  })

  it('calls a silence of more than three usual intervals a gap, and one of three none', () => {
    const ring = ringOf([0, 1, 2, 3, 6, 7, 8, 11.5, 12.5].map(second => sample(second)))
    const gaps = Array.from({ length: ring.length }, (_, index) => ring.isAfterGap(index))
    expect(gaps).toEqual([false, false, false, false, false, false, false, true, false])
  })

  it('gets used to a slower device', () => {
    const slow = Array.from({ length: 12 }, (_, index) => sample(20 + index * 10))
    const ring = ringOf([0, 1, 2, 3, 4].map(second => sample(second)).concat(slow))
    expect(ring.isAfterGap(5)).toBe(true)
    expect(ring.isAfterGap(ring.length - 1)).toBe(false)
  })

  it('tells a restart by the uptime, as a gap and with its time', () => {
    const ring = ringOf([
      sample(0, { uptimeMs: 50_000 }),
      sample(1, { uptimeMs: 51_000 }),
      sample(3, { uptimeMs: 1500 }),
    ])
    expect(ring.isAfterGap(2)).toBe(true)
    expect(ring.restartsMs).toEqual([START_MS + 1500])
  })

  it('tells a restart by the count of boots where the uptime is not told', () => {
    const ring = ringOf([sample(0, { bootCount: 4 }), sample(1, { bootCount: 5 })])
    expect(ring.restartsMs).toEqual([START_MS + 1000])
  })

  it('counts a reading once that comes from two sources, and puts readings in order', () => {
    const ring = ringOf([sample(2), sample(0), sample(2), sample(1)])
    expect(ring.length).toBe(3)
    expect([0, 1, 2].map(index => ring.at('freeBytes', index))).toEqual([100_000, 100_001, 100_002])
  })

  it('leaves out a reading without a time', () => {
    const ring = ringOf([sample(0)])
    ring.add({ ...sample(1), at: 'yesterday' })
    expect(ring.length).toBe(1)
  })
})
