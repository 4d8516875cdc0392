import { describe, expect, it } from 'vitest'
import { createPlainProgress } from '../../src/cli/plain-progress.ts'
import { fakeSnapshot } from '../fakes/fake-snapshot.ts'

describe('progress as lines', () => {
  it('says of a leg beyond a gateway where it is, a tenth of its usual time at a time', () => {
    const progress = createPlainProgress('en')
    const at = (elapsedMs: number): readonly string[] =>
      progress.linesFor(
        fakeSnapshot({
          doneBytes: 1024,
          relay: { state: 'running', doneBytes: null, totalBytes: 1024, elapsedMs, usualMs: 10_000 },
        }),
      )
    expect(progress.linesFor(fakeSnapshot({ doneBytes: 1024 }))).toHaveLength(1)
    expect(at(0)).toEqual(['http://127.0.0.1:8080: gateway → MCU 0.0 s of usually 10 s'])
    expect(at(900)).toEqual([])
    expect(at(1200)).toEqual(['http://127.0.0.1:8080: gateway → MCU 1.2 s of usually 10 s'])
  })
})
