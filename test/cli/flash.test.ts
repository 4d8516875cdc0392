import { describe, expect, it } from 'vitest'
// The command loads these when it runs; here they are loaded before, so that no event is told too early.
import '../../src/cli/commands/flash.ts'
import { runCli } from '../../src/cli/run.ts'
import '../../src/cli/worker-session.ts'
import '../../src/shared/rpc/client.ts'
import type { Handlers, JobSnapshot, RequestOf } from '../../src/shared/contract/index.ts'
import { FlashproofError } from '../../src/shared/errors.ts'
import { settle } from '../fakes/fake-clock.ts'
import { fakeSnapshot } from '../fakes/fake-snapshot.ts'
import { acknowledged, fact, liar, proven, transferring, waiting } from './batch-fixture.ts'
import type { HostOptions, MemoryHost } from './memory-host.ts'
import { createMemoryHost } from './memory-host.ts'

const HEAD = 'ab'.repeat(32)
const inspection = {
  fileName: 'app.bin',
  sourceBytes: 4,
  sourceSha256: '00'.repeat(32),
  format: 'raw-binary',
  formatLabel: 'Binary',
  baseAddress: null,
  startAddress: null,
  dataBytes: 4,
  imageBytes: 4,
  imageSha256: '00'.repeat(32),
  segments: [],
  gapBytes: 0,
  esp: null,
  stm32: null,
  findings: [],
}

interface Bench {
  readonly host: MemoryHost
  /** What the command line sent, by command. */
  readonly requests: { readonly name: string; readonly request: unknown }[]
  readonly run: (...argv: readonly string[]) => Promise<number>
  /** Tells these snapshots, and that their batch is sealed when all have ended. */
  readonly tell: (...jobs: readonly JobSnapshot[]) => Promise<void>
  /** Lets the command run until it waits for something from outside. */
  readonly untilIdle: () => Promise<void>
}

function createBench(jobs: readonly JobSnapshot[], options: HostOptions = {}): Bench {
  const requests: { name: string; request: unknown }[] = []
  const noted =
    <Request, Response>(name: string, answer: (request: Request) => Response) =>
    (request: Request): Response => {
      requests.push({ name, request })
      return answer(request)
    }
  const start = jobs.map(job => ({ ...job, revision: 0, state: 'queued', verdict: null, error: null }) as const)
  const handlers: Partial<Handlers<'worker'>> = {
    'firmware.open': noted('firmware.open', () => ({
      firmwareId: 'fw-1',
      fileName: 'app.bin',
      inspection,
      openedAt: '2026-11-21T10:00:00.000+07:00',
    })),
    'job.start': noted('job.start', () => ({
      batchId: 'batch-1',
      jobIds: jobs.map(job => job.jobId),
      warnings: ['the device cannot tell whether it can hash'],
    })),
    'job.list': () => ({ jobs: start }),
    'job.cancel': noted('job.cancel', () => ({})),
    'decision.answer': noted('decision.answer', () => ({})),
    ...options.handlers,
  }
  const host = createMemoryHost({ ...options, handlers })
  const untilIdle = async (): Promise<void> => {
    for (let round = 0; round < 50; round++) await settle()
  }
  return {
    host,
    requests,
    untilIdle,
    run: (...argv) => runCli(argv, host),
    async tell(...told) {
      await untilIdle()
      host.emit('jobs.changed', { jobs: [...told] })
      const hasEnded = told.every(job => ['finished', 'failed', 'cancelled', 'interrupted'].includes(job.state))
      if (hasEnded) host.emit('batch.ended', { batchId: 'batch-1', headHash: HEAD })
      await untilIdle()
    },
  }
}

function requestOf<Name extends 'job.start' | 'job.cancel' | 'decision.answer'>(
  bench: Bench,
  name: Name,
): RequestOf<Name> | undefined {
  // The server checked the request against the schema of this name before the handler saw it.
  return bench.requests.find(entry => entry.name === name)?.request as RequestOf<Name> | undefined
}

