import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { CrashReport, DeviceEvent, MonitorLine, TelemetrySample } from '../../../../src/shared/contract/models.ts'
import { systemClock } from '../../../../src/core/clock.ts'
import { SerialWatch } from '../../../../src/core/telemetry/serial-log/serial-watch.ts'
import { FakeLine } from './fake-line.ts'

let line: FakeLine
let watch: SerialWatch
let stop: AbortController
let ended: Promise<void>
let lines: MonitorLine[]
let events: DeviceEvent[]
let samples: TelemetrySample[]
let crashes: CrashReport[]
let intervalMs = 10

beforeEach(() => {
  line = new FakeLine()
  lines = []
  events = []
  samples = []
  crashes = []
  intervalMs = 10
})
afterEach(async () => {
  stop.abort()
  await ended
})

function begin(): void {
  stop = new AbortController()
  const options = {
    intervalMs: () => intervalMs,
    baudRate: 115_200,
    clock: systemClock,
    signal: stop.signal,
    open: line.open,
    retryAfterMs: 5,
  }
  const endpoint = { kind: 'serial', text: 'serial:/dev/x', path: '/dev/x' } as const
  watch = new SerialWatch(endpoint, options, {
    onSample: sample => samples.push(sample),
    onText: text => {
      throw new Error(text)
    },
    onLine: heard => lines.push(heard),
    onEvent: event => events.push(event),
    onCrash: crash => crashes.push(crash),
  })
  ended = watch.run()
}

const kinds = (): string[] => events.map(({ kind }) => kind)
const texts = (): string[] => lines.map(({ text }) => text)

it('listens without touching the board, and gives samples at their pace and the last one always', async () => {
  intervalMs = 60
  begin()
  line.say('I (1) app: hello', ...Array.from({ length: 50 }, (_, number) => `Free heap: ${String(1000 + number)}`))
  await vi.waitFor(() => {
    expect(samples.at(-1)?.heapFreeBytes).toBe(1049)
  })
  expect(samples.length).toBeLessThanOrEqual(3)
  expect(lines).toHaveLength(51)
  expect(kinds()).toEqual(['opened'])
  expect(line.lines).toEqual([])
})

it('follows a board that is pulled and plugged in again, and says each state once', async () => {
  line.isThere = false
  begin()
  await vi.waitFor(() => {
    expect(line.rates.length).toBeGreaterThan(3)
  })
  line.plug()
  await vi.waitFor(() => {
    expect(kinds()).toEqual(['lost', 'opened'])
  })
  line.say('one')
  line.sayBytes(Buffer.from('half a line'))
  await vi.waitFor(() => {
    expect(texts()).toContain('one')
  })
  line.pull()
  await vi.waitFor(() => {
    expect(kinds()).toEqual(['lost', 'opened', 'lost', 'lost'])
  })
  expect(events.slice(2)).toMatchObject([
    { error: { code: 'serial.unplugged' } },
    { error: { code: 'serial.port-missing' } },
  ])
  line.plug()
  await vi.waitFor(() => {
    expect(kinds().at(-1)).toBe('opened')
  })
  line.say('two')
  await vi.waitFor(() => {
    expect(texts().at(-1)).toBe('two')
  })
  expect(texts()).toEqual(['one', 'half a line', 'two'])
  expect(line.closed).toBe(1)
})

it('makes room for a job, and comes back when the port is free', async () => {
  begin()
  await vi.waitFor(() => {
    expect(kinds()).toEqual(['opened'])
  })
  await line.user?.onYield?.('writing app.bin')
  expect(line.closed).toBe(1)
  expect(events.at(-1)).toMatchObject({ kind: 'lent', usedFor: 'writing app.bin' })
  await expect(watch.send(Buffer.from('x'), 'x')).rejects.toMatchObject({ code: 'serial.port-busy' })
  expect(line.opened).toBe(1)
  line.user?.onFree?.()
  await vi.waitFor(() => {
    expect(kinds()).toEqual(['opened', 'lent', 'opened'])
  })
})

it('ends while a job has the port', async () => {
  begin()
  await vi.waitFor(() => {
    expect(kinds()).toEqual(['opened'])
  })
  await line.user?.onYield?.('writing app.bin')
  stop.abort()
  await ended
  expect(line.opened).toBe(1)
})

it('sends text, shows it among the lines, and says why it cannot', async () => {
  line.isThere = false
  begin()
  await vi.waitFor(() => {
    expect(kinds()).toEqual(['lost'])
  })
  await expect(watch.send(Buffer.from('status\n'), 'status')).rejects.toMatchObject({ code: 'serial.port-missing' })
  line.plug()
  await vi.waitFor(() => {
    expect(kinds()).toEqual(['lost', 'opened'])
  })
  await watch.send(Buffer.from('status\n'), 'status')
  expect(line.sent).toBe('status\n')
  expect(lines).toMatchObject([{ from: 'sent', text: 'status', level: null }])
})

it('restarts the board when it is told to, and leaves the boot pin alone', async () => {
  begin()
  await watch.restart()
  await vi.waitFor(() => {
    expect(kinds()).toEqual(['opened'])
  })
  expect(line.lines).toEqual([
    { dtr: false, rts: true },
    { dtr: false, rts: false },
  ])
  line.modemLines = 'unavailable'
  await watch.restart()
  expect(kinds()).toEqual(['opened', 'not-restarted'])
})

it('changes the rate of a line that is open, and keeps it for the next opening', async () => {
  begin()
  await vi.waitFor(() => {
    expect(kinds()).toEqual(['opened'])
  })
  watch.setBaudRate(74_880)
  line.pull()
  line.plug()
  await vi.waitFor(() => {
    expect(kinds()).toEqual(['opened', 'lost', 'opened'])
  })
  expect(line.rates).toEqual([115_200, 74_880, 74_880])
})

it('tells a crash when the board falls silent after it', async () => {
  begin()
  line.say("Guru Meditation Error: Core  0 panic'ed (LoadProhibited).", 'Backtrace: 0x400d1231:0x3ffb1f70')
  line.sayBytes(Buffer.from('>>> '))
  await vi.waitFor(
    () => {
      expect(crashes).toMatchObject([{ kind: 'panic', text: 'LoadProhibited', backtraces: [{ ending: null }] }])
    },
    { timeout: 10_000 },
  )
  expect(texts().at(-1)).toBe('>>> ')
})

it('holds up the loop for a few milliseconds at most, however much comes at once', async () => {
  begin()
  let longestMs = 0
  let lastMs = performance.now()
  const timer = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - lastMs)
    lastMs = performance.now()
  }, 1)
  const text = 'I (1234) app: Free heap: 182,344 bytes, largest block 65,536\r\n'.repeat(1000)
  for (let round = 0; round < 16; round++) line.sayBytes(Buffer.from(text))
  await vi.waitFor(
    () => {
      expect(lines).toHaveLength(16_000)
    },
    { timeout: 20_000 },
  )
  clearInterval(timer)
  // A megabyte is five seconds of a line at 2,000,000 baud. The bound leaves room for a busy machine.
  expect(longestMs).toBeLessThan(500)
})
