import { describe, expect, it } from 'vitest'
import { BaudLadder } from '../../../../src/core/transfer/esp-serial/baud-ladder.ts'

function memory(): { readonly kept: Map<string, string>; ladder(place?: string): BaudLadder } {
  const kept = new Map<string, string>()
  const store = {
    recall: (key: string): string | null => kept.get(key) ?? null,
    remember: (key: string, value: string): void => {
      kept.set(key, value)
    },
  }
  return { kept, ladder: (place = 'serial:/dev/a') => new BaudLadder(store, place) }
}

describe('the rate of a line', () => {
  it('begins where nearly every adapter can, and rises step by step', () => {
    const ladder = memory().ladder()
    expect(ladder.first).toBe(460_800)
    expect([460_800, 921_600, 1_500_000, 2_000_000].map(rate => ladder.next(rate))).toEqual([
      921_600,
      1_500_000,
      2_000_000,
      null,
    ])
  })

  it('falls below what broke, stays there, and begins there the next time', () => {
    const { ladder } = memory()
    const first = ladder()
    first.noteClean(921_600)
    first.noteFailure(921_600)
    expect([first.first, first.next(460_800)]).toEqual([460_800, null])
    const second = ladder()
    expect([second.first, second.next(460_800)]).toEqual([460_800, null])
    second.noteFailure(460_800)
    second.noteFailure(230_400)
    expect(ladder().first).toBe(115_200)
    second.noteFailure(115_200)
    expect(ladder().first).toBe(115_200)
  })

  it('is remembered for each adapter by itself', () => {
    const { ladder } = memory()
    ladder('serial:/dev/a').noteClean(2_000_000)
    expect(ladder('serial:/dev/a').first).toBe(2_000_000)
    expect(ladder('serial:/dev/b').first).toBe(460_800)
  })

  it.each(['', '7', '{"best":"fast"}', '[]', '{"best":-1}'])('begins anew where %j was remembered', text => {
    const { kept, ladder } = memory()
    kept.set('baud serial:/dev/a', text)
    expect(ladder().first).toBe(460_800)
  })
})
