import { EventEmitter } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createFileDelivery } from '../../src/main/file-delivery.ts'
import { watchJobs } from '../../src/main/job-watch.ts'
import { describeSelfTest, runSelfTest } from '../../src/main/self-test.ts'
import { textsIn } from '../../src/main/texts.ts'
import { startUtilitySimulator } from '../../src/main/utility-simulator.ts'
import { spawnUtilityWorker } from '../../src/main/utility-worker.ts'
import type { EngineState, EventOf } from '../../src/shared/contract/index.ts'
import { FlashproofError } from '../../src/shared/errors.ts'
import { createUtilityProcessLink } from '../../src/shared/rpc/utility-process-link.ts'
import { FakeClient } from '../fakes/fake-job-watch.ts'
import { fakeSnapshot } from '../fakes/fake-snapshot.ts'

const folder = mkdtempSync(join(tmpdir(), 'flashproof-processes-'))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

class FakeChild extends EventEmitter {
  readonly pid = 4711
  readonly stdout = new EventEmitter()
  readonly stderr = new EventEmitter()
  readonly posted: unknown[] = []
  kills = 0
  postMessage = (message: unknown): void => {
    this.posted.push(message)
  }
  kill = (): boolean => {
    this.kills++
    return true
  }
}

const settled = () => new Promise(resolve => setImmediate(resolve))

describe('the link to a utility process', () => {
  it('carries messages as they are and ends with the process', async () => {
    const child = new FakeChild()
    const link = createUtilityProcessLink(child)
    const received: unknown[] = []
    const stop = link.onMessage(message => received.push(message))
    const closed = new Promise<void>(resolve => link.onClose(resolve))
    link.post({ a: 1 })
    child.emit('message', { b: 2 })
    stop()
    child.emit('message', { c: 3 })
    child.emit('exit', 0)
    link.post('too late')
    await closed
    expect([child.posted, received]).toEqual([[{ a: 1 }], [{ b: 2 }]])
  })

  it('ends the process when it is closed from this side', () => {
    const child = new FakeChild()
    createUtilityProcessLink(child).close()
    expect(child.kills).toBe(1)
  })
})

describe('the background process as a utility process', () => {
  const start = (child: FakeChild, killed: number[] = []) =>
    spawnUtilityWorker({
      fork: (_path, _words, options) => {
        expect(options).toEqual({ env: { A: '1' }, serviceName: 'Flashproof engine', stdio: 'pipe' })
        return child
      },
      entryPath: '/worker.js',
      env: { A: '1', B: undefined },
      killProcess: pid => killed.push(pid),
    })

  it('gives its exit with the last of what it printed, and is ended for certain', async () => {
    const child = new FakeChild()
    const killed: number[] = []
    const starting = start(child, killed)
    child.emit('spawn')
    const worker = await starting
    worker.kill()
    child.stderr.emit('data', Buffer.from('something broke\n'))
    child.emit('exit', 7)
    expect(await worker.exited).toEqual({ code: 7, signal: null, output: 'something broke' })
    expect([worker.pid, killed]).toEqual([4711, [4711]])
  })

  it('that cannot be started is an error', async () => {
    const child = new FakeChild()
    const starting = start(child)
    child.emit('exit', 1)
    await expect(starting).rejects.toMatchObject({ code: 'worker.exited' })
  })
})

