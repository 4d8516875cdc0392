import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobSnapshot } from '../../../src/shared/contract/models.ts'
import { rememberDevices } from '../../../src/core/discovery/remembered.ts'
import { transferProtocols } from '../../../src/core/transfer/index.ts'
import { seedFeatures, startVirtualEsp32, type VirtualEsp32 } from '../../../src/simulator/virtual-esp32.ts'
import { demoImage, openBench, quickRetryPolicy, type Bench } from '../../fakes/bench.ts'
import { fakeDeviceEntry } from '../../fakes/fake-device-entry.ts'

let bench: Bench
beforeEach(async () => {
  bench = await openBench()
})
afterEach(async () => {
  await bench.close()
})

const KIB = 1024
/** Slow enough to be stopped on its way, quick enough for a test. */
const slow = { faults: [{ name: 'slow', ms: 5 }] } as const

function posts(board: VirtualEsp32): number {
  return board.stats.chunkPosts.reduce((sum, count) => sum + count, 0) + board.stats.completePosts
}

async function start(boards: readonly VirtualEsp32[], more: object = {}): Promise<string[]> {
  const firmwareId = await bench.firmwareId(demoImage())
  const targets = boards.map(board => board.target)
  return (await bench.station.engine.start({ firmwareId, targets, ...more })).jobIds
}

/** Starts a job and holds it at a chunk edge. */
async function startPaused(board: VirtualEsp32): Promise<string> {
  const [jobId = ''] = await start([board])
  await started(jobId)
  bench.station.engine.pause([jobId])
  await bench.until(jobId, job => job.state === 'paused')
  return jobId
}

function started(jobId: string): Promise<JobSnapshot> {
  return bench.until(jobId, job => job.state === 'transferring' && job.doneBytes > 0)
}

/** A port on which nothing listens. */
async function deadTarget(): Promise<string> {
  const board = await startVirtualEsp32()
  await board.close()
  return board.target
}

describe('a batch', () => {
  it('never runs more jobs at once than its limit', async () => {
    const boards = await Promise.all(Array.from({ length: 6 }, () => bench.board()))
    const jobs = await bench.flash({ targets: boards.map(board => board.target), parallel: 2 })
    expect(jobs.map(job => job.verdict)).toEqual(Array.from({ length: 6 }, () => 'proven'))
    const running = new Set<string>()
    let most = 0
    for (const { jobId, state } of bench.snapshots) {
      if (state === 'queued') continue
      if (state === 'finished') running.delete(jobId)
      else running.add(jobId)
      most = Math.max(most, running.size)
    }
    expect(most).toBe(2)
  })

  it('touches no other device when a device tried first fails', async () => {
    const bad = await bench.board({ faults: [{ name: 'liar' }] })
    const others = await Promise.all([bench.board(), bench.board(), bench.board()])
    const jobs = await bench.flash({ targets: [bad, ...others].map(board => board.target), first: 1 })
    expect(jobs.map(job => job.state)).toEqual(['finished', 'cancelled', 'cancelled', 'cancelled'])
    expect(jobs[0]?.verdict).toBe('unproven')
    expect(jobs[1]).toMatchObject({ error: { code: 'job.batch-stopped' }, boardNow: 'old-firmware', startedAt: null })
    expect(others.map(board => board.stats.requests)).toEqual([0, 0, 0])
    expect(others.map(board => board.stats.connections)).toEqual([0, 0, 0])
  })

  it('goes on to the others when the devices tried first end well', async () => {
    const boards = await Promise.all([bench.board(), bench.board(), bench.board()])
    const jobs = await bench.flash({ targets: boards.map(board => board.target), first: 2 })
    expect(jobs.map(job => job.verdict)).toEqual(['proven', 'proven', 'proven'])
    const thirdBegan = bench.snapshots.findIndex(job => job.jobId === jobs[2]?.jobId && job.state === 'connecting')
    const firstEnds = jobs
      .slice(0, 2)
      .map(({ jobId }) => bench.snapshots.findIndex(job => job.jobId === jobId && job.state === 'finished'))
    expect(Math.max(...firstEnds)).toBeLessThan(thirdBegan)
  })

  it('starts nothing more after so many failures, and lets what runs go on', async () => {
    const good = await bench.board(slow)
    const never = await bench.board()
    const targets = [good.target, await deadTarget(), await deadTarget(), never.target]
    const jobs = await bench.flash({ targets, parallel: 2, stopAfter: 2 })
    expect(jobs.map(job => job.state)).toEqual(['finished', 'failed', 'failed', 'cancelled'])
    expect(jobs[0]?.verdict).toBe('proven')
    expect(jobs[3]?.error).toMatchObject({ code: 'job.batch-stopped', details: { failures: 2 } })
    expect(never.stats.requests).toBe(0)
  })

  it('lets one failed device stop no other one', async () => {
    const boards = await Promise.all([bench.board({ faults: [{ name: 'liar' }] }), bench.board(), bench.board()])
    const jobs = await bench.flash({ targets: [...boards.map(board => board.target), await deadTarget()], parallel: 1 })
    expect(jobs.map(job => job.verdict)).toEqual(['unproven', 'proven', 'proven', null])
    expect(jobs[3]).toMatchObject({ state: 'failed', error: { code: 'network.refused' } })
  })

  it('tells its end once, after the last job is sealed', async () => {
    const ended: string[] = []
    await bench.close()
    bench = await openBench({
      emit: (name, payload) => {
        if (name === 'batch.ended' && 'batchId' in payload) ended.push(payload.batchId)
      },
    })
    const boards = await Promise.all([bench.board(), bench.board()])
    const jobs = await bench.flash({ targets: boards.map(board => board.target) })
    await bench.close()
    expect(ended).toEqual([jobs[0]?.batchId])
    bench = await openBench()
  })
})

