/** The contract over a real process border. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { assertNodeVersion, forkWorker, type WorkerProcess } from '../../src/host/worker-process.ts'
import { systemClock } from '../../src/core/clock.ts'
import { FlashproofError } from '../../src/shared/errors.ts'
import { createClient, type Client } from '../../src/shared/rpc/client.ts'
import { Supervisor } from '../../src/shared/rpc/supervisor.ts'

/** A process may start slowly on a busy computer. */
const patiently = { timeout: 20_000 }
const entry = new URL('../fakes/fixture-worker.ts', import.meta.url)

describe('a forked worker', () => {
  const started: WorkerProcess[] = []

  async function start(): Promise<{ worker: WorkerProcess; client: Client; texts: string[] }> {
    const worker = await forkWorker({ home: '/nowhere/home', entry })
    started.push(worker)
    const client = createClient(worker.link, { caller: 'host' })
    const texts: string[] = []
    client.subscribe('journal.changed', ({ text }) => {
      texts.push(text)
    })
    return { worker, client, texts }
  }

  afterEach(async () => {
    for (const worker of started.splice(0)) {
      worker.kill()
      await worker.exited
    }
  })

  it('answers calls and knows its home', async () => {
    const { client, worker } = await start()
    await expect(client.call('worker.hello', {})).resolves.toEqual({
      version: '0.0.0',
      pid: worker.pid,
      nodeVersion: process.versions.node,
      home: '/nowhere/home',
    })
  })

  it('keeps code, details and cause of an error', async () => {
    const { client } = await start()
    await expect(client.call('log.show', { jobId: 'j7' })).rejects.toMatchObject({
      code: 'job.not-found',
      details: { jobId: 'j7', knownJobs: 3 },
      cause: { message: 'disk' },
    })
  })

  it('refuses __proto__ and requests that break the schema', async () => {
    const { client } = await start()
    const untyped = client as unknown as { call(name: string, request: unknown): Promise<unknown> }
    await expect(untyped.call('__proto__', {})).rejects.toMatchObject({ code: 'contract.unknown-command' })
    await expect(untyped.call('log.show', { jobId: 7 })).rejects.toMatchObject({
      code: 'contract.invalid-request',
      details: { issues: [{ path: 'jobId' }] },
    })
  })

  it('is told of a cancelled call and of one that ran into its deadline', async () => {
    const { client, texts } = await start()
    const controller = new AbortController()
    const call = client.call('device.list', {}, { signal: controller.signal })
    await vi.waitFor(() => {
      expect(texts).toEqual(['listing'])
    }, patiently)
    controller.abort()
    await expect(call).rejects.toMatchObject({ code: 'call.aborted' })
    await expect(client.call('device.list', {}, { deadlineMs: 1 })).rejects.toMatchObject({ code: 'call.timeout' })
    await client.call('job.pause', { jobIds: ['any'] })
    expect(texts.at(-1)).toBe('call.aborted call.timeout')
  })

  it('waits until its batch was taken', async () => {
    const { client } = await start()
    const order: string[] = []
    client.subscribe('jobs.changed', async ({ jobs }) => {
      await new Promise(resolve => setImmediate(resolve))
      order.push(...jobs.map(job => job.jobId))
    })
    await client.call('job.resume', { jobIds: ['a', 'b'] })
    expect([...order, 'answered']).toEqual(['a', 'b', 'answered'])
  })

  it('rejects every pending call when it is killed', async () => {
    const { client, worker, texts } = await start()
    const calls = Array.from({ length: 5 }, () => client.call('device.list', {}).catch((error: unknown) => error))
    await vi.waitFor(() => {
      expect(texts).toHaveLength(5)
    }, patiently)
    process.kill(worker.pid, 'SIGKILL')
    for (const error of await Promise.all(calls)) {
      expect(error).toBeInstanceOf(FlashproofError)
      expect(error).toMatchObject({ code: 'worker.exited' })
    }
    await expect(worker.exited).resolves.toMatchObject({ code: null, signal: 'SIGKILL' })
    await expect(client.call('worker.hello', {})).rejects.toMatchObject({ code: 'worker.exited' })
  })

  it('leaves its last words with its exit', async () => {
    const { client, worker } = await start()
    await expect(client.call('job.cancel', { jobIds: ['x'] })).rejects.toMatchObject({ code: 'worker.exited' })
    await expect(worker.exited).resolves.toEqual({ code: 7, signal: null, output: 'something broke' })
  })

  it('ends by itself when its parent is gone, and ignores Ctrl-C', async () => {
    const { client, worker } = await start()
    await client.call('worker.hello', {})
    process.kill(worker.pid, 'SIGINT')
    await expect(client.call('worker.hello', {})).resolves.toMatchObject({ pid: worker.pid })
    worker.link.close()
    await expect(worker.exited).resolves.toMatchObject({ code: 0, signal: null })
  })

  it('answers its last call before it ends', async () => {
    const { client, worker } = await start()
    await expect(client.call('worker.stop', {})).resolves.toEqual({})
    await expect(worker.exited).resolves.toMatchObject({ code: 0 })
  })

  it('comes back under the supervisor after a crash', async () => {
    const supervisor = new Supervisor({
      spawn: async () => {
        const worker = await forkWorker({ home: '/h', entry })
        started.push(worker)
        return worker
      },
      timing: systemClock,
      caller: 'host',
    })
    await supervisor.start()
    const { pid } = await supervisor.client.call('worker.hello', {})
    process.kill(pid, 'SIGKILL')
    await vi.waitFor(async () => {
      expect((await supervisor.client.call('worker.hello', {})).pid).not.toBe(pid)
    }, patiently)
    await supervisor.stop()
    expect(started).toHaveLength(2)
  })
})

it('says in one line what to do when Node is too old', () => {
  expect(() => {
    assertNodeVersion('20.20.2')
  }).toThrow(
    expect.objectContaining({
      code: 'environment.node-too-old',
      message: expect.stringMatching(/^Node 20\.20\.2 .*npm run[^\n]*$/),
    }),
  )
  expect(() => {
    assertNodeVersion('24.0.0')
  }).not.toThrow()
})

it('finds no worker where there is none, and says so', async () => {
  const missing = await forkWorker({ home: '/h', entry: new URL('file:///nowhere/worker.js') })
  const exit = await missing.exited
  expect(exit.code).toBe(1)
  expect(exit.output).toContain('Cannot find module')
})
