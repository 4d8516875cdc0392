// @vitest-environment happy-dom
/** The mirrors behind the drawer: logs and memory of what somebody looks at, shown once a frame. */
import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it } from 'vitest'
import { setStation } from '../../../src/renderer/bridge/bridge.ts'
import { createFrameBatch } from '../../../src/renderer/stores/frame-batch.ts'
import { useLogs } from '../../../src/renderer/stores/logs.ts'
import { RecentlyUsed } from '../../../src/renderer/stores/recently-used.ts'
import { useSaving } from '../../../src/renderer/stores/saving.ts'
import { useTelemetry } from '../../../src/renderer/stores/telemetry.ts'
import { fakeJob, fakeSample } from '../fake-models.ts'
import { createFakeStation, type FakeStation } from '../fake-station.ts'

const TARGET = 'http://192.168.4.21'
const logged = (elapsedMs: number, code = 'chunk.sent', text = `line ${String(elapsedMs)}`) => ({
  at: new Date(Date.UTC(2026, 10, 21, 3, 0, 0, elapsedMs)).toISOString(),
  elapsedMs,
  level: 'info' as const,
  code,
  text,
})
const sampleAt = (second: number) => fakeSample({ at: new Date(Date.UTC(2026, 10, 21, 3, 0, second)).toISOString() })
const nextFrame = (): Promise<void> =>
  new Promise(resolve => {
    requestAnimationFrame(() => {
      requestAnimationFrame(() => {
        resolve()
      })
    })
  })

function begin(...given: Parameters<typeof createFakeStation>): FakeStation {
  const fake = createFakeStation(...given)
  setStation(fake.station)
  return fake
}

beforeEach(() => {
  setActivePinia(createPinia())
})

describe('showing at most once a frame', () => {
  it('flushes once for any number of requests, and again after the frame', () => {
    const frames: (() => void)[] = []
    let flushes = 0
    const batch = createFrameBatch(
      () => flushes++,
      run => {
        frames.push(run)
        return () => undefined
      },
    )
    batch.request()
    batch.request()
    batch.request()
    expect([flushes, frames.length]).toEqual([0, 1])
    frames.shift()?.()
    expect(flushes).toBe(1)
    batch.request()
    expect(frames).toHaveLength(1)
  })
})

describe('the log of a job', () => {
  it('is fetched when it is first shown and follows from then on', async () => {
    const fake = begin({}, { 'job.trace': () => ({ lines: [logged(1), logged(2)], samples: [], next: null }) })
    const logs = useLogs()
    logs.start()
    await logs.open('job-1')
    fake.emit('job.logged', { jobId: 'job-1', line: logged(3) })
    fake.emit('job.logged', { jobId: 'job-2', line: logged(4) })
    await nextFrame()
    expect(logs.ofJob('job-1').map(line => line.text)).toEqual(['line 1', 'line 2', 'line 3'])
    expect(logs.ofJob('job-2')).toEqual([])
    await logs.open('job-1')
    expect(fake.calls.filter(call => call.name === 'job.trace')).toHaveLength(1)
  })

  it('keeps what arrives while it is fetched, once', async () => {
    let answer: (value: { lines: ReturnType<typeof logged>[]; samples: []; next: null }) => void = () => undefined
    const fake = begin({}, { 'job.trace': () => new Promise(resolve => (answer = resolve)) })
    const logs = useLogs()
    logs.start()
    const opening = logs.open('job-1')
    await nextFrame()
    fake.emit('job.logged', { jobId: 'job-1', line: logged(2) })
    fake.emit('job.logged', { jobId: 'job-1', line: logged(3) })
    await nextFrame()
    answer({ lines: [logged(1), logged(2)], samples: [], next: null })
    await opening
    await nextFrame()
    expect(logs.ofJob('job-1').map(line => line.text)).toEqual(['line 1', 'line 2', 'line 3'])
  })

  it('says why older lines are missing', async () => {
    begin(
      {},
      {
        'job.trace': () => {
          throw new Error('gone')
        },
      },
    )
    const logs = useLogs()
    await logs.open('job-1')
    expect(logs.faultOf('job-1')?.code).toBe('internal.unexpected')
  })

  it('keeps what a watched device says apart', async () => {
    const fake = begin()
    const logs = useLogs()
    logs.start()
    fake.emit('monitor.logged', { monitorId: 'm-1', target: TARGET, at: '2026-11-21T10:14:02Z', text: 'rst:0x1' })
    await nextFrame()
    expect(logs.ofDevice(TARGET).map(line => line.text)).toEqual(['rst:0x1'])
    const at = '2026-11-21T10:14:03Z'
    fake.emit('monitor.heard', {
      monitorId: 'm-1',
      target: TARGET,
      entries: [
        { type: 'event', event: { kind: 'opened', at } },
        { type: 'line', line: { at, from: 'board', text: 'E (1) app: no', level: 'error' } },
        { type: 'line', line: { at, from: 'sent', text: 'status', level: null } },
      ],
    })
    await nextFrame()
    expect(logs.ofDevice(TARGET).map(({ text, level, code }) => [text, level, code])).toEqual([
      ['rst:0x1', 'info', 'device'],
      ['E (1) app: no', 'error', 'device'],
      ['status', 'info', 'sent'],
    ])
  })
})

