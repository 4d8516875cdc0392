import { expect, it } from 'vitest'
import type { CrashReport, DeviceEvent, MonitorLine } from '../../../../src/shared/contract/models.ts'
import { CRASH_SILENCE_MS } from '../../../../src/core/telemetry/serial-log/crash-collector.ts'
import { LogReader } from '../../../../src/core/telemetry/serial-log/log-reader.ts'

const AT = '2026-11-21T10:00:00.000+00:00'

function listen(): {
  readonly reader: LogReader
  readonly say: (...lines: readonly string[]) => void
  readonly lines: MonitorLine[]
  readonly events: DeviceEvent[]
  readonly crashes: { readonly crash: CrashReport; readonly appElfSha256: string | null }[]
  readonly news: boolean[]
} {
  const lines: MonitorLine[] = []
  const events: DeviceEvent[] = []
  const crashes: { crash: CrashReport; appElfSha256: string | null }[] = []
  const news: boolean[] = []
  const reader = new LogReader({
    onLine: line => lines.push(line),
    onEvent: event => events.push(event),
    onCrash: (crash, appElfSha256) => crashes.push({ crash, appElfSha256 }),
    onNews: isRestart => news.push(isRestart),
  })
  const say = (...said: readonly string[]): void => {
    reader.take(Buffer.from(said.map(line => `${line}\r\n`).join('')), AT, 0)
  }
  return { reader, say, lines, events, crashes, news }
}

const stamp = { at: AT, elapsedMs: 5 }
const start = 'rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)'
const panic = "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled."
const registers = 'PC      : 0x400d1234  PS      : 0x00060330  A0      : 0x800d5678  A1      : 0x3ffb1f70'
const backtrace = 'Backtrace: 0x400d1231:0x3ffb1f70 0x400d5675:0x3ffb1f90'

it('knows the heap, the version and the starts of a board, and forgets them with its run', () => {
  const { reader, say, news } = listen()
  say(start, 'I (35) app_init: Project name:     pump', 'I (35) app_init: App version:      v1.2.3')
  say('I (40) app_init: ELF file SHA256:  0123abcd9...', 'I (1200) app: Free heap: 182,344 bytes')
  expect(reader.sample(stamp)).toEqual({
    ...stamp,
    source: 'serial-log',
    bootCount: 1,
    uptimeMs: 1200,
    resetReason: 'POWERON_RESET',
    appName: 'pump',
    appVersion: 'v1.2.3',
    appElfSha256: '0123abcd9',
    heapFreeBytes: 182_344,
  })
  say('rst:0xc (SW_CPU_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)')
  expect(reader.sample(stamp)).toEqual({ ...stamp, source: 'serial-log', bootCount: 2, resetReason: 'SW_CPU_RESET' })
  expect(news).toEqual([true, false, false, false, false, true])
})

it('mixes no figures of different memories', () => {
  const { reader, say } = listen()
  say('esp_get_free_heap_size: 4301000', 'ESP.getFreeHeap() = 180,000 bytes', 'ESP.getMaxAllocHeap() = 110,000')
  say('esp_get_free_heap_size: 4300000', 'Heap summary for capabilities 0x00000400:')
  say('    free 4100000 allocated 1000 min_free 4000000 largest_free_block 4000000')
  expect(reader.sample(stamp)).toMatchObject({ heapFreeBytes: 180_000, heapLargestBlockBytes: 110_000 })
  say('Heap summary for capabilities 0x00000800:', '  Totals:')
  say('    free 170000 allocated 10000 min_free 160000 largest_free_block 90000')
  expect(reader.sample(stamp)).toMatchObject({
    heapFreeBytes: 170_000,
    heapTotalBytes: 180_000,
    heapMinFreeBytes: 160_000,
    heapLargestBlockBytes: 90_000,
  })
})

it('puts the lines of a crash together, whatever comes in between', () => {
  const { say, events, crashes } = listen()
  say(panic, 'I (99) wifi: another core speaks', 'Core  0 register dump:', registers)
  say('EXCVADDR: 0x00000000  LBEG    : 0x40001609', '', backtrace, '', 'ELF file SHA256: 0123456789abcdef')
  expect(crashes).toEqual([])
  say('Rebooting...')
  expect(events).toEqual([{ kind: 'panic', at: AT, text: panic }])
  expect(crashes).toEqual([
    {
      appElfSha256: '0123456789abcdef',
      crash: {
        at: AT,
        kind: 'panic',
        text: 'LoadProhibited',
        core: 0,
        details: [],
        abortPc: null,
        registers: {
          PC: 0x400d1234,
          PS: 0x60330,
          A0: 0x800d5678,
          A1: 0x3ffb1f70,
          EXCVADDR: 0,
          LBEG: 0x40001609,
        },
        backtraces: [
          {
            frames: [
              { pc: 0x400d1231, sp: 0x3ffb1f70 },
              { pc: 0x400d5675, sp: 0x3ffb1f90 },
            ],
            ending: null,
          },
        ],
        stackWords: [],
        elfSha256: '0123456789abcdef',
      },
    },
  ])
})

