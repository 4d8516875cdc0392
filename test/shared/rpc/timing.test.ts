import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createTiming } from '../../../src/shared/rpc/timing.ts'

describe('real time', () => {
  const timing = createTiming(() => 42)

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  it('delays by what was asked', async () => {
    let isOver = false
    const delay = timing.delay(100).then(() => {
      isOver = true
    })
    await vi.advanceTimersByTimeAsync(99)
    expect(isOver).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    await delay
    expect(timing.monotonicMs()).toBe(42)
  })

  it('ends a delay with the reason of its signal, before or meanwhile, and leaves no timer', async () => {
    const controller = new AbortController()
    const delay = timing.delay(100, controller.signal)
    controller.abort(new Error('enough'))
    await expect(delay).rejects.toThrow('enough')
    await expect(timing.delay(100, controller.signal)).rejects.toThrow('enough')
    expect(vi.getTimerCount()).toBe(0)
  })
})