describe('virtual boards as a utility process', () => {
  const start = (child: FakeChild) =>
    startUtilitySimulator(
      { devices: 'demo', flashFolder: '/flash' },
      {
        fork: (_path, words) => {
          expect(words).toEqual(['--devices', 'demo', '--flash-dir', '/flash'])
          return child
        },
        entryPath: '/simulator.js',
        env: {},
        timing: { delay: () => new Promise(() => undefined) },
        killProcess: () => child.emit('exit', 9),
      },
    )

  it('say on their output which ones are ready, in however many pieces, and end when asked', async () => {
    const child = new FakeChild()
    const starting = start(child)
    const line = JSON.stringify({
      type: 'ready',
      devices: [{ name: 'a', target: 'http://127.0.0.1:1', mac: 'm', chip: 'c' }],
    })
    child.stdout.emit('data', Buffer.from(`noise\n${line.slice(0, 20)}`))
    child.stdout.emit('data', Buffer.from(`${line.slice(20)}\n`))
    const simulator = await starting
    expect(simulator.devices.map(({ name }) => name)).toEqual(['a'])
    const stopped = simulator.stop()
    child.emit('exit', 0)
    await stopped
    expect(child.kills).toBe(1)
  })

  it('that do not start say why', async () => {
    const child = new FakeChild()
    const starting = start(child)
    child.stderr.emit('data', 'usage.invalid-value: no such board')
    child.emit('exit', 2)
    await expect(starting).rejects.toMatchObject({
      code: 'usage.invalid-value',
      details: { output: 'usage.invalid-value: no such board' },
    })
  })
})

describe('the watch of jobs', () => {
  function watch() {
    const client = new FakeClient()
    let changed: (event: EventOf<'jobs.changed'>) => void = () => undefined
    let entered: (state: EngineState) => void = () => undefined
    const jobs = watchJobs({
      client: {
        call: client.call,
        subscribe: (_name, listener) => {
          // Only `jobs.changed` is subscribed to.
          changed = listener as typeof changed
          return () => undefined
        },
      },
      state: () => ({ state: 'starting' }),
      onState: listener => {
        entered = listener
        return () => undefined
      },
    })
    return {
      client,
      jobs,
      change: (...snapshots: ReturnType<typeof fakeSnapshot>[]) => {
        changed({ jobs: snapshots })
      },
      enter: (state: EngineState) => {
        entered(state)
      },
    }
  }

  it('keeps the newest state of each job as long as its batch runs', () => {
    const { jobs, change } = watch()
    change(fakeSnapshot({ jobId: 'a', revision: 2 }), fakeSnapshot({ jobId: 'b', revision: 1 }))
    change(fakeSnapshot({ jobId: 'a', revision: 1, state: 'queued' }))
    change(fakeSnapshot({ jobId: 'b', revision: 2, state: 'finished' }))
    expect([jobs.live().length, jobs.current().length, jobs.live()[0]?.state]).toEqual([1, 2, 'transferring'])
    change(fakeSnapshot({ jobId: 'a', revision: 3, state: 'failed' }))
    expect([jobs.live().length, jobs.current().length]).toEqual([0, 0])
  })

  it('asks a fresh background process for what runs, and forgets what a dead one ran', async () => {
    const { client, jobs, enter } = watch()
    client.answer = () => ({ jobs: [fakeSnapshot()] })
    enter({ state: 'ready' })
    await settled()
    expect(jobs.live()).toHaveLength(1)
    enter({ state: 'pausing', pauseMs: 500, text: 'x' })
    expect(jobs.live()).toHaveLength(0)
  })

  it('waits until what is waited for is no more, or nobody waits any longer', async () => {
    const { jobs, change } = watch()
    change(fakeSnapshot({ revision: 1 }))
    const limit = new AbortController()
    const none = jobs.waitUntilNone(job => job.state !== 'paused', limit.signal)
    const never = jobs.waitUntilNone(() => true, limit.signal)
    change(fakeSnapshot({ revision: 2, state: 'paused' }))
    await none
    limit.abort()
    await never
    expect(jobs.live()).toHaveLength(1)
  })
})