describe('an order', () => {
  it.each([
    ['the same address twice', ['{a}', '{a}/'], 'target.invalid'],
    ['no address at all', ['somewhere'], 'target.unknown'],
    ['a path that climbs', ['http://127.0.0.1/../x'], 'target.unsafe-path'],
  ])('with %s is refused before anything is journaled', async (_, targets, code) => {
    const board = await bench.board()
    const firmwareId = await bench.firmwareId(demoImage())
    const filled = targets.map(text => text.replace('{a}', board.target))
    await expect(bench.station.engine.start({ firmwareId, targets: filled })).rejects.toMatchObject({ code })
    expect(bench.station.engine.list({})).toEqual([])
    expect(board.stats.requests).toBe(0)
  })

  it('with an endpoint that no protocol speaks to is refused before anything is journaled', async () => {
    await bench.reopen({
      protocols: transferProtocols.filter(({ descriptor }) => !descriptor.endpoints.includes('serial')),
    })
    const firmwareId = await bench.firmwareId(demoImage())
    const order = bench.station.engine.start({ firmwareId, targets: ['serial:/dev/null-port'] })
    await expect(order).rejects.toMatchObject({ code: 'protocol.endpoint-not-accepted' })
    expect(bench.station.engine.list({})).toEqual([])
  })

  it('for a name that two devices have is refused with both, and for one name goes to that device', async () => {
    const boards = [await bench.board(), await bench.board(), await bench.board()] as const
    const names = ['twin', 'Twin', 'single']
    const devices = boards.map((board, index) =>
      fakeDeviceEntry(board.target, { name: names[index] ?? '', identity: { mac: board.identity.mac } }),
    )
    rememberDevices(bench.home, devices)
    const firmwareId = await bench.firmwareId(demoImage())
    const ambiguous = await bench.station.engine
      .start({ firmwareId, targets: ['TWIN'] })
      .catch((error: unknown) => error)
    expect(ambiguous).toMatchObject({ code: 'target.ambiguous' })
    expect(ambiguous).toMatchObject({
      details: { candidates: expect.arrayContaining([boards[0].target, boards[1].target]) as unknown },
    })
    const [job] = await bench.flash({ firmwareId, targets: ['single'] })
    expect(job).toMatchObject({ target: boards[2].target, verdict: 'proven' })
    expect(boards.slice(0, 2).map(board => board.stats.connections)).toEqual([0, 0])
  })

  it('with another SHA-256 than the expected one is refused, and names both', async () => {
    const board = await bench.board()
    const firmwareId = await bench.firmwareId(demoImage())
    const order = { firmwareId, targets: [board.target], expectSha256: 'ab'.repeat(32) }
    await expect(bench.station.engine.start(order)).rejects.toMatchObject({
      code: 'image.hash-mismatch',
      details: {
        expectedSha256: 'ab'.repeat(32),
        sourceSha256: bench.station.firmware.get(firmwareId).inspection.sourceSha256,
      },
    })
    const { sourceSha256 } = bench.station.firmware.get(firmwareId).inspection
    const [job] = await bench.flash({ ...order, expectSha256: sourceSha256.toUpperCase() })
    expect(job?.verdict).toBe('proven')
  })

  it('with an unknown option, protocol, firmware or secret is refused', async () => {
    const board = await bench.board()
    const firmwareId = await bench.firmwareId(demoImage())
    const targets = [board.target]
    const { engine } = bench.station
    await expect(engine.start({ firmwareId, targets, options: { nothing: 1 } })).rejects.toMatchObject({
      code: 'option.unknown',
    })
    await expect(engine.start({ firmwareId, targets, options: { chunkBytes: 3 } })).rejects.toMatchObject({
      code: 'option.invalid',
    })
    await expect(engine.start({ firmwareId, targets, options: { profile: 'x' } })).rejects.toMatchObject({
      code: 'option.invalid',
    })
    await expect(engine.start({ firmwareId, targets, protocol: 'morse' })).rejects.toMatchObject({
      code: 'protocol.unknown',
    })
    await expect(engine.start({ firmwareId: 'fw-none', targets })).rejects.toMatchObject({ code: 'file.not-found' })
    await expect(engine.start({ firmwareId, targets, secrets: { passphrase: 'x' } })).rejects.toMatchObject({
      code: expect.stringMatching(/^option\./) as unknown,
    })
    expect(board.stats.requests).toBe(0)
  })

  it('sends the image that was opened, whatever happens to the file afterwards', async () => {
    const board = await bench.board()
    const image = demoImage(64 * KIB, 3)
    const firmwareId = await bench.firmwareId(image, 'moved.bin')
    writeFileSync(join(bench.home, 'moved.bin'), demoImage(64 * KIB, 4))
    renameSync(join(bench.home, 'moved.bin'), join(bench.home, 'gone.bin'))
    const [job] = await bench.flash({ targets: [board.target], firmwareId })
    expect(job?.verdict).toBe('proven')
    expect(board.flash.readTarget('moved.bin')).toEqual(image)
  })

  it('for a dry run asks the device and sends it nothing', async () => {
    const board = await bench.board()
    const [job] = await bench.flash({ targets: [board.target], dryRun: true })
    expect(job).toMatchObject({
      state: 'finished',
      verdict: null,
      boardNow: 'old-firmware',
      unplug: 'safe',
      doneBytes: 0,
    })
    expect(job?.warnings).toContain('Dry run: nothing was sent.')
    expect(board.stats.requests).toBeGreaterThan(0)
    expect(posts(board)).toBe(0)
    await expect(bench.station.engine.resume({ jobIds: [job?.jobId ?? ''] })).rejects.toMatchObject({
      code: 'job.wrong-state',
    })
  })

  it('that requires what the device cannot show is refused before the first byte', async () => {
    const board = await bench.board({ features: seedFeatures })
    const [job] = await bench.flash({ targets: [board.target], require: 'running' })
    expect(job).toMatchObject({ state: 'failed', boardNow: 'old-firmware', unplug: 'safe', evidence: [], doneBytes: 0 })
    expect(job?.error).toMatchObject({ code: 'require.unreachable-level', details: { required: 'running' } })
    expect(posts(board)).toBe(0)
  })

  it('waits for a device that appears later', async () => {
    const late = await bench.board()
    const { port } = late
    await late.close()
    const [jobId = ''] = await start([late], { waitDeviceMs: 20_000 })
    await bench.until(jobId, job => job.state === 'connecting')
    const board = await bench.board({ port })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'proven' })
    expect(posts(board)).toBeGreaterThan(0)
  })

  it('does not wait for a device that is away without being told to', async () => {
    const [job] = await bench.flash({ targets: [await deadTarget()] })
    expect(job).toMatchObject({ state: 'failed', attempts: 0, error: { code: 'network.refused' } })
  })

  it('is refused while the worker stops', async () => {
    const board = await bench.board()
    const firmwareId = await bench.firmwareId(demoImage())
    const { engine } = bench.station
    await engine.stop()
    await expect(engine.start({ firmwareId, targets: [board.target] })).rejects.toMatchObject({ code: 'worker.exited' })
    await expect(engine.resume({})).rejects.toMatchObject({ code: 'worker.exited' })
  })
})

