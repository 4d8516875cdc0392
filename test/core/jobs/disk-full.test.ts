import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FlashproofError } from '../../../src/shared/errors.ts'
import type { VirtualEsp32 } from '../../../src/simulator/virtual-esp32.ts'
import { demoImage, openBench, type Bench } from '../../fakes/bench.ts'

/** Whether every commit fails now as it does on a full disk. */
let isFull = false
let bench: Bench
beforeEach(async () => {
  isFull = false
  bench = await openBench({
    beforeCommit: () => {
      if (isFull) throw new FlashproofError('journal.disk-full', 'no space left on device')
    },
  })
})
afterEach(async () => {
  isFull = false
  await bench.close()
})

const slow = { faults: [{ name: 'slow', ms: 5 }] } as const

async function start(board: VirtualEsp32): Promise<string> {
  const firmwareId = await bench.firmwareId(demoImage(256 * 1024))
  const order = { firmwareId, targets: [board.target], options: { chunkBytes: 4096 } }
  return (await bench.station.engine.start(order)).jobIds[0] ?? ''
}

describe('a disk that is full', () => {
  it('pauses the job before the next chunk, and room lets it go on to its proof', async () => {
    const board = await bench.board(slow)
    const jobId = await start(board)
    await bench.until(jobId, job => job.doneBytes > 0)
    isFull = true
    const paused = await bench.until(jobId, job => job.state === 'paused')
    expect(paused).toMatchObject({ boardNow: 'old-firmware', unplug: 'safe', error: { code: 'journal.disk-full' } })
    const posts = board.stats.chunkPosts.length
    const journal = bench.station.journal('station')
    // The journal may lag behind the board by the chunk that was acknowledged last, and never leads.
    expect(journal.ledger(jobId)?.acknowledged).toBeLessThanOrEqual(posts)
    expect(journal.state).toBe('disk-full')
    isFull = false
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({ verdict: 'proven', error: null })
    expect(board.stats.chunkPosts.every(count => count === 1)).toBe(true)
    expect(journal.getJob(jobId)).toMatchObject({ sequence: 1, snapshot: { state: 'finished', verdict: 'proven' } })
  })

  it('at the seal shows no end that is not written', async () => {
    const board = await bench.board()
    const stop = bench.watch(job => {
      // From here on nothing can be kept: not the hash that was found, and not the record.
      if (job.evidence.some(fact => fact.level === 'stored')) isFull = true
    })
    const jobId = await start(board)
    const paused = await bench.until(jobId, job => job.state === 'paused')
    expect(paused).toMatchObject({ verdict: null, error: { code: 'journal.disk-full' } })
    expect(bench.station.journal('station').getJob(jobId)?.snapshot.verdict).toBeNull()
    expect(bench.snapshots.some(job => job.state === 'finished')).toBe(false)
    stop()
    isFull = false
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'proven', error: null })
    expect(bench.station.journal('station').head().sequence).toBe(1)
  })

  it('pauses every job, and a job can be cancelled all the same', async () => {
    const boards = [await bench.board(slow), await bench.board(slow)] as const
    const jobIds = [await start(boards[0]), await start(boards[1])] as const
    await Promise.all(jobIds.map(jobId => bench.until(jobId, job => job.doneBytes > 0)))
    isFull = true
    await Promise.all(jobIds.map(jobId => bench.until(jobId, job => job.state === 'paused')))
    await bench.station.engine.cancel([jobIds[0]])
    const cancelled = await bench.ended(jobIds[0])
    expect(cancelled).toMatchObject({ state: 'cancelled', error: { code: 'job.cancelled' }, boardNow: 'old-firmware' })
    expect(cancelled.warnings.join(' ')).toContain('No record was written')
    isFull = false
    // Room came back: the end that is shown gets its record, as it was.
    const recorded = await bench.until(jobIds[0], job => job.warnings.length === 0 && job.state === 'cancelled')
    expect(recorded).toEqual({ ...cancelled, warnings: [], revision: recorded.revision })
    expect(bench.station.engine.locate(jobIds[0])).toMatchObject({ sequence: 1, snapshot: { state: 'cancelled' } })
    expect(await bench.ended(jobIds[1])).toMatchObject({ verdict: 'proven' })
    expect(boards[0].stats.completePosts).toBe(0)
  })

  it('that gets room before the worker ends keeps the record of a job that was cancelled meanwhile', async () => {
    const board = await bench.board(slow)
    const jobId = await start(board)
    await bench.until(jobId, job => job.doneBytes > 0)
    isFull = true
    await bench.until(jobId, job => job.state === 'paused')
    await bench.station.engine.cancel([jobId])
    await bench.ended(jobId)
    expect(bench.station.journal('station').head().sequence).toBe(0)
    isFull = false
    await bench.reopen()
    expect(bench.station.engine.locate(jobId)).toMatchObject({
      sequence: 1,
      snapshot: { state: 'cancelled', warnings: [] },
    })
  })

  it('refuses a new order, and nothing of it begins later', async () => {
    const board = await bench.board()
    isFull = true
    await expect(start(board)).rejects.toMatchObject({ code: 'journal.disk-full' })
    isFull = false
    await bench.station.journal('station').commit()
    const jobs = bench.station.engine.list({})
    expect(jobs.map(job => job.state)).toEqual(['cancelled'])
    await bench.reopen()
    expect((await bench.station.engine.resume({})).jobIds).toEqual([])
    expect(board.stats.connections).toBe(0)
  })
})
