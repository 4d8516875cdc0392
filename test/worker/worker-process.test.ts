import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { forkWorker, type WorkerProcess } from '../../src/host/worker-process.ts'
import { systemClock } from '../../src/core/clock.ts'
import { openJournal } from '../../src/core/journal/journal.ts'
import { openLocks } from '../../src/core/journal/locks.ts'
import type { CommandName, EventOf, RequestOf } from '../../src/shared/contract/index.ts'
import type { JobSnapshot } from '../../src/shared/contract/models.ts'
import { createClient, type Client } from '../../src/shared/rpc/client.ts'
import {
  instantTimes,
  startVirtualEsp32,
  type VirtualEsp32,
  type VirtualEsp32Options,
} from '../../src/simulator/virtual-esp32.ts'
import { demoImage } from '../fakes/bench.ts'

let home = ''
let worker: WorkerProcess
let client: Client
let boards: VirtualEsp32[] = []

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'flashproof-worker-'))
  worker = await forkWorker({ home })
  client = createClient(worker.link, { caller: 'host' })
})
afterEach(async () => {
  worker.kill()
  await worker.exited
  await Promise.all(boards.map(board => board.close()))
  boards = []
  rmSync(home, { recursive: true, force: true })
})

/** A board of this process: no running simulator announces it, so its jobs are real ones to the worker. */
async function board(options: VirtualEsp32Options = {}): Promise<VirtualEsp32> {
  const identity = { id: `board-${String(boards.length)}` }
  const started = await startVirtualEsp32({ ...instantTimes, apply: 'none', identity, ...options })
  boards.push(started)
  return started
}

async function openImage(bytes = demoImage()): Promise<string> {
  const path = join(home, 'app.bin')
  writeFileSync(path, bytes)
  return (await client.call('firmware.open', { path })).firmwareId
}

/** Resolves with the first state of the job that satisfies. */
function until(jobId: () => string, when: (job: JobSnapshot) => boolean): Promise<JobSnapshot> {
  return new Promise(resolve => {
    const stop = client.subscribe('jobs.changed', ({ jobs }) => {
      const found = jobs.find(job => job.jobId === jobId() && when(job))
      if (found === undefined) return
      stop()
      resolve(found)
    })
  })
}

async function startJob(target: string, more: Partial<RequestOf<'job.start'>> = {}): Promise<string> {
  const firmwareId = await openImage()
  const { jobIds } = await client.call('job.start', { firmwareId, targets: [target], ...more })
  return jobIds[0] ?? ''
}

function storedJob(jobId: string): JobSnapshot | undefined {
  const journal = openJournal({ home, kind: 'station', clock: systemClock })
  try {
    return journal.getJob(jobId)?.snapshot
  } finally {
    journal.close()
  }
}

function locksLeft(): number {
  const locks = openLocks({ home })
  try {
    return locks.heldLocks().length
  } finally {
    locks.close()
  }
}