describe('cancelling', () => {
  it('a queued job never touches its device', async () => {
    const boards = [await bench.board(slow), await bench.board()] as const
    const [first = '', second = ''] = await start(boards, { parallel: 1 })
    await started(first)
    await bench.station.engine.cancel([second])
    expect(await bench.ended(second)).toMatchObject({
      state: 'cancelled',
      startedAt: null,
      error: { code: 'job.cancelled' },
    })
    expect(boards[1].stats.connections).toBe(0)
    expect(await bench.ended(first)).toMatchObject({ verdict: 'proven' })
  })

  it('a running job stops at a chunk edge, and the board keeps its firmware', async () => {
    const board = await bench.board(slow)
    const [jobId = ''] = await start([board])
    await started(jobId)
    await bench.station.engine.cancel([jobId])
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({ state: 'cancelled', boardNow: 'old-firmware', unplug: 'safe', verdict: null })
    expect(board.stats.completePosts).toBe(0)
    expect(bench.station.journal('station').getJob(jobId)?.sequence).not.toBeNull()
  })

  it('a paused job ends it', async () => {
    const board = await bench.board(slow)
    const [jobId = ''] = await start([board])
    await started(jobId)
    bench.station.engine.pause([jobId])
    await bench.until(jobId, job => job.state === 'paused')
    await bench.station.engine.cancel([jobId])
    expect(await bench.ended(jobId)).toMatchObject({ state: 'cancelled', boardNow: 'old-firmware' })
  })

  it('a job that waits for a device ends it', async () => {
    const gone = await bench.board()
    await gone.close()
    const [jobId = ''] = await start([gone], { waitDeviceMs: 600_000 })
    await bench.until(jobId, job => job.state === 'connecting')
    await bench.station.engine.cancel([jobId])
    expect(await bench.ended(jobId)).toMatchObject({ state: 'cancelled' })
  })

  it('refuses a job that has ended or never was, and then cancels none', async () => {
    const board = await bench.board(slow)
    const done = await bench.board()
    const [ended] = await bench.flash({ targets: [done.target] })
    const [jobId = ''] = await start([board])
    const { engine } = bench.station
    await expect(engine.cancel([jobId, 'j-none'])).rejects.toMatchObject({ code: 'job.not-found' })
    await expect(engine.cancel([jobId, ended?.jobId ?? ''])).rejects.toMatchObject({ code: 'job.wrong-state' })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'proven' })
  })
})

