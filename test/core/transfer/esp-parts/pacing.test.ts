import { describe, expect, it } from 'vitest'
import { chooseChunkBytes, Pacing } from '../../../../src/core/transfer/esp-parts/pacing.ts'
import { VirtualHeap, type HeapBlock } from '../../../../src/simulator/board/heap.ts'

describe('the pause between chunks', () => {
  it('is what was fixed, whatever happens', () => {
    const pacing = new Pacing(500, 4096)
    pacing.failed()
    pacing.heapSeen(100, 100)
    pacing.answered(5000)
    expect(pacing.pauseMs).toBe(500)
  })

  it('is none while the device answers promptly and its heap holds', () => {
    const pacing = new Pacing('auto', 4096)
    for (let index = 0; index < 100; index++) {
      pacing.answered(20 + (index % 5))
      pacing.heapSeen(120_000, 60_000)
      expect(pacing.pauseMs).toBe(0)
    }
  })

  it('grows with slow answers, and goes when they are prompt again', () => {
    const pacing = new Pacing('auto', 4096)
    pacing.answered(20)
    const pauses = [400, 400, 400].map(durationMs => {
      pacing.answered(durationMs)
      return pacing.pauseMs
    })
    expect(pauses).toEqual([100, 150, 225])
    for (let index = 0; index < 20; index++) pacing.answered(20)
    expect(pacing.pauseMs).toBe(0)
  })

  it('takes a device that is slow from the start as it is', () => {
    const pacing = new Pacing('auto', 4096)
    for (let index = 0; index < 20; index++) pacing.answered(900)
    expect(pacing.pauseMs).toBe(0)
  })

  it('doubles with errors, up to five seconds', () => {
    const pacing = new Pacing('auto', 4096)
    const pauses = Array.from({ length: 9 }, () => {
      pacing.failed()
      return pacing.pauseMs
    })
    expect(pauses).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000])
  })

  it.each([
    [29_999, 60_000, true],
    [30_000, 60_000, false],
    [undefined, 6143, true],
    [undefined, 6144, false],
    [200_000, 6000, true],
    [undefined, undefined, false],
  ])('with %s bytes free and %s in one block: low is %s', (freeBytes, largestBlockBytes, isLow) => {
    const pacing = new Pacing('auto', 4096)
    pacing.heapSeen(freeBytes, largestBlockBytes)
    expect([pacing.isHeapLow, pacing.pauseMs]).toEqual([isLow, isLow ? 100 : 0])
  })

  it('grows before a falling heap is low', () => {
    const pacing = new Pacing('auto', 4096)
    const pauses = [200_000, 160_000, 120_000, 80_000, 60_000, 60_000].map(freeBytes => {
      pacing.heapSeen(freeBytes, 50_000)
      return [pacing.isHeapLow, pacing.pauseMs]
    })
    expect(pauses).toEqual([
      [false, 0],
      [false, 0],
      [false, 0],
      [false, 0],
      [false, 0],
      [false, 0],
    ])
    pacing.heapSeen(44_000, 50_000)
    expect([pacing.isHeapLow, pacing.pauseMs]).toEqual([true, 100])
  })

  it('does not shrink while the heap is low, however prompt the answers are', () => {
    const pacing = new Pacing('auto', 4096)
    pacing.heapSeen(10_000, 10_000)
    for (let index = 0; index < 50; index++) pacing.answered(1)
    expect(pacing.pauseMs).toBe(100)
    pacing.heapSeen(100_000, 50_000)
    for (let index = 0; index < 20; index++) pacing.answered(1)
    expect(pacing.pauseMs).toBe(0)
  })
})

/**
 * A device whose firmware leaves garbage with every request and collects it only when it is idle for a while, as
 * MicroPython does between requests; its heap is the virtual board's allocator.
 */
function uploadTo(pauseMs: number | 'auto'): { readonly done: number; readonly lowestFreeBytes: number } {
  const chunkBytes = 4096
  const heap = new VirtualHeap()
  const pacing = new Pacing(pauseMs, chunkBytes)
  let garbage: HeapBlock[] = []
  let nowMs = 0
  let reportedMs = 0
  for (let chunk = 0; chunk < 1000; chunk++) {
    if (nowMs - reportedMs >= 1000) {
      pacing.heapSeen(heap.freeBytes, heap.largestBlockBytes)
      reportedMs = nowMs
    }
    if (pacing.pauseMs >= 80) {
      for (const block of garbage) heap.release(block)
      garbage = []
    }
    nowMs += pacing.pauseMs + 12
    const body = heap.take(chunkBytes)
    const left = heap.take(512)
    if (body === null || left === null) return { done: chunk, lowestFreeBytes: heap.minimumFreeBytes }
    garbage.push(left)
    heap.release(body)
    pacing.answered(12)
  }
  return { done: 1000, lowestFreeBytes: heap.minimumFreeBytes }
}

describe('a device that leaks until it is left in peace', () => {
  it('runs out of heap without pauses', () => {
    const { done } = uploadTo(0)
    expect(done).toBeLessThan(500)
  })

  it('never runs out when the pause follows its heap', () => {
    const { done, lowestFreeBytes } = uploadTo('auto')
    expect(done).toBe(1000)
    expect(lowestFreeBytes).toBeGreaterThan(0)
  })
})

describe('the chunk size for “auto”', () => {
  const range = [512, 16_384] as const
  it.each([
    [null, undefined, 4096],
    [[512, 16_384], undefined, 16_384],
    [[512, 8192], undefined, 8192],
    [[1000, 5000], undefined, 4096],
    [[512, 1_000_000], undefined, 16_384],
    [[512, 16_384], 40_000, 8192],
    [[512, 16_384], 3000, 512],
    [[512, 16_384], 100, 512],
    [[8192, 16_384], 10_000, 8192],
    [null, 9000, 2048],
  ] as const)('allowed %j, largest block %s: %i', (allowed, largestBlockBytes, expected) => {
    expect(chooseChunkBytes({ allowed, largestBlockBytes, range, fallback: 4096 })).toBe(expected)
  })
})