describe('the worker process', () => {
  it('says who it is', async () => {
    const hello = await client.call('worker.hello', {})
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    expect(hello).toEqual({ pid: worker.pid, home, version: manifest.version, nodeVersion: process.version })
  })

  it.runIf(process.platform !== 'win32').each(['SIGINT', 'SIGHUP', 'SIGTERM'] as const)(
    'leaves %s, which reaches the whole process group, to whoever started it',
    async signal => {
      await client.call('worker.hello', {})
      process.kill(worker.pid, signal)
      expect((await client.call('worker.hello', {})).pid).toBe(worker.pid)
    },
  )

  it('refuses commands that it does not know, and requests that break the contract', async () => {
    for (const name of ['job.explode', '__proto__', 'constructor', 'toString']) {
      // Not a name of the contract: that is what is tried here.
      await expect(client.call(name as CommandName, {})).rejects.toMatchObject({
        code: 'contract.unknown-command',
      })
    }
    const broken: readonly [CommandName, unknown][] = [
      ['job.start', { firmwareId: 'x', targets: [] }],
      ['job.start', { firmwareId: 'x', targets: ['http://a'], parallel: 0 }],
      ['job.pause', { jobIds: [] }],
      ['job.pause', {}],
      ['firmware.open', { path: 7 }],
      ['worker.hello', { extra: true }],
      ['job.list', null],
    ]
    for (const [name, request] of broken) {
      await expect(client.call(name, request as never), name).rejects.toMatchObject({
        code: 'contract.invalid-request',
      })
    }
    await expect(client.call('job.cancel', { jobIds: ['j-none'] })).rejects.toMatchObject({
      code: 'job.not-found',
      details: { jobId: 'j-none' },
    })
  })

  it('shows whole states of a job, newer ones after older ones, and its last one', async () => {
    const target = (await board({ faults: [{ name: 'slow', ms: 2 }] })).target
    const seen: JobSnapshot[] = []
    const ended: EventOf<'batch.ended'>[] = []
    client.subscribe('jobs.changed', ({ jobs }) => {
      // The batch ends after everything about its jobs was told.
      expect(ended).toEqual([])
      seen.push(...jobs)
    })
    const batchEnded = new Promise<void>(resolve => {
      client.subscribe('batch.ended', event => {
        ended.push(event)
        resolve()
      })
    })
    const jobId = await startJob(target)
    await batchEnded
    const last = seen.at(-1)
    expect(last).toMatchObject({ jobId, state: 'finished', verdict: 'proven', doneBytes: last?.totalBytes })
    const revisions = seen.map(job => job.revision)
    expect(revisions).toEqual([...revisions].sort((one, other) => one - other))
    expect(new Set(revisions).size).toBe(revisions.length)
    const listed = (await client.call('job.list', {})).jobs
    expect(listed).toEqual([last])
    expect(ended).toEqual([{ batchId: last?.batchId, headHash: (await client.call('log.list', {})).headHash }])
  })

  it('gives the last state also to a listener that takes its time', async () => {
    const { target } = await board({ faults: [{ name: 'slow', ms: 2 }] })
    const seen: JobSnapshot[] = []
    let release = (): void => undefined
    const isStuck = new Promise<void>(resolve => {
      release = resolve
    })
    let isFirst = true
    const finished = new Promise<void>(resolve => {
      client.subscribe('jobs.changed', async ({ jobs }) => {
        seen.push(...jobs)
        if (jobs.some(job => job.state === 'finished')) resolve()
        if (!isFirst) return
        isFirst = false
        await isStuck
      })
    })
    const jobId = await startJob(target)
    // The job has ended long before this listener takes its second batch.
    while ((await client.call('job.list', { states: ['finished'] })).jobs.length === 0)
      await client.call('worker.hello', {})
    const before = seen.length
    release()
    await finished
    expect(seen.length - before).toBe(1)
    expect(seen.at(-1)).toMatchObject({ jobId, state: 'finished', verdict: 'proven' })
  })

  it('journals its jobs and ends with 0 when it is told to stop', async () => {
    const slow = await board({ faults: [{ name: 'slow', ms: 20 }] })
    let jobId = ''
    const sending = until(
      () => jobId,
      job => job.state === 'transferring' && job.doneBytes > 0,
    )
    jobId = await startJob(slow.target, { options: { chunkBytes: 512 } })
    await sending
    await client.call('worker.stop', {})
    expect(await worker.exited).toMatchObject({ code: 0, signal: null })
    expect(storedJob(jobId)).toMatchObject({ state: 'interrupted', boardNow: 'old-firmware', unplug: 'safe' })
    expect(locksLeft()).toBe(0)
  })

  it('ends with 0 when it is told to stop while nothing runs, and after a listener that takes nothing', async () => {
    client.subscribe('jobs.changed', () => new Promise<void>(() => undefined))
    const { target } = await board()
    const jobId = await startJob(target)
    while ((await client.call('job.list', { states: ['finished'] })).jobs.length === 0)
      await client.call('worker.hello', {})
    await client.call('worker.stop', {})
    expect(await worker.exited).toMatchObject({ code: 0 })
    expect(storedJob(jobId)).toMatchObject({ state: 'finished', verdict: 'proven' })
  })

  it('rejects every pending call with worker.exited when it is killed', async () => {
    const { port } = await board()
    await boards.pop()?.close()
    const jobId = await startJob(`http://127.0.0.1:${String(port)}`, { waitDeviceMs: 600_000 })
    const pending = [
      client.call('device.list', { waitMs: 60_000 }),
      client.call('log.verify', {}),
      client.call('worker.hello', {}),
    ]
    worker.kill()
    const results = await Promise.allSettled(pending)
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'worker.exited' })
    }
    expect(results.some(result => result.status === 'rejected')).toBe(true)
    await expect(client.call('worker.hello', {})).rejects.toMatchObject({ code: 'worker.exited' })
    expect(await worker.exited).toMatchObject({ signal: 'SIGKILL' })
    // The next worker gives the job its true state.
    worker = await forkWorker({ home })
    client = createClient(worker.link, { caller: 'host' })
    expect((await client.call('job.list', {})).jobs).toMatchObject([{ jobId, state: 'interrupted' }])
  })

  it('ends by itself when its parent is gone, with its jobs interrupted and its locks free', async () => {
    const slow = await board({ faults: [{ name: 'slow', ms: 20 }] })
    let jobId = ''
    const sending = until(
      () => jobId,
      job => job.state === 'transferring' && job.doneBytes > 0,
    )
    jobId = await startJob(slow.target, { options: { chunkBytes: 512 } })
    await sending
    worker.link.close()
    expect(await worker.exited).toMatchObject({ code: 0 })
    expect(storedJob(jobId)).toMatchObject({ state: 'interrupted' })
    expect(locksLeft()).toBe(0)
  })

  it('opens, probes, lists, monitors, exports and verifies for whoever asks', async () => {
    const { target } = await board()
    expect(await client.call('device.probe', { target })).toMatchObject({ reachable: true, protocols: ['esp-parts'] })
    const sampled = new Promise<EventOf<'telemetry.sampled'>>(resolve => {
      client.subscribe('telemetry.sampled', resolve)
    })
    const { monitorId } = await client.call('monitor.start', { target, intervalMs: 100 })
    expect(await sampled).toMatchObject({ monitorId, jobId: null, target })
    await client.call('monitor.stop', { monitorId })
    let jobId = ''
    const finished = until(
      () => jobId,
      job => job.state === 'finished',
    )
    jobId = await startJob(target)
    await finished
    expect(await client.call('log.show', { jobId })).toMatchObject({
      entry: { sequence: 1, snapshot: { verdict: 'proven' } },
    })
    const outputPath = join(home, 'log.csv')
    expect(await client.call('log.export', { format: 'csv', outputPath })).toMatchObject({ records: 1 })
    expect(await client.call('log.verify', {})).toMatchObject({ valid: true, records: 1 })
    expect(await client.call('log.verify', { exportPath: outputPath })).toMatchObject({ valid: true, records: 1 })
    expect(await client.call('device.list', {})).toMatchObject({
      devices: expect.arrayContaining([expect.objectContaining({ target })]) as unknown,
    })
  })
})