describe('pausing', () => {
  it('stops at a chunk edge, asks who answers when it goes on, and ends proven', async () => {
    const board = await bench.board(slow)
    const [jobId = ''] = await start([board])
    await started(jobId)
    bench.station.engine.pause([jobId])
    const paused = await bench.until(jobId, job => job.state === 'paused')
    expect(paused).toMatchObject({ boardNow: 'old-firmware', unplug: 'safe' })
    const before = board.stats
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'proven', attempts: 1 })
    expect(board.stats.chunkPosts.every(count => count === 1)).toBe(true)
    expect(before.completePosts).toBe(0)
  })

  it('and going on at once does not disturb the job', async () => {
    const board = await bench.board(slow)
    const [jobId = ''] = await start([board])
    await started(jobId)
    const { engine } = bench.station
    for (let time = 0; time < 20; time++) {
      engine.pause([jobId])
      await engine.resume({ jobIds: [jobId] })
    }
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'proven' })
  })

  it('notices another board at the address when it goes on', async () => {
    const board = await bench.board(slow)
    const [jobId = ''] = await start([board])
    await started(jobId)
    bench.station.engine.pause([jobId])
    await bench.until(jobId, job => job.state === 'paused')
    await board.close()
    const other = await bench.board({ port: board.port, identity: { mac: '02:00:00:00:00:99', id: 'other' } })
    await bench.station.engine.resume({ jobIds: [jobId] })
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({ state: 'failed', boardNow: 'unknown', error: { code: 'device.identity-changed' } })
    expect(posts(other)).toBe(0)
  })
})

