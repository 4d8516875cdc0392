/** The file of a serial line's text: times, directions, events, places of crashes, nothing that a terminal would obey. */
import { describe, expect, it } from 'vitest'
import { writeSerialLines } from '../../src/host/saving/serial-lines.ts'
import type { MonitorEntry } from '../../src/shared/contract/index.ts'

const at = '2026-11-21T10:14:02.000+07:00'
const line = (from: 'board' | 'sent', text: string): MonitorEntry => ({
  type: 'line',
  line: { at, from, text, level: null },
})

describe('the lines of a board as a file', () => {
  it('say when, from whom, and what happened among them', () => {
    const error = { code: 'serial.unplugged', message: 'the port went away', details: {} }
    const text = writeSerialLines('serial:/dev/ttyUSB0', [
      { type: 'event', event: { kind: 'opened', at } },
      line('board', 'hello \u001b[31mred\u0007'),
      line('sent', 'reboot'),
      { type: 'event', event: { kind: 'lost', at, error } },
    ])
    const [head, empty, ...body] = text.trimEnd().split('\n')
    expect([head, empty]).toEqual(['Flashproof lines of serial:/dev/ttyUSB0', ''])
    expect(body.map(row => row.slice(at.length))).toEqual([
      '  -  the line is open',
      expect.stringMatching(/^ {2}< {2}hello .*red/),
      '  >  reboot',
      '  -  the line is away: the port went away',
    ])
    expect(text).not.toMatch(/[\u001b\u0007]/)
  })
})
