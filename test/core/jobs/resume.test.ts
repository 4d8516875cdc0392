import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { currentOwner, processStartOf } from '../../../src/core/journal/owner.ts'
import { seedFeatures, type VirtualEsp32, type VirtualEsp32Options } from '../../../src/simulator/virtual-esp32.ts'
import type { JobSnapshot } from '../../../src/shared/contract/models.ts'
import { demoImage, openBench, type Bench } from '../../fakes/bench.ts'

let bench: Bench
beforeEach(async () => {
  bench = await openBench()
})
afterEach(async () => {
  await bench.close()
})

const KIB = 1024
const CHUNK = 4 * KIB
const image = demoImage(64 * KIB)
const slow = { faults: [{ name: 'slow', ms: 5 }] } as const

function chunkPosts(board: VirtualEsp32): number {
  return board.stats.chunkPosts.reduce((sum, count) => sum + count, 0)
}

async function start(board: VirtualEsp32, more: object = {}): Promise<string> {
  const firmwareId = await bench.firmwareId(image, 'app.bin')
  const order = { firmwareId, targets: [board.target], options: { chunkBytes: CHUNK }, ...more }
  const { jobIds } = await bench.station.engine.start(order)
  return jobIds[0] ?? ''
}

/** Starts a job, stops the station in the middle of its chunks, and opens a new one. */
async function interrupt(
  options: VirtualEsp32Options = {},
  more: object = {},
): Promise<{ board: VirtualEsp32; jobId: string; sent: number }> {
  const board = await bench.board({ ...slow, ...options })
  const jobId = await start(board, more)
  await bench.until(jobId, job => job.state === 'transferring' && job.doneBytes >= 3 * CHUNK)
  await bench.reopen()
  expect(stored(jobId)).toMatchObject({ state: 'interrupted', boardNow: 'old-firmware', unplug: 'safe', error: null })
  return { board, jobId, sent: chunkPosts(board) }
}

function stored(jobId: string): JobSnapshot | undefined {
  return bench.station.journal('station').getJob(jobId)?.snapshot
}

async function resume(jobId: string, more: object = {}): Promise<JobSnapshot> {
  await bench.station.engine.resume({ jobIds: [jobId], ...more })
  return await bench.ended(jobId)
}