describe('retries', () => {
  it('try again what passes by itself', async () => {
    const board = await bench.board({ faults: [{ name: 'drop-reply', every: 3 }] })
    const [job] = await bench.flash({ targets: [board.target] })
    expect(job).toMatchObject({ verdict: 'proven' })
    expect(job?.retries).toBeGreaterThan(0)
  })

  it('do not repeat what will not pass', async () => {
    const board = await bench.board({ identity: { chip: 'ESP32-C3' } })
    const [job] = await bench.flash({ targets: [board.target] })
    expect(job).toMatchObject({ state: 'failed', attempts: 1, retries: 0, error: { code: 'image.wrong-chip' } })
    expect(posts(board)).toBe(0)
  })

  it('end with the fault itself when it never passes', async () => {
    const board = await bench.board({ faults: [{ name: 'no-answer', chunk: 1, times: 0 }] })
    await bench.reopen({
      retryPolicy: { ...quickRetryPolicy, tries: 2, requestTimeoutMs: 100, jobTries: 2, rebootTimeoutMs: 200 },
    })
    const [job] = await bench.flash({ targets: [board.target] })
    expect(job).toMatchObject({ state: 'failed', boardNow: 'old-firmware', error: { code: 'network.timeout' } })
    expect(job?.attempts).toBeGreaterThanOrEqual(2)
  })
})

describe('two jobs for one device', () => {
  it('the second is refused while the first runs, also under another spelling', async () => {
    const board = await bench.board(slow)
    const first = await startPaused(board)
    const [second] = await bench.flash({ targets: [`${board.target}/`] })
    expect(second).toMatchObject({
      state: 'failed',
      error: { code: 'device.busy', details: { pid: process.pid, jobId: first } },
    })
    await bench.station.engine.resume({ jobIds: [first] })
    expect(await bench.ended(first)).toMatchObject({ verdict: 'proven' })
  })

  it('the second is refused when it reaches the same board by another way', async () => {
    const board = await bench.board(slow)
    const first = await startPaused(board)
    const [second] = await bench.flash({ targets: [board.target.replace('127.0.0.1', 'localhost')] })
    expect(second).toMatchObject({ state: 'failed', doneBytes: 0, error: { code: 'device.busy' } })
    await bench.station.engine.resume({ jobIds: [first] })
    expect(await bench.ended(first)).toMatchObject({ verdict: 'proven' })
  })

  it('the device is free again afterwards', async () => {
    const board = await bench.board()
    await bench.flash({ targets: [board.target] })
    const [again] = await bench.flash({ targets: [board.target] }, demoImage(64 * KIB, 2))
    expect(again).toMatchObject({ verdict: 'proven' })
  })
})
