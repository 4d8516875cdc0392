import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Handlers } from '../../../src/shared/contract/index.ts'
import { createMemoryLinkPair } from '../../../src/shared/rpc/memory-link.ts'
import { serve, type Server } from '../../../src/shared/rpc/server.ts'
import {
  type SpawnedWorker,
  Supervisor,
  type SupervisorState,
  type WorkerExit,
} from '../../../src/shared/rpc/supervisor.ts'
import { FakeClock, settle } from '../../fakes/fake-clock.ts'
import { fakeWorkerHandlers } from '../../fakes/fake-worker-handlers.ts'

interface FakeWorker extends SpawnedWorker {
  readonly server: Server
  readonly end: (exit: WorkerExit) => void
  readonly closeLink: () => void
  killed: boolean
}

const hello = { version: '0', pid: 1, nodeVersion: '24', home: '/' }

describe('the supervisor', () => {
  let clock: FakeClock
  let workers: FakeWorker[]
  let states: SupervisorState[]
  let handlers: Partial<Handlers<'worker'>>
  let supervisor: Supervisor

  function spawn(): Promise<FakeWorker> {
    const [near, far] = createMemoryLinkPair()
    const exited = Promise.withResolvers<WorkerExit>()
    const worker: FakeWorker = {
      link: near,
      exited: exited.promise,
      server: serve(far, { handlers: fakeWorkerHandlers(handlers), answers: ['worker'], caller: 'host' }),
      killed: false,
      kill() {
        worker.killed = true
        worker.end({ code: null, signal: 'SIGKILL' })
      },
      end(exit) {
        far.close()
        exited.resolve(exit)
      },
      closeLink() {
        far.close()
      },
    }
    workers.push(worker)
    return Promise.resolve(worker)
  }

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    clock = new FakeClock()
    workers = []
    states = []
    handlers = { 'worker.hello': () => hello }
    supervisor = new Supervisor({ spawn, timing: clock, caller: 'host', onState: state => states.push(state) })
  })

  afterEach(async () => {
    const stopped = supervisor.stop()
    workers.at(-1)?.end({ code: 0, signal: null })
    await stopped
    vi.useRealTimers()
  })

  async function crash(): Promise<void> {
    workers.at(-1)?.end({ code: 9, signal: null, output: 'out of luck' })
    await settle()
  }

  it('starts the worker and speaks to it', async () => {
    await supervisor.start()
    await expect(supervisor.client.call('worker.hello', {})).resolves.toEqual(hello)
    expect(states.map(state => state.state)).toEqual(['starting', 'ready'])
  })

  it('refuses calls before the worker answers', async () => {
    await expect(supervisor.client.call('worker.hello', {})).rejects.toMatchObject({ code: 'worker.not-ready' })
  })

  it('restarts after 0.5, 1, 2 and 4 seconds and gives up at the fifth crash within a minute', async () => {
    await supervisor.start()
    for (const pauseMs of [500, 1_000, 2_000, 4_000]) {
      const before = workers.length
      await crash()
      expect(states.at(-1)).toMatchObject({ state: 'pausing', pauseMs })
      await clock.advance(pauseMs - 1)
      expect(workers).toHaveLength(before)
      await clock.advance(1)
      expect(workers).toHaveLength(before + 1)
      expect(states.at(-1)?.state).toBe('ready')
    }
    await crash()
    await clock.advance(600_000)
    expect(workers).toHaveLength(5)
    expect(states.at(-1)).toMatchObject({ state: 'gave-up', error: { code: 'worker.gave-up' } })
    await expect(supervisor.client.call('worker.hello', {})).rejects.toMatchObject({
      code: 'worker.gave-up',
      cause: { code: 'worker.exited', details: { code: 9, output: 'out of luck' } },
    })
  })

  it('forgets crashes that are older than a minute', async () => {
    await supervisor.start()
    for (let count = 0; count < 12; count++) {
      await crash()
      expect(states.at(-1)).toMatchObject({ state: 'pausing', pauseMs: 500 })
      await clock.advance(61_000)
    }
    expect(workers).toHaveLength(13)
    expect(states.at(-1)?.state).toBe('ready')
  })

  it('rejects calls that were pending when the worker died, and later ones until the next is ready', async () => {
    handlers = { ...handlers, 'device.list': () => new Promise(() => undefined) }
    await supervisor.start()
    const pending = supervisor.client.call('device.list', {}).catch((error: unknown) => error)
    await settle()
    await crash()
    expect(await pending).toMatchObject({ code: 'worker.exited' })
    await expect(supervisor.client.call('worker.hello', {})).rejects.toMatchObject({ code: 'worker.not-ready' })
    await clock.advance(500)
    await expect(supervisor.client.call('worker.hello', {})).resolves.toEqual(hello)
  })

  it('keeps subscriptions over a restart', async () => {
    const texts: string[] = []
    const stop = supervisor.client.subscribe('journal.changed', ({ text }) => {
      texts.push(text)
    })
    await supervisor.start()
    workers[0]?.server.emit('journal.changed', { state: 'ok', text: 'first' })
    await settle()
    await crash()
    await clock.advance(500)
    workers[1]?.server.emit('journal.changed', { state: 'ok', text: 'second' })
    await settle()
    stop()
    workers[1]?.server.emit('journal.changed', { state: 'ok', text: 'third' })
    await settle()
    expect(texts).toEqual(['first', 'second'])
  })

  it('attaches what subscribes while a worker is starting', async () => {
    const texts: string[] = []
    const started = supervisor.start()
    await Promise.resolve()
    supervisor.client.subscribe('journal.changed', ({ text }) => {
      texts.push(text)
    })
    await started
    workers[0]?.server.emit('journal.changed', { state: 'ok', text: 'heard' })
    await settle()
    expect(texts).toEqual(['heard'])
  })

  it('kills a worker that does not answer in time and counts it as a crash', async () => {
    handlers = { 'worker.hello': () => new Promise(() => undefined) }
    const started = supervisor.start().catch((error: unknown) => error)
    for (let count = 1; count <= 5; count++) {
      await settle()
      expect(workers).toHaveLength(count)
      vi.advanceTimersByTime(15_000)
      await settle()
      expect(workers.at(-1)?.killed).toBe(true)
      await clock.advance(4_000)
    }
    expect(await started).toMatchObject({ code: 'worker.gave-up' })
  })

  it('kills a process that stays although its link ended', async () => {
    await supervisor.start()
    workers[0]?.closeLink()
    await settle()
    await clock.advance(1_999)
    expect(workers[0]?.killed).toBe(false)
    await clock.advance(1)
    expect(workers[0]?.killed).toBe(true)
  })

  it('stops by asking first, and starts nothing afterwards', async () => {
    const asked = vi.fn(() => {
      queueMicrotask(() => workers[0]?.end({ code: 0, signal: null }))
      return {}
    })
    handlers = { ...handlers, 'worker.stop': asked }
    await supervisor.start()
    await supervisor.stop()
    await clock.advance(60_000)
    expect(asked).toHaveBeenCalledOnce()
    expect(workers).toHaveLength(1)
    expect(workers[0]?.killed).toBe(false)
    expect(states.at(-1)).toEqual({ state: 'stopped' })
    await expect(supervisor.client.call('worker.hello', {})).rejects.toMatchObject({ code: 'worker.exited' })
  })

  it('kills a worker that does not stop when asked', async () => {
    handlers = { ...handlers, 'worker.stop': () => new Promise(() => undefined) }
    await supervisor.start()
    const stopped = supervisor.stop()
    await clock.advance(10_000)
    await stopped
    expect(workers[0]?.killed).toBe(true)
  })

  it('cuts the pause before a restart short when it is stopped', async () => {
    await supervisor.start()
    await crash()
    await supervisor.stop()
    expect(clock.sleeperCount).toBe(0)
    expect(workers).toHaveLength(1)
  })

  it('ends a worker that was still being spawned when it was stopped', async () => {
    const started = supervisor.start().catch((error: unknown) => error)
    await supervisor.stop()
    expect(await started).toMatchObject({ code: 'worker.exited' })
    expect(workers.map(worker => worker.killed)).toEqual([true])
  })

  it('says why when a worker cannot be spawned at all', async () => {
    const failing = new Supervisor({
      spawn: () => Promise.reject(new Error('ENOENT')),
      timing: clock,
      caller: 'host',
      onState: state => states.push(state),
    })
    await expect(failing.start()).rejects.toMatchObject({ code: 'internal.unexpected', message: 'ENOENT' })
    expect(states.at(-1)?.state).toBe('gave-up')
  })
})