describe('flash', () => {
  it('exits 0 when every job reached what was required, and prints JSON lines that end with the summary', async () => {
    const bench = createBench([proven])
    const exit = bench.run('flash', 'app.bin', '--to', proven.target, '--json')
    await bench.tell({ ...transferring, ...pick(proven) })
    await bench.tell({ ...proven, revision: 9 })
    expect(await exit).toBe(0)
    const lines = bench.host.jsonLines()
    for (const line of lines) expect(line['schema']).toBe(1)
    expect(lines.map(line => (line['type'] === 'job' ? line['state'] : line['type']))).toEqual([
      'queued',
      'transferring',
      'finished',
      'summary',
    ])
    expect(lines.at(-1)).toEqual({
      schema: 1,
      type: 'summary',
      counts: { proven: 1, running: 0, received: 0, acknowledged: 0, sent: 0, unproven: 0, none: 0 },
      notProven: [],
      headHash: HEAD,
      exitCode: 0,
    })
    expect(bench.host.err()).toContain('Proven: 1 of 1')
    expect(bench.host.err()).toContain(HEAD)
  })

  it('hands the words of the command line to the worker as an order', async () => {
    const bench = createBench([proven], { env: { KEY: 'swordfish' } })
    const exit = bench.run(
      ...['flash', 'app.bin', '--to', proven.target, '--set', 'chunkBytes=4096', '--secret', 'password=env:KEY'],
      ...['--context', 'order=7', '--parallel', '3', '--require', 'running', '--accept', 'downgrade'],
    )
    await bench.tell(proven)
    expect(await exit).toBe(0)
    expect(requestOf(bench, 'job.start')).toEqual({
      firmwareId: 'fw-1',
      targets: [proven.target],
      options: { chunkBytes: '4096' },
      secrets: { password: 'swordfish' },
      context: { order: '7' },
      parallel: 3,
      require: 'running',
      accept: ['downgrade'],
      acceptedBy: 'tester',
      interactive: false,
    })
    expect(bench.host.out() + bench.host.err()).not.toContain('swordfish')
    expect(bench.host.homes).toEqual(['/tmp/flashproof-test-home'])
  })

  it('exits 1 for a contradicted device, naming it, the reason and the next step', async () => {
    const bench = createBench([proven, liar])
    const exit = bench.run('flash', 'app.bin', '--to', proven.target, '--to', liar.target, '--json')
    await bench.tell(proven, liar)
    expect(await exit).toBe(1)
    expect(bench.host.jsonLines().at(-1)).toMatchObject({
      type: 'summary',
      counts: { proven: 1, unproven: 1 },
      notProven: [{ target: liar.target, reason: 'contradicted', state: 'finished' }],
      exitCode: 1,
    })
    expect(bench.host.err()).toContain('Proven: 1 of 2')
    expect(bench.host.err()).toContain('the board contradicts itself or our image')
    expect(bench.host.err()).toContain('Do not use this board')
  })

  it('exits 0 and says so on stderr when a device reached what was required below the check of its flash', async () => {
    const bench = createBench([acknowledged])
    const exit = bench.run('flash', 'app.bin', '--to', acknowledged.target)
    await bench.tell(acknowledged)
    expect(await exit).toBe(0)
    expect(bench.host.err()).toContain('below “Checked in flash”: device says OK')
    expect(bench.host.err()).toContain('the device agent would raise the evidence')
  })

  it('exits 2 when every job was refused as bad input before its first byte', async () => {
    const refused = fakeSnapshot({
      state: 'failed',
      error: { code: 'require.unreachable-level', message: 'cannot reach running', details: {} },
    })
    const bench = createBench([refused])
    const exit = bench.run('flash', 'app.bin', '--to', refused.target)
    await bench.tell({ ...refused, revision: 2 })
    expect(await exit).toBe(2)
  })

  it('exits 1 when a job was refused and another one failed on the way', async () => {
    const refused = fakeSnapshot({
      state: 'failed',
      error: { code: 'device.busy', message: 'busy', details: {} },
      revision: 2,
    })
    const failed = fakeSnapshot({
      jobId: 'job-2',
      state: 'failed',
      doneBytes: 100,
      evidence: [fact('sent', 'host-sent')],
      error: { code: 'network.reset', message: 'reset', details: {} },
      revision: 2,
    })
    const bench = createBench([refused, failed])
    const exit = bench.run('flash', 'app.bin', '--to', 'a', '--to', 'b')
    await bench.tell(refused, failed)
    expect(await exit).toBe(1)
  })

  it('reports an order that the worker refuses as one line and as one JSON object', async () => {
    const bench = createBench([proven], {
      handlers: {
        'job.start': () => {
          throw new FlashproofError('protocol.unknown', 'there is no protocol “x25”', { protocol: 'x25' })
        },
      },
    })
    expect(await bench.run('flash', 'app.bin', '--to', 'a', '--protocol', 'x25', '--json')).toBe(2)
    expect(bench.host.err().trim().split('\n')).toHaveLength(1)
    expect(bench.host.err()).toMatch(/^flashproof: .*x25.*\n$/)
    expect(bench.host.jsonLines()).toMatchObject([
      { schema: 1, type: 'error', code: 'protocol.unknown', details: { protocol: 'x25' } },
    ])
  })

  it('writes its plain progress to stderr when stdout is no terminal', async () => {
    const bench = createBench([proven])
    const exit = bench.run('flash', 'app.bin', '--to', proven.target)
    await bench.tell({ ...transferring, ...pick(proven), doneBytes: 300_000, revision: 2 })
    await bench.tell({ ...transferring, ...pick(proven), doneBytes: 310_000, revision: 3 })
    await bench.tell({ ...transferring, ...pick(proven), doneBytes: 700_000, revision: 4 })
    await bench.tell({ ...proven, revision: 9 })
    expect(await exit).toBe(0)
    expect(bench.host.out()).toBe('')
    const sending = bench.host
      .err()
      .split('\n')
      .filter(line => line.includes('Sending'))
    expect(sending.map(line => /\d+%/.exec(line)?.[0])).toEqual(['20%', '60%'])
    expect(bench.host.err()).toContain('board now: new firmware, safe to unplug. Proven: checked in flash')
    expect(bench.host.err()).not.toContain('\u001b')
  })

  it('draws the live table on a terminal', async () => {
    const bench = createBench([proven, liar], { isTerminal: true, columns: 100 })
    const exit = bench.run('flash', 'app.bin', '--to', proven.target, '--to', liar.target)
    await bench.tell({ ...transferring, ...pick(proven), revision: 2 })
    bench.host.advance(100)
    await bench.tell({ ...proven, revision: 9 }, { ...liar, revision: 9 })
    expect(await exit).toBe(1)
    expect(bench.host.out()).toContain('\u001b[32m')
    expect(bench.host.out()).toContain('Proven: 1 of 2')
    expect(bench.host.out()).not.toMatch(/\u001b\[32m[^\u001b]*Not proven/)
  })

  it('prints log lines only with --verbose', async () => {
    const logged = {
      jobId: proven.jobId,
      line: { at: 'now', elapsedMs: 1, level: 'info', code: 'chunk.retry', text: 'again' },
    } as const
    for (const verbose of [true, false]) {
      const bench = createBench([proven])
      const exit = bench.run('flash', 'app.bin', '--to', proven.target, '--json', ...(verbose ? ['--verbose'] : []))
      await bench.untilIdle()
      bench.host.emit('job.logged', logged)
      await bench.tell(proven)
      await exit
      expect(bench.host.jsonLines().filter(line => line['type'] === 'log')).toHaveLength(verbose ? 1 : 0)
    }
  })
})

describe('Ctrl-C', () => {
  it('cancels every running job, waits for all of them, and exits 130', async () => {
    const bench = createBench([proven, liar])
    let exitCode: number | null = null
    const exit = bench.run('flash', 'app.bin', '--to', 'a', '--to', 'b', '--json').then(code => (exitCode = code))
    await bench.tell({ ...transferring, ...pick(proven), revision: 2 }, { ...transferring, ...pick(liar), revision: 2 })
    bench.host.raise('SIGINT')
    await bench.untilIdle()
    expect(requestOf(bench, 'job.cancel')).toEqual({ jobIds: [proven.jobId, liar.jobId] })
    expect(exitCode).toBeNull()
    await bench.tell({ ...fakeSnapshot({ ...pick(proven), state: 'cancelled', revision: 3 }) })
    expect(exitCode).toBeNull()
    await bench.tell({ ...fakeSnapshot({ ...pick(liar), state: 'cancelled', revision: 3 }) })
    expect(await exit).toBe(130)
    expect(bench.host.jsonLines().at(-1)).toMatchObject({ type: 'summary', exitCode: 130 })
    expect(bench.host.err()).toContain(`flashproof resume ${proven.jobId}`)
    expect(bench.host.err()).toContain(`flashproof resume ${proven.jobId} ${liar.jobId}`)
  })

  it('means the same as SIGTERM', async () => {
    const bench = createBench([proven])
    const exit = bench.run('flash', 'app.bin', '--to', 'a')
    await bench.untilIdle()
    bench.host.raise('SIGTERM')
    await bench.tell({ ...proven, state: 'cancelled', verdict: null })
    expect(await exit).toBe(130)
  })

  it('ends at once the second time', async () => {
    const bench = createBench([proven])
    const exit = bench.run('flash', 'app.bin', '--to', 'a')
    await bench.tell({ ...transferring, ...pick(proven), revision: 2 })
    bench.host.raise('SIGINT')
    bench.host.raise('SIGINT')
    expect(await exit).toBe(130)
    expect(bench.host.isWorkerKilled()).toBe(true)
  })

  it('starts nothing when it comes while the firmware is being read', async () => {
    const bench = createBench([proven], {
      handlers: { 'firmware.open': () => new Promise(() => undefined) },
    })
    const exit = bench.run('flash', 'app.bin', '--to', 'a')
    await bench.untilIdle()
    bench.host.raise('SIGINT')
    expect(await exit).toBe(130)
    expect(requestOf(bench, 'job.start')).toBeUndefined()
  })
})

describe('a worker that dies', () => {
  it('is reported with how to go on, and exits 1', async () => {
    const bench = createBench([proven])
    const exit = bench.run('flash', 'app.bin', '--to', 'a', '--json')
    await bench.tell({ ...transferring, ...pick(proven), revision: 2 })
    bench.host.crashWorker()
    expect(await exit).toBe(1)
    expect(bench.host.err()).toContain('flashproof resume')
    expect(bench.host.jsonLines().slice(-2)).toMatchObject([
      { type: 'error', code: 'worker.exited' },
      { type: 'summary', exitCode: 1, notProven: [{ target: proven.target }] },
    ])
  })
})

describe('a decision', () => {
  it('is put to the person at the terminal, with its code and details, and the answer is sent', async () => {
    const bench = createBench([waiting], { isTerminal: true, input: ['maybe', 'y'] })
    const exit = bench.run('flash', 'app.bin', '--to', waiting.target)
    await bench.tell(waiting)
    expect(bench.host.err()).toContain('downgrade')
    expect(bench.host.err()).toContain('deviceVersion: 2.2.0')
    expect(bench.host.err()).toContain('Please answer y or n.')
    expect(requestOf(bench, 'decision.answer')).toEqual({
      jobId: waiting.jobId,
      code: 'downgrade',
      answer: 'accept',
      answeredBy: 'tester',
    })
    await bench.tell({ ...proven, ...pick(waiting), revision: 9 })
    expect(await exit).toBe(0)
  })

  it('is refused by an empty answer', async () => {
    const bench = createBench([waiting], { isTerminal: true, input: [''] })
    const exit = bench.run('flash', 'app.bin', '--to', waiting.target)
    await bench.tell(waiting)
    expect(requestOf(bench, 'decision.answer')?.answer).toBe('refuse')
    await bench.tell({ ...proven, ...pick(waiting), revision: 9 })
    await exit
  })

  it('is asked once for all devices of a batch when the answer is “a”', async () => {
    const second = { ...waiting, jobId: 'job-66', target: 'http://127.0.0.1:40066' }
    const bench = createBench([waiting, second], { isTerminal: true, input: ['a'] })
    const exit = bench.run('flash', 'app.bin', '--to', 'a', '--to', 'b')
    await bench.tell(waiting, second)
    const answers = bench.requests.filter(entry => entry.name === 'decision.answer')
    expect(answers).toHaveLength(2)
    for (const { request } of answers) expect(request).toMatchObject({ answer: 'accept' })
    await bench.tell({ ...proven, ...pick(waiting), revision: 9 }, { ...proven, ...pick(second), revision: 9 })
    expect(await exit).toBe(0)
  })

  it('is refused where nobody can be asked, saying which --accept would allow it', async () => {
    const bench = createBench([waiting])
    const exit = bench.run('flash', 'app.bin', '--to', waiting.target)
    await bench.tell(waiting)
    expect(requestOf(bench, 'decision.answer')?.answer).toBe('refuse')
    expect(bench.host.err()).toContain('--accept downgrade')
    await bench.tell({
      ...waiting,
      state: 'failed',
      decision: null,
      error: { code: 'job.decision-needed', message: 'older', details: { accept: 'downgrade' } },
      revision: 9,
    })
    expect(await exit).toBe(1)
  })

  it('is not asked twice by the event and by the snapshot', async () => {
    const bench = createBench([waiting])
    const exit = bench.run('flash', 'app.bin', '--to', waiting.target)
    await bench.tell(waiting)
    if (waiting.decision !== null)
      bench.host.emit('decision.asked', { jobId: waiting.jobId, decision: waiting.decision })
    await bench.untilIdle()
    expect(bench.requests.filter(entry => entry.name === 'decision.answer')).toHaveLength(1)
    await bench.tell({ ...proven, ...pick(waiting), revision: 9 })
    await exit
  })
})

describe('the summary of failures', () => {
  const error = { code: 'network.refused', message: 'nothing listens at 127.0.0.1:40001', details: {} }
  const failed = { ...transferring, state: 'failed', error, revision: 9 } as const
  const count = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length

  it('of one job leaves why and what next to the line that names the error', async () => {
    const bench = createBench([failed], { isTerminal: true })
    const exit = bench.run('flash', 'app.bin', '--to', failed.target)
    await bench.tell(failed)
    expect(await exit).toBe(1)
    const { out, err } = { out: bench.host.out(), err: bench.host.err() }
    const summary = out.slice(out.lastIndexOf('Proven: 0 of 1'))
    expect(summary).toContain(failed.target)
    expect(summary).toContain('Board now: ')
    expect(summary).not.toContain('Why:')
    expect(summary).not.toContain('Next:')
    expect(err).toMatch(/^flashproof: [^:]+: nothing listens at 127\.0\.0\.1:40001.*\n$/m)
  })

  it('of several jobs says it for each', async () => {
    const second = { ...failed, jobId: 'job-66', target: 'http://127.0.0.1:40066' }
    const bench = createBench([failed, second])
    const exit = bench.run('flash', 'app.bin', '--to', 'a', '--to', 'b')
    await bench.tell(failed, second)
    expect(await exit).toBe(1)
    expect(count(bench.host.err(), /^ {4}Why: /gm)).toBe(2)
    expect(count(bench.host.err(), /^ {4}Next: /gm)).toBe(2)
    expect(count(bench.host.err(), /^flashproof: /gm)).toBe(2)
  })

  it('of one job without an error keeps why and what next', async () => {
    const bench = createBench([liar])
    const exit = bench.run('flash', 'app.bin', '--to', liar.target)
    await bench.tell({ ...liar, revision: 9 })
    expect(await exit).toBe(1)
    expect(bench.host.err()).toMatch(/^ {4}Why: .+\n {4}Next: /m)
  })
})

/** What makes a snapshot one of this job. */
function pick(job: JobSnapshot): Pick<JobSnapshot, 'jobId' | 'target' | 'device'> {
  return { jobId: job.jobId, target: job.target, device: job.device }
}
