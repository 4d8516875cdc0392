import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
import { FlashproofError } from '../../src/shared/errors.ts'
import { createMemoryHost } from './memory-host.ts'

const HEAD = 'cd'.repeat(32)

async function untilIdle(): Promise<void> {
  for (let round = 0; round < 50; round++) await settle()
}

describe('devices', () => {
  it('shows where else a board can be spoken to, what to know of it, and why an interface heard nothing', async () => {
    const board = fakeDeviceEntry('tcp://10.0.0.1:3232', {
      name: 'kitchen',
      label: 'oven',
      source: 'mdns',
      place: 'wlan0',
      present: false,
      protocols: ['an-ota'],
      otherTargets: [{ target: 'http://10.0.0.1', protocols: [] }],
      notes: [{ en: 'It wants a password.', vi: 'Cần mật khẩu.' }],
    })
    const channels = [
      {
        id: 'mdns:wlan0',
        source: 'mdns' as const,
        name: 'Wi-Fi (wlan0)',
        state: 'failed' as const,
        queriesSent: 3,
        answersHeard: 0,
        lastHeardAt: null,
        diagnosis: { en: 'A VPN owns the route.', vi: 'VPN giữ tuyến.' },
      },
    ]
    const host = createMemoryHost({ handlers: { 'device.list': () => ({ devices: [board], channels }) } })
    expect(await runCli(['devices'], host)).toBe(0)
    expect(host.out().split('\n')).toEqual([
      'Name  Target               MAC  Chip  Protocols  From',
      'oven  tcp://10.0.0.1:3232  -    -     an-ota     mdns, wlan0, away',
      '    also at http://10.0.0.1',
      '    It wants a password.',
      '',
    ])
    expect(host.err()).toBe('Wi-Fi (wlan0): A VPN owns the route.\n')
  })

  it('searches a range as it was asked to, and lists what is known afterwards without listening', async () => {
    const asked: unknown[] = []
    const host = createMemoryHost({
      handlers: {
        'discovery.scan': request => {
          asked.push(request)
          const counts = { asked: 254, total: 254, answering: 3, devices: [], found: 1, error: null }
          host.emit('discovery.scanned', { scanId: 's', state: 'running', ...counts })
          setImmediate(() => {
            host.emit('discovery.scanned', { scanId: 's', state: 'ended', ...counts })
          })
          return { scanId: 's', hosts: 254 }
        },
        'device.list': request => {
          asked.push(request)
          return { devices: [] }
        },
      },
    })
    const words = ['devices', '--scan', '192.168.4.0/24', '--rate', '20', '--port', '8080', '--port', '81', '--json']
    expect(await runCli(words, host)).toBe(0)
    expect(asked).toEqual([{ cidr: '192.168.4.0/24', ratePerSecond: 20, httpPorts: [8080, 81] }, { waitMs: 0 }])
    expect(host.jsonLines()).toEqual([
      { schema: 1, type: 'scan', scanId: 's', state: 'ended', asked: 254, total: 254, answering: 3, found: 1 },
    ])
    expect(host.err()).toContain('254 of 254 addresses tried, 3 answer, 1 recognised.')
  })

  it('stops a search on Ctrl-C', async () => {
    const cancelled: string[] = []
    const host = createMemoryHost({
      handlers: {
        'discovery.scan': () => {
          setImmediate(() => {
            host.raise('SIGINT')
          })
          return { scanId: 's', hosts: 254 }
        },
        'discovery.cancel-scan': ({ scanId }) => {
          cancelled.push(scanId)
          const counts = { asked: 9, total: 254, answering: 0, devices: [], found: 0, error: null }
          host.emit('discovery.scanned', { scanId, state: 'cancelled', ...counts })
          return {}
        },
      },
    })
    expect(await runCli(['devices', '--scan', '192.168.4.0/24'], host)).toBe(130)
    expect(cancelled).toEqual(['s'])
    expect(host.err()).toContain('The search was stopped.')
  })

  it('takes the options of a search only with a search', async () => {
    const host = createMemoryHost()
    expect(await runCli(['devices', '--rate', '5'], host)).toBe(2)
    expect(host.err()).toContain('--rate belongs to --scan CIDR')
  })

  it('writes and reads the list as a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'flashproof-device-file-'))
    try {
      const path = join(folder, 'devices.csv')
      const imported: string[] = []
      const handlers = {
        'device.export': () => ({ csv: 'target\r\nhttp://10.0.0.1\r\n', devices: 1 }),
        'device.import': ({ csv }: { csv: string }) => {
          imported.push(csv)
          return { devices: 1 }
        },
        'device.list': () => ({ devices: [] }),
      }
      const out = createMemoryHost({ handlers })
      expect(await runCli(['devices', '--export', path, '--json'], out)).toBe(0)
      expect(out.jsonLines()).toEqual([{ schema: 1, type: 'device-export', path, devices: 1 }])
      const back = createMemoryHost({ handlers })
      expect(await runCli(['devices', '--import', path], back)).toBe(0)
      expect(imported).toEqual([readFileSync(path, 'utf8')])
      const missing = createMemoryHost({ handlers })
      expect(await runCli(['devices', '--import', join(folder, 'no.csv')], missing)).toBe(2)
      expect(await runCli(['devices', '--export', join(folder, 'no', 'x.csv')], missing)).toBe(2)
      expect(readdirSync(folder)).toEqual(['devices.csv'])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

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

  it('asks every serial port that is there which chip it is, and shows the answers', async () => {
    const serial = { source: 'serial', present: true } as const
    const devices = [
      fakeDeviceEntry('serial:/dev/nil0', { ...serial, key: 'socket:1-1' }),
      fakeDeviceEntry('serial:/dev/nil1', { ...serial, key: 'socket:1-2' }),
      fakeDeviceEntry('serial:/dev/nil2', { ...serial, key: 'socket:1-3' }),
      fakeDeviceEntry('serial:/dev/nil3', { ...serial, key: 'socket:1-4', present: false }),
      fakeDeviceEntry('http://10.0.0.1'),
    ]
    const probe = { reachable: true, protocols: [], identity: null, reach: null, telemetry: null }
    const asked: string[] = []
    const host = createMemoryHost({
      handlers: {
        'device.list': () => ({ devices }),
        'device.identify': ({ target }) => {
          asked.push(target)
          const identity = { mac: '24:6f:28:00:00:01', chip: 'ESP32' }
          const report = { ...probe, target, notes: ['silent'] }
          if (target.endsWith('0')) {
            return { device: fakeDeviceEntry(target, { identity, protocols: ['a-loader'] }), probe: report }
          }
          if (target.endsWith('1')) return { device: null, probe: report }
          throw new FlashproofError('device.busy', 'a job speaks with it')
        },
      },
    })
    expect(await runCli(['devices', '--identify'], host)).toBe(0)
    expect(asked).toEqual(['serial:/dev/nil0', 'serial:/dev/nil1', 'serial:/dev/nil2'])
    expect(host.out()).toMatch(/serial:\/dev\/nil0 +24:6f:28:00:00:01 +ESP32 +a-loader/)
    expect(host.err()).toContain('serial:/dev/nil1: the board did not say who it is (silent)')
    expect(host.err()).toContain('serial:/dev/nil2: the board did not say who it is (a job speaks with it)')
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

  it('says that a job still runs elsewhere instead of finding nothing', async () => {
    const running = { ...failed, revision: 5, state: 'transferring' } as const
    const host = createMemoryHost({
      handlers: { 'job.list': () => ({ jobs: [running] }), 'job.resume': () => ({ jobIds: [] }) },
    })
    expect(await runCli(['resume', '--json'], host)).toBe(2)
    expect(host.err()).toContain('A job still runs in another Flashproof')
    expect(host.jsonLines().at(-1)).toMatchObject({ type: 'summary', exitCode: 2 })
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
        devices: [
          { name: 'one', target: 'http://127.0.0.1:1', protocol: 'tasmota', mac: 'm', chip: 'ESP32', faults: ['liar'] },
        ],
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
      { type: 'simulated-device', target: 'http://127.0.0.1:1', protocol: 'tasmota' },
      { type: 'ready', devices: 1 },
    ])
  })

  it('says to people what each board speaks and what is wrong with it on purpose', async () => {
    const host = createMemoryHost({
      simulator: {
        devices: [
          { name: 'one', target: 'http://127.0.0.1:1', protocol: 'tasmota', mac: 'm', chip: 'ESP32', faults: ['liar'] },
        ],
        exited: new Promise(() => undefined),
        stop: () => Promise.resolve(),
        kill: () => undefined,
      },
    })
    const exit = runCli(['simulate'], host)
    await untilIdle()
    host.raise('SIGINT')
    expect(await exit).toBe(0)
    expect(host.out()).toMatch(/^one +http:\/\/127\.0\.0\.1:1 +m +ESP32 +tasmota +faults: liar$/m)
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