describe('the delivery of files', () => {
  const produced = (use: 'save' | 'print', fileName: string) => {
    const path = join(folder, 'made.html')
    writeFileSync(path, '<p>report</p>')
    let discarded = 0
    return {
      file: {
        path,
        fileName,
        mediaType: 'text/html',
        use,
        discard: async () => {
          discarded++
        },
      },
      discarded: () => discarded,
    }
  }
  const deliverTo = (path: string | null, offered: string[] = []) =>
    createFileDelivery({
      askWhere: options => {
        offered.push(options.defaultPath)
        return Promise.resolve(path)
      },
      printToPdf: htmlPath => Promise.resolve(new TextEncoder().encode(`%PDF of ${readFileSync(htmlPath, 'utf8')}`)),
      texts: () => textsIn('en'),
      firstFolder: '/documents',
    })

  it('copies to where the dialog says, and offers that folder next time', async () => {
    const offered: string[] = []
    const deliver = deliverTo(join(folder, 'record.html'), offered)
    const { file, discarded } = produced('save', 'record.html')
    expect(await deliver(file)).toEqual({ outcome: 'saved', fileName: 'record.html', folder })
    await deliver(produced('save', 'other.html').file)
    expect(offered).toEqual(['/documents/record.html', join(folder, 'other.html')])
    expect([readFileSync(join(folder, 'record.html'), 'utf8'), discarded()]).toEqual(['<p>report</p>', 1])
  })

  it('prints what is wanted as a PDF', async () => {
    await deliverTo(join(folder, 'record.pdf'))(produced('print', 'record.pdf').file)
    expect(readFileSync(join(folder, 'record.pdf'), 'utf8')).toBe('%PDF of <p>report</p>')
  })

  it('leaves nothing behind when the dialog is closed, or nothing can be written', async () => {
    const cancelled = produced('save', 'x.html')
    expect(await deliverTo(null)(cancelled.file)).toEqual({ outcome: 'cancelled' })
    const failing = produced('save', 'x.html')
    const nowhere = join(folder, 'no-such-folder', 'x.html')
    await expect(deliverTo(nowhere)(failing.file)).rejects.toMatchObject({ code: 'file.not-writable' })
    expect([cancelled.discarded(), failing.discarded(), existsSync(nowhere)]).toEqual([1, 1, false])
  })
})

describe('the self-test', () => {
  writeFileSync(join(folder, 'index.html'), '<script src="x.js"></script>')
  const client = new FakeClient()
  const serial = { id: 's', source: 'serial', name: 'Serial ports', diagnosis: { en: 'no rights', vi: '' } }
  const answers: Record<string, unknown> = {
    'worker.hello': { version: '1', pid: 1, nodeVersion: '24', home: '/h' },
    'log.check': { valid: true, records: 3, problems: [] },
    'discovery.status': { channels: [{ ...serial, state: 'listening' }] },
  }
  client.answer = name => answers[name]

  it('says of each part that it works', async () => {
    const lines = await runSelfTest({ startEngine: () => Promise.resolve(), client, pageFolder: folder })
    expect(lines.map(({ name, isOk }) => [name, isOk])).toEqual([
      ['page', true],
      ['worker', true],
      ['journal', true],
      ['serial', true],
    ])
    expect(describeSelfTest(lines)).toContain(
      'ok      journal: the journal can be read and its chain holds: 3 records\n',
    )
  })

  it('says plainly what fails, and goes on with the rest', async () => {
    answers['log.check'] = { valid: false, records: 3, problems: [{ text: 'record 2 was changed' }] }
    answers['discovery.status'] = { channels: [{ ...serial, state: 'failed' }] }
    const lines = await runSelfTest({ startEngine: () => Promise.resolve(), client, pageFolder: '/nowhere' })
    expect(lines.map(({ isOk }) => isOk)).toEqual([false, true, false, false])
    expect(describeSelfTest(lines)).toMatch(/FAILED {2}journal: record 2 was changed[^]*FAILED {2}serial: no rights/)
  })

  it('says when the background process does not start, and asks it nothing', async () => {
    const lines = await runSelfTest({
      startEngine: () => Promise.reject(new FlashproofError('worker.gave-up', 'it crashed 5 times')),
      client,
      pageFolder: folder,
    })
    expect(lines.map(({ name, isOk }) => [name, isOk])).toEqual([
      ['page', true],
      ['worker', false],
    ])
  })
})
