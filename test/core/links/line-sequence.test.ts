import { describe, expect, it } from 'vitest'
import {
  formatLineSequence,
  parseLineSequence,
  runLineSequence,
  withDtrRepeated,
} from '../../../src/core/links/line-sequence.ts'
import { FakeClock } from '../../fakes/fake-clock.ts'
import { ScriptedLoaderLink } from '../../fakes/scripted-loader-link.ts'

describe('a sequence of modem lines as text', () => {
  it('is read and written again', () => {
    const text = 'D0 R1 | 100 | D1 R0 | 50 | D0'
    expect(parseLineSequence(text)).toEqual([
      { kind: 'lines', dtr: false, rts: true },
      { kind: 'pause', pauseMs: 100 },
      { kind: 'lines', dtr: true, rts: false },
      { kind: 'pause', pauseMs: 50 },
      { kind: 'lines', dtr: false },
    ])
    expect(formatLineSequence(parseLineSequence(text))).toBe(text)
  })

  it('is read as esptool’s settings have it', () => {
    expect(formatLineSequence(parseLineSequence('d0|R1|W0.1|U1,0|W0.05|D0'))).toBe('D0 | R1 | 100 | D1 R0 | 50 | D0')
  })

  it.each([
    ['', /it is empty/],
    ['100 | 50', /changes no line/],
    ['D0 | | R1', /step 2 is empty/],
    ['D0 R1 | X1', /step 2 “X1”/],
    ['D0 D1', /sets DTR twice/],
    ['D2', /step 1 “D2”/],
    ['D0 | 10001', /a pause is 1 to 10000 ms/],
    ['D0 | W0', /a pause is 1 to 10000 ms/],
    [Array.from({ length: 65 }, () => 'D0').join('|'), /more than 64 steps/],
  ])('names what is wrong with “%s”', (text, reason) => {
    expect(() => parseLineSequence(text)).toThrow(
      expect.objectContaining({ code: 'option.invalid', message: expect.stringMatching(reason) as unknown }),
    )
  })

  it('repeats DTR after each change of RTS for Windows', () => {
    const repeated = withDtrRepeated(parseLineSequence('D0 | R1 | 100 | D1 | R0 | 50 | D0'))
    expect(formatLineSequence(repeated)).toBe('D0 | R1 | D0 | 100 | D1 | R0 | D1 | 50 | D0')
  })
})

describe('running a sequence', () => {
  it('sets both lines each time, and waits between', async () => {
    const link = new ScriptedLoaderLink()
    const clock = new FakeClock()
    const running = runLineSequence(link, parseLineSequence('R1 | 100 | D1 R0 | 50 | D0'), { clock })
    await clock.advance(99)
    expect(link.lines).toEqual([{ dtr: false, rts: true }])
    await clock.advance(1)
    expect(link.lines).toHaveLength(2)
    await clock.advance(50)
    expect(await running).toEqual({ dtr: false, rts: false })
    expect(link.lines.slice(1)).toEqual([
      { dtr: true, rts: false },
      { dtr: false, rts: false },
    ])
  })

  it('says that lines cannot be set, and waits for nothing', async () => {
    const link = new ScriptedLoaderLink()
    link.modemLines = 'no'
    expect(await runLineSequence(link, parseLineSequence('R1 | 10000 | R0'), { clock: new FakeClock() })).toBeNull()
  })

  it('stops when it is told to', async () => {
    const stop = new AbortController()
    const clock = new FakeClock()
    const running = runLineSequence(new ScriptedLoaderLink(), parseLineSequence('R1 | 100 | R0'), {
      clock,
      signal: stop.signal,
    })
    await clock.advance(10)
    stop.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
  })
})