describe('an interrupted job', () => {
  it('goes on where it stopped, and sends no chunk twice', async () => {
    const { board, jobId, sent } = await interrupt()
    expect(sent).toBeLessThan(image.length / CHUNK)
    expect(await resume(jobId)).toMatchObject({ verdict: 'proven', provenLevel: 'stored', attempts: 2 })
    expect(chunkPosts(board)).toBe(image.length / CHUNK)
    expect(board.flash.readTarget('app.bin')).toEqual(image)
  })

  it('is among those that are resumed without being named, oldest first, and only once', async () => {
    const one = await interrupt()
    const two = await interrupt()
    const { engine } = bench.station
    const [first, second] = await Promise.all([engine.resume({}), engine.resume({})])
    expect([...first.jobIds, ...second.jobIds].filter(id => id === one.jobId)).not.toEqual([])
    expect(first.jobIds).toEqual([one.jobId, two.jobId])
    await Promise.all([bench.ended(one.jobId), bench.ended(two.jobId)])
    expect(await engine.resume({})).toEqual({ jobIds: [] })
    expect([chunkPosts(one.board), chunkPosts(two.board)]).toEqual([16, 16])
  })

  it('named twice is resumed once', async () => {
    const { board, jobId } = await interrupt()
    expect(await bench.station.engine.resume({ jobIds: [jobId, jobId] })).toEqual({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'proven' })
    expect(board.stats.completePosts).toBe(1)
  })

  it('sends nothing to another board that took its address', async () => {
    const { board, jobId } = await interrupt()
    await board.close()
    const other = await bench.board({ port: board.port, identity: { mac: '02:00:00:00:00:77', id: 'other' } })
    expect(await resume(jobId)).toMatchObject({
      state: 'failed',
      boardNow: 'unknown',
      error: { code: 'device.identity-changed', details: { found: { mac: '02:00:00:00:00:77' } } },
    })
    expect(chunkPosts(other) + other.stats.completePosts).toBe(0)
  })

  it('on a device that names nothing begins again, unless a person accepts the ledger', async () => {
    const { board, jobId, sent } = await interrupt({ features: seedFeatures })
    expect(await resume(jobId)).toMatchObject({ verdict: 'acknowledged' })
    expect(chunkPosts(board)).toBe(sent + 16)

    const accepted = await interrupt({ features: seedFeatures })
    const job = await resume(accepted.jobId, { accept: ['resume-unidentified'], acceptedBy: 'lan' })
    expect(job).toMatchObject({ verdict: 'acknowledged' })
    expect(job.decisions).toMatchObject([{ code: 'resume-unidentified', answer: 'accept', answeredBy: 'lan' }])
    expect(chunkPosts(accepted.board)).toBe(16)
  })

  it('is refused when its image is no longer kept, and stays as it was', async () => {
    const { jobId } = await interrupt()
    const before = stored(jobId)
    rmSync(join(bench.home, 'images'), { recursive: true })
    await expect(bench.station.engine.resume({ jobIds: [jobId] })).rejects.toMatchObject({
      code: 'journal.image-missing',
    })
    expect(stored(jobId)).toEqual(before)
  })

  it('without its image does not keep the others from going on', async () => {
    const lost = await interrupt()
    rmSync(join(bench.home, 'images'), { recursive: true })
    await bench.reopen()
    const { jobId } = await interrupt()
    const sha256 = stored(jobId)?.firmware.imageSha256
    expect(stored(lost.jobId)?.firmware.imageSha256).toBe(sha256)
    expect((await bench.station.engine.resume({})).jobIds).toEqual([lost.jobId, jobId])
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'proven' })
  })

  it('that was waiting for an answer asks again', async () => {
    const board = await bench.board({ fileSystemBytes: 160 * KIB })
    const jobId = await start(board, { interactive: true })
    await bench.until(jobId, job => job.state === 'waiting')
    await bench.reopen()
    expect(stored(jobId)).toMatchObject({ state: 'interrupted', decision: null })
    expect(await resume(jobId)).toMatchObject({ state: 'failed', error: { code: 'job.decision-needed' } })
    expect(chunkPosts(board)).toBe(0)
    expect(await resume(jobId, { accept: ['tight-space'] })).toMatchObject({ verdict: 'proven' })
  })

  it('is refused while another process that lives runs it', async () => {
    const { board, jobId, sent } = await interrupt()
    const other = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'])
    const pid = other.pid ?? -1
    try {
      const journal = bench.station.journal('station')
      const owner = { ...currentOwner(), pid, processStart: processStartOf(pid) ?? '' }
      expect(journal.claimJob(jobId, owner)).toBe(true)
      await expect(bench.station.engine.resume({ jobIds: [jobId] })).rejects.toMatchObject({
        code: 'device.busy',
        details: { jobId, owner: { pid } },
      })
      expect((await bench.station.engine.resume({})).jobIds).toEqual([])
      expect(chunkPosts(board)).toBe(sent)
    } finally {
      other.kill('SIGKILL')
      await once(other, 'exit')
    }
    // Its owner is dead now.
    expect(await resume(jobId)).toMatchObject({ verdict: 'proven' })
  })

  it('that was paused stays where it was and goes on in the new process', async () => {
    const board = await bench.board(slow)
    const jobId = await start(board)
    await bench.until(jobId, job => job.doneBytes > 0)
    bench.station.engine.pause([jobId])
    await bench.until(jobId, job => job.state === 'paused')
    await bench.reopen()
    expect(stored(jobId)?.state).toBe('interrupted')
    expect(await resume(jobId)).toMatchObject({ verdict: 'proven' })
    expect(chunkPosts(board)).toBe(16)
  })

  it('that never began is among those that can go on', async () => {
    const boards = [await bench.board(slow), await bench.board()] as const
    const firmwareId = await bench.firmwareId(image, 'app.bin')
    const targets = boards.map(board => board.target)
    const { jobIds } = await bench.station.engine.start({ firmwareId, targets, parallel: 1 })
    await bench.until(jobIds[0] ?? '', job => job.doneBytes > 0)
    await bench.reopen()
    expect(stored(jobIds[1] ?? '')).toMatchObject({ state: 'interrupted', startedAt: null, boardNow: 'old-firmware' })
    expect(boards[1].stats.connections).toBe(0)
    expect(await resume(jobIds[1] ?? '')).toMatchObject({ verdict: 'proven' })
  })
})

