import { writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import '../../src/cli/commands/devices.ts'
import '../../src/cli/commands/log.ts'
import '../../src/cli/commands/monitor.ts'
import '../../src/cli/commands/resume.ts'
import '../../src/cli/commands/simulate.ts'
import { exitCodeOf } from '../../src/cli/job-outcome.ts'
import { runCli } from '../../src/cli/run.ts'
import '../../src/cli/worker-session.ts'
import '../../src/shared/rpc/client.ts'
import { settle } from '../fakes/fake-clock.ts'
import { fakeDeviceEntry } from '../fakes/fake-device-entry.ts'
import { fakeSnapshot } from '../fakes/fake-snapshot.ts'
import { acknowledged, failed, liar, proven } from './batch-fixture.ts'
import { createMemoryHost } from './memory-host.ts'

const HEAD = 'cd'.repeat(32)

async function untilIdle(): Promise<void> {
  for (let round = 0; round < 50; round++) await settle()
}

describe('devices', () => {
  it('lists what was found as JSON lines', async () => {
    const device = fakeDeviceEntry('http://10.0.0.1', {
      name: 'board\u001b[2J',
      source: 'mdns',
      protocols: ['esp-parts'],
    })
    const handlers = { 'device.list': () => ({ devices: [device] }) }
    const json = createMemoryHost({ handlers })
    expect(await runCli(['devices', '--json'], json)).toBe(0)
    expect(json.jsonLines()).toEqual([{ schema: 1, type: 'device', ...device }])
    const text = createMemoryHost({ handlers })
    expect(await runCli(['devices'], text)).toBe(0)
    expect(text.out()).toContain('http://10.0.0.1')
    expect(text.out()).not.toContain('\u001b')
  })

  it('says so when there is none, and exits 0', async () => {
    const host = createMemoryHost({ handlers: { 'device.list': () => ({ devices: [] }) } })
    expect(await runCli(['devices', '--wait', '0'], host)).toBe(0)
    expect(host.err()).toContain('No devices found.')
  })
})

describe('resume', () => {
  it('says that there is nothing to resume, and exits 0', async () => {
    const host = createMemoryHost({
      handlers: { 'job.list': () => ({ jobs: [] }), 'job.resume': () => ({ jobIds: [] }) },
    })
    expect(await runCli(['resume', '--json'], host)).toBe(0)
    expect(host.err()).toContain('Nothing to resume.')
    expect(host.jsonLines().at(-1)).toMatchObject({ type: 'summary', exitCode: 0 })
  })

  it('does not take the end before the resumption for the end of the job', async () => {
    const before = { ...failed, revision: 5, state: 'interrupted' } as const
    const host = createMemoryHost({
      handlers: {
        'job.list': () => ({ jobs: [before] }),
        'job.resume': () => ({ jobIds: [before.jobId] }),
        'log.list': () => ({ entries: [], headHash: HEAD }),
      },
    })
    let exitCode: number | null = null
    const exit = runCli(['resume', before.jobId, '--json'], host).then(code => (exitCode = code))
    await untilIdle()
    expect(exitCode).toBeNull()
    host.emit('jobs.changed', { jobs: [{ ...proven, jobId: before.jobId, revision: 6 }] })
    await untilIdle()
    host.advance(2_000)
    expect(await exit).toBe(0)
    expect(host.jsonLines().at(-1)).toMatchObject({ type: 'summary', headHash: HEAD, counts: { proven: 1 } })
  })
})

describe('monitor', () => {
  it('prints samples until Ctrl-C, which is its normal end', async () => {
    const stopped: string[] = []
    const host = createMemoryHost({
      handlers: {
        'monitor.start': () => ({ monitorId: 'm-1' }),
        'monitor.stop': ({ monitorId }) => {
          stopped.push(monitorId)
          return {}
        },
      },
    })
    const exit = runCli(['monitor', 'http://10.0.0.1', '--json'], host)
    await untilIdle()
    const sample = { at: 'now', elapsedMs: 1, source: 'http-json', heapFreeBytes: 1000 }
    host.emit('telemetry.sampled', { jobId: null, monitorId: 'm-1', target: 'http://10.0.0.1', sample })
    await untilIdle()
    host.raise('SIGINT')
    expect(await exit).toBe(0)
    expect(stopped).toEqual(['m-1'])
    expect(host.jsonLines()).toMatchObject([{ type: 'telemetry', heapFreeBytes: 1000 }])
  })

  const handlers = { 'monitor.start': () => ({ monitorId: 'm-1' }), 'monitor.stop': () => ({}) }
  const event = { monitorId: 'm-1', target: 'http://10.0.0.1' }
  const sample = { at: 'now', elapsedMs: 1, source: 'http-json', heapFreeBytes: 1000 }
  const said = (text: string): string[] => text.split('\n').filter(line => /telemetry (?:from|comes)/i.test(line))

  it.each([{ isTerminal: true }, { isTerminal: false }])(
    'says once that it waits and how to stop, and when the device comes and goes ($isTerminal)',
    async ({ isTerminal }) => {
      const host = createMemoryHost({ handlers, isTerminal })
      const exit = runCli(['monitor', 'http://10.0.0.1'], host)
      await untilIdle()
      for (const text of ['nothing listens', 'no answer in time', 'nothing listens']) {
        host.emit('monitor.logged', { ...event, at: 'now', text })
        await untilIdle()
      }
      expect(said(host.err())).toEqual(['No telemetry from http://10.0.0.1; waiting for it. Ctrl-C stops.'])
      for (let round = 0; round < 3; round++) host.emit('telemetry.sampled', { ...event, jobId: null, sample })
      await untilIdle()
      expect(said(host.err())).toHaveLength(2)
      expect(said(host.err()).at(-1)).toBe('Telemetry comes from http://10.0.0.1 now.')
      host.emit('monitor.logged', { ...event, at: 'now', text: 'nothing listens' })
      await untilIdle()
      expect(said(host.err())).toHaveLength(3)
      expect(said(host.err()).at(-1)).toContain('waiting')
      host.raise('SIGINT')
      expect(await exit).toBe(0)
    },
  )

  it('says so also when nothing at all is heard for a while', async () => {
    const host = createMemoryHost({ handlers })
    const exit = runCli(['monitor', 'http://10.0.0.1', '--json'], host)
    await untilIdle()
    expect(said(host.err())).toEqual([])
    host.advance(2_000)
    expect(said(host.err())).toHaveLength(1)
    host.advance(60_000)
    expect(said(host.err())).toHaveLength(1)
    host.raise('SIGTERM')
    expect(await exit).toBe(0)
    expect(host.out()).toBe('')
  })
})

describe('log', () => {
  it('prints an export to stdout when no file is named', async () => {
    const host = createMemoryHost({
      handlers: {
        'log.export': async ({ outputPath, format }) => {
          await writeFile(outputPath, `as ${format}\n`)
          return { outputPath, records: 1, headHash: HEAD }
        },
      },
    })
    expect(await runCli(['log', 'export', '--format', 'jsonl'], host)).toBe(0)
    expect(host.out()).toBe('as jsonl\n')
  })

  it('takes the format of an export from the extension of its file', async () => {
    const formats: string[] = []
    const host = createMemoryHost({
      handlers: {
        'log.export': ({ outputPath, format }) => {
          formats.push(format)
          return { outputPath, records: 0, headHash: null }
        },
      },
    })
    expect(await runCli(['log', 'export', '--out', 'report.html', '--json'], host)).toBe(0)
    expect(formats).toEqual(['html'])
  })

  it('exits 1 when the chain does not hold, naming the record', async () => {
    const chain = {
      valid: false,
      records: 3,
      headHash: HEAD,
      headSequence: 3,
      signature: 'none',
      problems: [{ sequence: 2, jobId: 'j2', text: 'its hash is another one' }],
      notes: [],
    } as const
    const host = createMemoryHost({
      handlers: { 'log.verify': () => ({ ...chain, problems: [...chain.problems], notes: [] }) },
    })
    expect(await runCli(['log', 'verify'], host)).toBe(1)
    expect(host.out()).toContain('record #2, job j2: its hash is another one')
  })

  it('says of an empty list that virtual devices have one of their own', async () => {
    const handlers = { 'log.list': () => ({ entries: [], headHash: null }) }
    const host = createMemoryHost({ handlers })
    expect(await runCli(['log', 'list'], host)).toBe(0)
    expect(host.err()).toContain('--practice')
    const practice = createMemoryHost({ handlers })
    expect(await runCli(['log', 'list', '--practice'], practice)).toBe(0)
    expect(practice.err()).toBe('No such jobs of virtual devices.\n')
  })

  it('lists entries with the head hash', async () => {
    const host = createMemoryHost({
      handlers: {
        'log.list': () => ({ entries: [{ sequence: 1, recordHash: HEAD, snapshot: proven }], headHash: HEAD }),
      },
    })
    expect(await runCli(['log', 'list', '--order', 'A'], host)).toBe(0)
    expect(host.out()).toContain('Proven: checked in flash')
    expect(host.out()).toContain(HEAD)
  })
})

describe('simulate', () => {
  it('prints each target and ends its devices on Ctrl-C', async () => {
    let isStopped = false
    const host = createMemoryHost({
      simulator: {
        devices: [{ name: 'one', target: 'http://127.0.0.1:1', mac: 'm', chip: 'ESP32', faults: ['liar'] }],
        exited: new Promise(() => undefined),
        stop: () => {
          isStopped = true
          return Promise.resolve()
        },
        kill: () => undefined,
      },
    })
    const exit = runCli(['simulate', '--json'], host)
    await untilIdle()
    host.raise('SIGINT')
    expect(await exit).toBe(0)
    expect(isStopped).toBe(true)
    expect(host.jsonLines()).toMatchObject([
      { type: 'simulated-device', target: 'http://127.0.0.1:1' },
      { type: 'ready', devices: 1 },
    ])
  })
})

describe('commands of a later version', () => {
  it.each([['agent', 'install', 'http://a']])('are known and refused: %s', async (...words) => {
    const host = createMemoryHost()
    expect(await runCli(words, host)).toBe(2)
    expect(host.err()).toContain('not in this version')
  })
})

describe('the exit code of ended jobs', () => {
  const going = { isInterrupted: false }
  const refused = fakeSnapshot({ state: 'failed', error: { code: 'device.busy', message: '', details: {} } })
  const neverBegun = fakeSnapshot({ state: 'failed', error: { code: 'job.batch-stopped', message: '', details: {} } })
  const cancelled = fakeSnapshot({ state: 'cancelled' })

  it.each([
    ['all proven', [proven], 0],
    ['below proven, as required', [proven, acknowledged], 0],
    ['one contradicted', [proven, liar], 1],
    ['one failed', [proven, failed], 1],
    ['all refused', [refused, refused], 2],
    ['refused, and the rest never begun', [refused, neverBegun], 2],
    ['only never begun', [neverBegun], 1],
    ['one refused, one proven', [refused, proven], 1],
    ['one refused, one failed on the way', [refused, failed], 1],
    ['cancelled by somebody else', [proven, cancelled], 130],
    ['cancelled and failed', [cancelled, failed], 1],
    ['interrupted', [fakeSnapshot({ state: 'interrupted' })], 1],
    ['finished without a verdict', [fakeSnapshot({ state: 'finished' })], 1],
  ] as const)('%s', (_situation, jobs, exitCode) => {
    expect(exitCodeOf(jobs, going)).toBe(exitCode)
  })

  it('is 130 after Ctrl-C, whatever became of the jobs', () => {
    expect(exitCodeOf([proven], { isInterrupted: true })).toBe(130)
  })

  it('is 0 for a dry run that finished', () => {
    expect(exitCodeOf([fakeSnapshot({ state: 'finished' })], { isInterrupted: false, isDryRun: true })).toBe(0)
  })
})
