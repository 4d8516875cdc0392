import { describe, expect, it } from 'vitest'
import type { JobSnapshot } from '../../src/shared/contract/index.ts'
import { displayWidth, fitText, padText } from '../../src/cli/display-width.ts'
import { ladderLetters, renderTable } from '../../src/cli/live-table.ts'
import { wantsColor, withoutStyle } from '../../src/cli/terminal-style.ts'
import { fakeSnapshot } from '../fakes/fake-snapshot.ts'
import { acknowledged, batch, failed, fact, hostile, liar, proven, transferring } from './batch-fixture.ts'

const NOW_MS = Date.parse('2026-11-21T10:00:12.000+07:00')
const GREEN = '\u001b[32m'
const AMBER = '\u001b[33m'
const RED = '\u001b[31m'
const plain = { color: false, unicode: true, nowMs: NOW_MS } as const
const colored = { color: true, unicode: true, nowMs: NOW_MS } as const

function lineOf(lines: readonly string[], text: string): string {
  return lines.find(line => line.includes(text)) ?? ''
}

describe('the live table', () => {
  for (const columns of [30, 50, 60, 80, 100, 120, 200]) {
    for (const language of ['en', 'vi'] as const) {
      it(`draws no line wider than ${String(columns)} columns in ${language}`, () => {
        for (const unicode of [true, false]) {
          const lines = renderTable(batch, { columns, color: true, unicode, nowMs: NOW_MS, language })
          for (const line of lines) expect(displayWidth(withoutStyle(line)), line).toBeLessThanOrEqual(columns)
        }
      })
    }
  }

  it('puts each ladder exactly under its letters at 80, 120 and 200 columns', () => {
    for (const columns of [80, 120, 200]) {
      const lines = renderTable(batch, { ...plain, columns })
      const at = displayWidth((lines[0] ?? '').split(ladderLetters)[0] ?? '')
      for (const ladder of ['●◐●●○○', '●◐○✗○○', '●◐○○○○', '●○○○○○']) {
        expect(displayWidth(lineOf(lines, ladder).split(ladder)[0] ?? '')).toBe(at)
      }
    }
  })

  it('uses two lines a device where one is too narrow', () => {
    const lines = renderTable([transferring], { ...plain, columns: 60 })
    expect(lineOf(lines, '62%')).not.toContain('Sending')
    expect(lineOf(lines, 'Sending')).toMatch(/^ {2}○{6} Sending/)
  })

  it('says what is on the board and whether it may be unplugged first, once a device has stopped', () => {
    const lines = renderTable(batch, { ...plain, columns: 120 })
    expect(lineOf(lines, 'esp32-bench-01')).toMatch(
      /^esp32-bench-01 +New firmware, safe to unplug +●◐●●○○ Proven: checked in flash$/,
    )
    expect(lineOf(lines, 'Will not start')).toMatch(/Will not start, keep powered +●○○○○○ Failed$/)
  })

  it('shows the leg beyond a gateway as a clock that never becomes a share, or by its bytes', () => {
    const leg = { state: 'running', doneBytes: null, totalBytes: 8000, elapsedMs: 12_000, usualMs: 90_000 } as const
    const wordsOf = (relay: JobSnapshot['relay']): string =>
      lineOf(
        renderTable([{ ...transferring, attempts: 1, retries: 0, ...(relay === undefined ? {} : { relay }) }], {
          ...plain,
          columns: 200,
        }),
        '62%',
      )
    expect(wordsOf(leg)).toContain('Sending · gateway → MCU 12 s of usually 1:30')
    expect(wordsOf({ ...leg, elapsedMs: 500_000 })).not.toContain('100%')
    expect(wordsOf({ ...leg, doneBytes: 4096 })).toContain('gateway → MCU 4.0 KiB of 7.8 KiB')
    expect(wordsOf({ ...leg, state: 'waiting' })).toContain('then gateway → MCU')
    expect(wordsOf({ ...leg, state: 'unknown' })).not.toContain('gateway')
  })

  it('shows percent, speed, time to go, tries and repeats while it runs', () => {
    const line = lineOf(renderTable([transferring], { ...plain, columns: 200 }), '62%')
    expect(line).toContain('999.9 KiB/s')
    expect(line).toContain('12 s')
    expect(line).toContain('Sending · keep powered · try 2 · 13 sent again')
  })

  it('leaves out whole what does not fit beside the outcome', () => {
    const job = { ...proven, provenLevel: 'running', retries: 7 } as const
    expect(lineOf(renderTable([job], { ...plain, columns: 80 }), 'Proven')).toMatch(/Proven: running after restart$/)
    expect(lineOf(renderTable([job], { ...plain, columns: 120 }), 'Proven')).toMatch(/restart · 7 sent again$/)
  })

  it('fills the bar by the bytes that the device acknowledged', () => {
    const bars = [0, 0.5, 1].map(ratio => {
      const job = fakeSnapshot({ doneBytes: ratio * 1000, totalBytes: 1000 })
      const line = lineOf(renderTable([job], { ...plain, columns: 120 }), '%')
      return [line.split('━').length - 1, line.split('╌').length - 1]
    })
    const width = (bars[0]?.[0] ?? 0) + (bars[0]?.[1] ?? 0)
    expect(bars).toEqual([
      [0, width],
      [Math.floor(width / 2), Math.ceil(width / 2)],
      [width, 0],
    ])
  })

  it('gives the reason of what is not proven on a line of its own', () => {
    const lines = renderTable([liar, failed], { ...plain, columns: 80 })
    expect(lines).toContain('  the board contradicts itself or our image')
    expect(lineOf(lines, 'chunk 74')).toContain('No answer in time')
  })

  it('is green for proven alone, amber below it and red for unproven and failed', () => {
    const drawn = (job: typeof proven): string[] =>
      renderTable([job], { ...colored, columns: 120 }).filter(line => !line.includes('SARFBH'))
    expect(drawn(proven).join('')).toContain(`${GREEN}Proven: checked in flash`)
    for (const job of batch.filter(candidate => candidate !== proven)) {
      expect(drawn(job).join(''), job.jobId).not.toContain(GREEN)
    }
    expect(drawn(acknowledged).join('')).toContain(`${AMBER}Device says OK`)
    expect(drawn(liar).join('')).toContain(`${RED}Not proven`)
    expect(drawn(failed).join('')).toContain(`${RED}Failed`)
  })

  it('never paints a proven verdict green while the job has not finished', () => {
    const job = { ...proven, state: 'confirming' } as const
    expect(renderTable([job], { ...colored, columns: 120 }).join('')).not.toContain(GREEN)
  })

  it('prints no escape sequence without colour', () => {
    expect(renderTable(batch, { ...plain, columns: 80 }).join('\n')).not.toContain('\u001b')
  })

  it('makes the control characters of a device name visible instead of sending them to the terminal', () => {
    const lines = renderTable([hostile], { ...colored, columns: 120 })
    expect(withoutStyle(lines.join('\n'))).not.toContain('\u001b')
    expect(lines.join('')).not.toContain('\u202e')
    expect(lineOf(lines, '·[31mred')).not.toBe('')
  })

  it('marks a contradicted level, a device’s word and a stale answer each in its own way', () => {
    const job = fakeSnapshot({
      evidence: [
        fact('sent', 'host-sent'),
        fact('acknowledged', 'device-said'),
        fact('received', 'device-hash', { fresh: false }),
        fact('stored', 'host-read', { matches: false }),
        fact('running', 'device-hash'),
      ],
    })
    expect(renderTable([job], { ...plain, columns: 120 }).join('\n')).toContain('●◐◐✗●○')
    const ascii = renderTable([job], { ...plain, unicode: false, columns: 120 }).join('\n')
    expect(ascii).toContain('#++x#.')
    expect(ascii).toMatch(/^[\x20-\x7e\n]*$/)
  })

  it('keeps to the height of the terminal and shows faults before what goes well', () => {
    const many = Array.from({ length: 256 }, (_, index) =>
      index === 200
        ? liar
        : fakeSnapshot({ jobId: `j${String(index)}`, state: index < 100 ? 'transferring' : 'queued' }),
    )
    const lines = renderTable(many, { ...plain, columns: 100, maximumLines: 23 })
    expect(lines.length).toBeLessThanOrEqual(23)
    expect(lineOf(lines, 'esp32-liar')).not.toBe('')
    expect(lineOf(lines, '… and')).toMatch(/and \d+ more: 155 waiting, \d+ running/)
    expect(lines.at(-1)).toContain('256 devices')
  })

  it('draws a batch without jobs', () => {
    expect(renderTable([], { ...plain, columns: 80 }).at(-1)).toBe('0 devices')
  })
})