describe('a finished job', () => {
  it('that is proven is refused', async () => {
    const board = await bench.board()
    const jobId = await start(board)
    await bench.ended(jobId)
    await expect(bench.station.engine.resume({ jobIds: [jobId] })).rejects.toMatchObject({
      code: 'job.wrong-state',
      details: { state: 'finished', verdict: 'proven' },
    })
    expect((await bench.station.engine.resume({})).jobIds).toEqual([])
  })

  it('that is not proven sends the whole image again, and has two records', async () => {
    const board = await bench.board({ faults: [{ name: 'liar' }] })
    const jobId = await start(board)
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'unproven', reason: 'contradicted' })
    const sent = chunkPosts(board)
    board.setFaults([])
    expect(await resume(jobId)).toMatchObject({ verdict: 'proven', error: null, reason: null })
    expect(chunkPosts(board)).toBe(sent + 16)
    expect(board.flash.readTarget('app.bin')).toEqual(image)
    expect(bench.station.journal('station').head().sequence).toBe(2)
  })

  it('named beside one that can go on changes neither', async () => {
    const { jobId } = await interrupt()
    const done = await start(await bench.board())
    await bench.ended(done)
    const before = stored(jobId)
    await expect(bench.station.engine.resume({ jobIds: [jobId, done] })).rejects.toMatchObject({
      code: 'job.wrong-state',
    })
    await expect(bench.station.engine.resume({ jobIds: [jobId, 'j-none'] })).rejects.toMatchObject({
      code: 'job.not-found',
    })
    expect(stored(jobId)).toEqual(before)
  })
})

describe('a failed or cancelled job', () => {
  it('goes on with what the device has', async () => {
    const board = await bench.board(slow)
    const jobId = await start(board)
    await bench.until(jobId, job => job.doneBytes >= 3 * CHUNK)
    await bench.station.engine.cancel([jobId])
    expect(await bench.ended(jobId)).toMatchObject({ state: 'cancelled' })
    expect(await resume(jobId)).toMatchObject({ verdict: 'proven' })
    expect(chunkPosts(board)).toBe(16)
  })

  it('is not among those that are resumed without being named', async () => {
    const gone = await bench.board()
    await gone.close()
    const jobId = await start(gone)
    expect(await bench.ended(jobId)).toMatchObject({ state: 'failed' })
    expect((await bench.station.engine.resume({})).jobIds).toEqual([])
  })
})

describe('a job that was stopped after its completion', () => {
  it('sees the restart that came meanwhile', async () => {
    const board = await bench.board({ apply: 'reboot', rebootDelayMs: 30, bootMs: 300, confirmMs: 1 })
    const jobId = await start(board, { require: 'running' })
    const booted = board.nextBoot()
    await bench.until(jobId, job => job.state === 'rebooting')
    await bench.reopen()
    expect(stored(jobId)).toMatchObject({ state: 'interrupted', completion: 'succeeded' })
    await booted
    expect(await resume(jobId)).toMatchObject({ verdict: 'proven', provenLevel: 'running', boardNow: 'new-firmware' })
    expect(board.stats.completePosts).toBe(1)
  })
})
