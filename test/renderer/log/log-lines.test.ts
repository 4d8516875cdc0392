/** What is made of a device's lines before anybody sees them. */
import { describe, expect, it } from 'vitest'
import {
  findLines,
  highlight,
  linesAsText,
  linesAtLeast,
  timeOf,
} from '../../../src/renderer/components/log/log-lines.ts'
import { visibleText } from '../../../src/renderer/components/log/visible-text.ts'
import { LineRing, type NumberedLine } from '../../../src/renderer/stores/line-ring.ts'
import { withoutRepeats } from '../../../src/renderer/stores/logs.ts'

const line = (number: number, text: string, level: NumberedLine['level'] = 'info'): NumberedLine => ({
  number,
  at: '2026-11-21T10:14:02.000Z',
  level,
  code: 'chunk.sent',
  text,
})

describe('text of a device', () => {
  it('loses its colours and cursor moves', () => {
    expect(visibleText('\u001b[31mred\u001b[0m \u001b[2J\u001b]0;title\u0007done')).toBe('red done')
  })

  it('shows what would hide: control characters, turned writing, invisible letters', () => {
    expect(visibleText('a\u0000b\u202eexe.bin\u200b')).toBe('a\\u{00}b\\u{202e}exe.bin\\u{200b}')
    expect(visibleText('one\r\ntwo')).toBe('one\\u{0d}\\u{0a}two')
  })

  it('keeps letters of every language', () => {
    expect(visibleText('Đã ghi 4096 byte ✓ 完成')).toBe('Đã ghi 4096 byte ✓ 完成')
  })

  it('is cut when it is long, and never ends in half a letter', () => {
    expect(visibleText('x'.repeat(5000), 100)).toHaveLength(100)
    expect(visibleText('\ud83d').isWellFormed()).toBe(true)
  })

  it('of a hundred thousand escapes costs no time', () => {
    const startedMs = performance.now()
    visibleText('\u001b]'.repeat(100_000))
    visibleText('\u001b['.repeat(100_000))
    expect(performance.now() - startedMs).toBeLessThan(500)
  })
})

describe('lines of a log', () => {
  it('are filtered by level', () => {
    const lines = [line(0, 'a', 'debug'), line(1, 'b', 'warning'), line(2, 'c', 'error')]
    expect(linesAtLeast(lines, 'warning').map(({ number }) => number)).toEqual([1, 2])
    expect(linesAtLeast(lines, 'debug')).toBe(lines)
  })

  it('are found in any case by text or code, and the places are marked', () => {
    expect(findLines([line(0, 'Flash HASH'), line(1, 'other')], 'hash')).toEqual([0])
    expect(findLines([line(0, 'x')], 'chunk.')).toEqual([0])
    expect(highlight('Flash hash, HASH', 'hash')).toEqual([
      { text: 'Flash ', isFound: false },
      { text: 'hash', isFound: true },
      { text: ', ', isFound: false },
      { text: 'HASH', isFound: true },
    ])
    expect(highlight('.*', '(')).toEqual([{ text: '.*', isFound: false }])
  })

  it('are copied as they are shown', () => {
    expect(linesAsText([line(0, 'a\u202eb', 'error')])).toBe('2026-11-21T10:14:02.000Z error   chunk.sent a\\u{202e}b')
  })

  it('have times that are always as wide', () => {
    expect(timeOf('2026-11-21T10:14:02.007Z')).toMatch(/^\d\d:14:02\.007$/)
    expect(timeOf('never')).toHaveLength(12)
  })
})

describe('the ring of lines', () => {
  it('keeps the newest and never gives a number twice', () => {
    const ring = new LineRing(10_000)
    for (let index = 0; index < 35_000; index++) ring.add(line(0, String(index)))
    const kept = ring.newest()
    expect(kept).toHaveLength(10_000)
    expect(kept[0]).toMatchObject({ number: 25_000, text: '25000' })
    ring.clear()
    ring.add(line(0, 'after'))
    expect(ring.newest()).toMatchObject([{ number: 35_000 }])
  })

  it('shows a line once that was fetched and came by itself', () => {
    const logged = (elapsedMs: number) => ({ ...line(0, 'x'), elapsedMs })
    const joined = withoutRepeats([logged(1), logged(2)], [logged(2), logged(3)])
    expect(joined.map(({ elapsedMs }) => elapsedMs)).toEqual([1, 2, 3])
  })
})