describe('the width of text', () => {
  it('counts wide characters as two columns and combining marks as none', () => {
    expect(displayWidth('abc')).toBe(3)
    expect(displayWidth('仕入れ')).toBe(6)
    expect(displayWidth('e\u0302\u0301')).toBe(1)
    expect(displayWidth('đã kiểm tra')).toBe(11)
    expect(displayWidth('👩‍🔧')).toBe(2)
  })

  it('cuts between characters, never within a wide one', () => {
    expect(fitText('仕入れ検査', 6)).toBe('仕入…')
    expect(fitText('仕入れ検査', 5)).toBe('仕入…')
    expect(displayWidth(padText('仕入れ検査', 6))).toBe(6)
    expect(fitText('abcdef', 1)).toBe('…')
    expect(fitText('abcdef', 0)).toBe('')
  })
})

describe('colour', () => {
  it('follows the terminal, NO_COLOR, FORCE_COLOR and TERM', () => {
    expect(wantsColor({ TERM: 'xterm' }, true)).toBe(true)
    expect(wantsColor({ TERM: 'xterm' }, false)).toBe(false)
    expect(wantsColor({ TERM: 'dumb' }, true)).toBe(false)
    expect(wantsColor({ NO_COLOR: '1' }, true)).toBe(false)
    expect(wantsColor({ NO_COLOR: '' }, true)).toBe(true)
    expect(wantsColor({ FORCE_COLOR: '1' }, false)).toBe(true)
    expect(wantsColor({ FORCE_COLOR: '0' }, true)).toBe(false)
  })
})
