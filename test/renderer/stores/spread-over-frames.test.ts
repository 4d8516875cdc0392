/** Large batches are taken in parts, one a frame; nothing is lost and small ones do not wait. */
import { describe, expect, it } from 'vitest'
import { spreadOverFrames } from '../../../src/renderer/stores/spread-over-frames.ts'

function take(count: number) {
  const parts: (readonly number[])[] = []
  let frames = 0
  const done = spreadOverFrames(
    Array.from({ length: count }, (_, index) => index),
    part => parts.push(part),
    () => {
      frames++
      return Promise.resolve()
    },
  )
  return { parts, done, frames: () => frames }
}

describe('a batch spread over frames', () => {
  it('is taken at once when it is small, before anything is waited for', () => {
    const { parts, frames } = take(16)
    expect(parts).toHaveLength(1)
    expect(frames()).toBe(0)
  })

  it('waits one frame between parts and gives neighbours to different ones', async () => {
    const { parts, done, frames } = take(256)
    await done
    expect(parts.map(part => part.length)).toEqual(Array.from({ length: 8 }, () => 32))
    expect(frames()).toBe(7)
    expect(parts[0]?.slice(0, 3)).toEqual([0, 8, 16])
  })

  it.each([0, 1, 17, 33, 1000])('loses none of %i', async count => {
    const { parts, done } = take(count)
    await done
    expect(parts.flat().toSorted((left, right) => left - right)).toEqual(Array.from({ length: count }, (_, i) => i))
  })
})