it('keeps the first cause, and what it led to as details', () => {
  const { say, reader, crashes } = listen()
  say('assert failed: foo main.c:12 (x > 0)', 'abort() was called at PC 0x400d1234 on core 1', backtrace)
  reader.endCrashIfOver(CRASH_SILENCE_MS)
  expect(crashes[0]?.crash).toMatchObject({
    kind: 'assert',
    text: 'assert failed: foo main.c:12 (x > 0)',
    details: ['abort() was called at PC 0x400d1234 on core 1'],
    abortPc: 0x400d1234,
    core: 1,
  })
})

it('makes a report of what is left when the beginning was lost, or a RISC-V chip prints its stack', () => {
  const torn = listen()
  torn.say(backtrace)
  torn.reader.breakOff(AT)
  expect(torn.crashes[0]?.crash).toMatchObject({ kind: 'backtrace', text: '', backtraces: [{ ending: null }] })

  const riscV = listen()
  riscV.say('Core  0 register dump:', 'MEPC    : 0x42007f3a  RA      : 0x42007f36', '', 'Stack memory:')
  riscV.say('3fc915b0: 0x00000000 0x42007f36', start)
  expect(riscV.crashes[0]?.crash).toMatchObject({
    kind: 'panic',
    core: 0,
    registers: { MEPC: 0x42007f3a, RA: 0x42007f36 },
    stackWords: [0, 0x42007f36],
  })
})

it('says which tasks starve the watchdog, and what the panic after it is', () => {
  const { say, reader, crashes } = listen()
  say('E (1) task_wdt: Task watchdog got triggered. The following tasks did not reset the watchdog in time:')
  say('E (1) task_wdt:  - IDLE0 (CPU 0)', 'E (1) task_wdt: Tasks currently running:')
  reader.endCrashIfOver(CRASH_SILENCE_MS)
  say('E (2) task_wdt: Task watchdog got triggered. x', panic, backtrace, 'Rebooting...')
  expect(crashes.map(({ crash }) => [crash.kind, crash.details.length])).toEqual([
    ['task-watchdog', 1],
    ['panic', 1],
  ])
  expect(crashes[0]?.crash.details).toEqual(['- IDLE0 (CPU 0)'])
})

it('completes a report while the board goes on to print other things', () => {
  const { reader, say, crashes } = listen()
  say('E (1) task_wdt: Task watchdog got triggered. x', backtrace)
  reader.take(Buffer.from('Free heap: 5000\r\n'), AT, CRASH_SILENCE_MS - 1)
  expect(crashes).toEqual([])
  reader.take(Buffer.from('Free heap: 5001\r\n'), AT, CRASH_SILENCE_MS)
  expect(crashes).toMatchObject([{ crash: { kind: 'task-watchdog', backtraces: [{ ending: null }] } }])
})

it('bounds a crash that never ends', () => {
  const { say, crashes } = listen()
  for (let round = 0; round < 2000; round++) say(panic, registers, backtrace, '3fc915b0: 0x00000000 0x42007f36')
  expect(crashes.length).toBeGreaterThan(1)
  for (const { crash } of crashes) {
    expect(crash.backtraces.length).toBeLessThanOrEqual(4)
    expect(crash.details.length).toBeLessThanOrEqual(12)
    expect(crash.stackWords.length).toBeLessThanOrEqual(512)
  }
})

it('shows a prompt, reads the line whole afterwards, and forgets it when the line breaks', () => {
  const { reader, lines, say } = listen()
  reader.take(Buffer.from('Free he'), AT, 0)
  reader.showBeginning(AT)
  say('ap: 5000')
  expect(lines.map(({ text }) => text)).toEqual(['Free he', 'ap: 5000'])
  expect(reader.sample(stamp).heapFreeBytes).toBe(5000)
  reader.take(Buffer.from('half'), AT, 0)
  reader.breakOff(AT)
  say('new')
  expect(lines.map(({ text }) => text)).toEqual(['Free he', 'ap: 5000', 'half', 'new'])
  expect(reader.sample(stamp).heapFreeBytes).toBeUndefined()
})

it('tells the level of a line, and the events of a start', () => {
  const { say, lines, events } = listen()
  say('\u001b[0;31mE (12) wifi: no\u001b[0m', start, 'Brownout detector was triggered')
  expect(lines[0]).toEqual({ at: AT, from: 'board', text: 'E (12) wifi: no', level: 'error' })
  expect(events).toEqual([
    { kind: 'reset', at: AT, reason: 'POWERON_RESET', bootMode: 'SPI_FAST_FLASH_BOOT' },
    { kind: 'brownout', at: AT },
  ])
})