describe('the memory of a device', () => {
  it('joins what the engine held, what the job told and what comes', async () => {
    const fake = begin(
      {},
      {
        'telemetry.history': () => ({ samples: [sampleAt(1), sampleAt(2)], next: null }),
        'job.trace': () => ({
          lines: [logged(0, 'job.state', 'connecting')],
          samples: [sampleAt(0), sampleAt(1)],
          next: null,
        }),
      },
    )
    const telemetry = useTelemetry()
    telemetry.start()
    await telemetry.open(TARGET, 'job-1')
    fake.emit('telemetry.sampled', { jobId: 'job-1', monitorId: null, target: TARGET, sample: sampleAt(3) })
    fake.emit('telemetry.sampled', { jobId: null, monitorId: 'm', target: 'http://other', sample: sampleAt(3) })
    fake.emit('job.logged', { jobId: 'job-1', line: logged(3000, 'job.state', 'verifying') })
    await nextFrame()
    const picture = telemetry.of(TARGET)
    expect(picture?.ring.length).toBe(4)
    expect(picture?.course.marks.map(mark => mark.kind)).toEqual(['connect', 'verify'])
    expect(telemetry.of('http://other')).toBeNull()
  })

  it('draws what a job wrote while it was seen', async () => {
    const fake = begin()
    const telemetry = useTelemetry()
    telemetry.start()
    await telemetry.open(TARGET, 'job-1')
    const job = fakeJob({ jobId: 'job-1', target: TARGET, state: 'transferring', doneBytes: 4096 })
    fake.emit('jobs.changed', { jobs: [job] })
    fake.emit('jobs.changed', { jobs: [{ ...job, state: 'verifying', doneBytes: 8192, revision: 9 }] })
    await nextFrame()
    expect(telemetry.of(TARGET)?.written.map(point => point.doneBytes)).toEqual([4096, 8192])
  })

  it('is watched while somebody looks, and longer when that is wanted', async () => {
    const fake = begin({}, { 'monitor.start': () => ({ monitorId: 'm-1' }), 'monitor.stop': () => ({}) })
    const telemetry = useTelemetry()
    await telemetry.startMonitor(TARGET)
    await telemetry.startMonitor(TARGET)
    telemetry.setKept(TARGET, true)
    await telemetry.leave(TARGET)
    expect(telemetry.monitors.has(TARGET)).toBe(true)
    telemetry.setKept(TARGET, false)
    await telemetry.leave(TARGET)
    expect(telemetry.monitors.has(TARGET)).toBe(false)
    expect(fake.calls.map(call => call.name)).toEqual(['monitor.start', 'monitor.stop'])
  })
})

describe('what is kept of many', () => {
  it('lets go of what was used longest ago', () => {
    const dropped: string[] = []
    const kept = new RecentlyUsed<number>(2, key => dropped.push(key))
    kept.use('a', () => 1)
    kept.use('b', () => 2)
    kept.use('a', () => 9)
    kept.use('c', () => 3)
    expect(dropped).toEqual(['b'])
    expect(kept.get('a')).toBe(1)
  })
})

describe('saving a file', () => {
  it('follows a download by its name and a page to print in a tab of its own', async () => {
    const outcomes = [
      { outcome: 'download', fileName: 'record.csv', url: '/download/1' },
      { outcome: 'print', url: '/download/2' },
      { outcome: 'cancelled' },
    ] as const
    let asked = 0
    begin({}, { 'file.save': () => outcomes[asked++] ?? { outcome: 'cancelled' } })
    const saving = useSaving()
    const followed: unknown[] = []
    for (const _ of outcomes) await saving.save({ kind: 'support-bundle' }, link => followed.push(link))
    expect(followed).toEqual([
      { url: '/download/1', downloadName: 'record.csv' },
      { url: '/download/2', downloadName: null },
    ])
  })
})
