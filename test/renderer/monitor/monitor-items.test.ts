/** Rows of the serial monitor: one a line, several a crash, found by the board's own words. */
import { describe, expect, it } from 'vitest'
import type { MonitorEntry } from '../../../src/shared/contract/index.ts'
import {
  isSerialLine,
  itemsOf,
  itemsWith,
  placeText,
  standingAfter,
  type CrashEvent,
} from '../../../src/renderer/monitor/monitor-items.ts'
import { printedEntries } from '../preview/serial.ts'

const crash = printedEntries
  .flatMap(entry => (entry.type === 'event' && entry.event.kind === 'crash' ? [entry.event] : []))
  .at(0)
if (crash === undefined) throw new Error('the example has no crash')

const rowsOf = (event: CrashEvent): readonly string[] =>
  itemsOf({ type: 'event', event }).map(item => (item.type === 'place' ? placeText(item.place) : item.type))

const numbered = (entries: readonly MonitorEntry[]) =>
  entries.flatMap(itemsOf).map((item, number) => ({ ...item, number }))

describe('the rows of a crash', () => {
  it('are its words, what was found out, and one for each place', () => {
    expect(rowsOf(crash)).toEqual([
      'event',
      'decoding',
      '#0     0x400D1F29  valve_read_position+0x1d  main/valve.c:88',
      '#1     0x400D200E  control_step+0x46  main/control.c:141',
      '#2     0x400D31AA  app_main+0x92  main/main.c:57',
      '#3     0x4008A3B5  vPortTaskWrapper+0x5  freertos/port.c:139',
    ])
  })

  it.each([
    ['nobody gave an ELF file', null],
    ['the ELF file is of another build', { build: 'other' as const, elfSha256: 'cd', places: [] }],
  ])('are the bare addresses where %s', (_, decoding) => {
    expect(rowsOf({ ...crash, decoding }).slice(2)).toEqual([
      '#0     0x400D1F29',
      '#1     0x400D200E',
      '#2     0x400D31AA',
      '#3     0x4008A3B5',
    ])
  })

  it('are no more than fit into a look, however long the backtrace is', () => {
    const frames = Array.from({ length: 500 }, (_, index) => ({ pc: 0x400d_0000 + index, sp: 0 }))
    const event = { ...crash, decoding: null, crash: { ...crash.crash, backtraces: [{ frames, ending: null }] } }
    expect(rowsOf(event).length).toBeLessThanOrEqual(50)
  })
})

describe('looking for rows', () => {
  it('finds lines and events in any case, and keeps the rows of a crash together', () => {
    const all = numbered(printedEntries)
    expect(itemsWith(all, '  ').length).toBe(all.length)
    expect(itemsWith(all, 'VALVE 3').map(({ type }) => type)).toEqual(['line'])
    const found = itemsWith(all, 'valve_read')
    expect(found.map(({ type }) => type)).toEqual(['event', 'decoding', 'place', 'place', 'place', 'place'])
  })
})

describe('how a line stands', () => {
  it('follows what happened, and stays over what says nothing of it', () => {
    const error = { code: 'serial.unplugged', message: 'gone', details: {} }
    expect(standingAfter({ kind: 'opened', at: '' })).toEqual({ state: 'listening' })
    expect(standingAfter({ kind: 'lent', at: '', usedFor: 'a job' })).toEqual({ state: 'lent', usedFor: 'a job' })
    expect(standingAfter({ kind: 'lost', at: '', error })).toMatchObject({ state: 'lost', code: 'serial.unplugged' })
    expect(standingAfter({ kind: 'brownout', at: '' })).toBeNull()
  })
})

describe('a serial line', () => {
  it.each(['serial:/dev/ttyUSB0', 'serial:COM3', 'tcp://127.0.0.1:4000', 'rfc2217://127.0.0.1:4000'])(
    'is %s',
    target => {
      expect(isSerialLine(target)).toBe(true)
    },
  )
  it.each(['http://192.168.4.21', 'udp://192.168.4.21:3232', 'pull://wlan0/x', 'mac:24:6F:28:AA:1F:7C'])(
    'is not %s',
    target => {
      expect(isSerialLine(target)).toBe(false)
    },
  )
})
