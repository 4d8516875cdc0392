import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { JobSnapshot } from '../../../src/shared/contract/models.ts'
import type { VirtualEsp32, VirtualEsp32Options } from '../../../src/simulator/virtual-esp32.ts'
import { systemClock, type Clock } from '../../../src/core/clock.ts'
import { demoImage, openBench, quickRetryPolicy, type Bench } from '../../fakes/bench.ts'

const CHUNK = 4096
const image = demoImage(64 * 1024)

let bench: Bench
let states: string[]
let codes: string[]

beforeEach(async () => {
  states = []
  codes = []
  bench = await openBench()
  bench.watch(job => {
    if (states.at(-1) !== job.state) states.push(job.state)
  })
  bench.watchLog((_jobId, line) => codes.push(line.code))
})
afterEach(async () => {
  await bench.close()
})

async function start(options: VirtualEsp32Options = {}): Promise<{ board: VirtualEsp32; jobId: string }> {
  const board = await bench.board({ faults: [{ name: 'slow', ms: 5 }], ...options })
  const firmwareId = await bench.firmwareId(image, 'app.bin')
  const order = { firmwareId, targets: [board.target], options: { chunkBytes: CHUNK } }
  const { jobIds } = await bench.station.engine.start(order)
  return { board, jobId: jobIds[0] ?? '' }
}

function midway(jobId: string): Promise<JobSnapshot> {
  return bench.until(jobId, job => job.state === 'transferring' && job.doneBytes >= 3 * CHUNK)
}

describe('a computer that slept', () => {
  it('stops each job at its edge, asks the board again who it is, and goes on by itself', async () => {
    const { board, jobId } = await start()
    await midway(jobId)
    bench.station.engine.wake(34_000)
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({ verdict: 'proven', attempts: 2, error: null })
    expect(states.join(' ')).toContain('transferring paused transferring connecting preparing transferring')
    expect(codes).toContain('job.slept')
    expect(codes).not.toContain('job.retry')
    const lines = bench.station.journal('station').logLines(jobId)
    expect(lines.find(line => line.code === 'job.slept')?.text).toContain('slept for 34 s')
    expect(board.flash.readTarget('app.bin')).toEqual(image)
    // The board says what it has: at most the chunk whose answer was cut off went out again.
    expect(board.stats.chunkPosts.filter(count => count > 1).length).toBeLessThanOrEqual(1)
  })

  it('ends a request that nobody answers any more, long before its time is up', async () => {
    await bench.reopen({ retryPolicy: { ...quickRetryPolicy, requestTimeoutMs: 60_000 } })
    // Slow enough for each chunk to be shown.
    const { board, jobId } = await start({
      faults: [
        { name: 'slow', ms: 60 },
        { name: 'no-answer', chunk: 3 },
      ],
    })
    let requests = Number.POSITIVE_INFINITY
    bench.watch(job => {
      if (job.doneBytes === 3 * CHUNK) requests = Math.min(requests, board.stats.requests)
    })
    await vi.waitFor(() => {
      expect(board.stats.requests).toBeGreaterThan(requests)
    })
    bench.station.engine.wake(20_000)
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'proven' })
  })

  it('asks what became of a completion instead of sending it again', async () => {
    await bench.reopen({ retryPolicy: { ...quickRetryPolicy, completionFloorMs: 60_000 } })
    const { board, jobId } = await start({
      faults: [
        { name: 'cut', chunk: 'complete', at: 'after-process' },
        { name: 'slow', ms: 20 },
      ],
    })
    await bench.until(jobId, job => job.completion === 'sent')
    bench.station.engine.wake(20_000)
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'proven' })
    expect(board.stats.completePosts).toBe(1)
  })

  it('does not go on with another board that took the place of the first one', async () => {
    const { board, jobId } = await start()
    await midway(jobId)
    await board.close()
    const other = await bench.board({ port: board.port, identity: { mac: '02:00:00:00:00:77', id: 'other' } })
    bench.station.engine.wake(34_000)
    expect(await bench.ended(jobId)).toMatchObject({ state: 'failed', error: { code: 'device.identity-changed' } })
    expect(other.stats.chunkPosts.reduce((sum, count) => sum + count, 0)).toBe(0)
  })

  it('is noticed by the clocks of the station', async () => {
    let wallMs = 0
    const clock: Clock = { ...systemClock, nowMs: () => Date.now() + wallMs }
    await bench.reopen({ clock, uptimeMs: () => performance.now() + wallMs })
    bench.station.watchSleep()
    const { jobId } = await start()
    await midway(jobId)
    wallMs = 30_000
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'proven' })
    expect(codes).toContain('job.slept')
    expect(codes).not.toContain('clock.set')
  })

  it('leaves a job alone that was paused, by a person or by the desktop application before the sleep', async () => {
    const { engine } = bench.station
    const { jobId } = await start()
    await midway(jobId)
    engine.pause([jobId])
    await bench.until(jobId, job => job.state === 'paused')
    engine.wake(34_000)
    expect(codes).not.toContain('job.slept')
    await engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'proven', attempts: 1 })
  })

  it('keeps a job paused whose pause was asked for and not reached before the sleep', async () => {
    const { engine } = bench.station
    const { jobId } = await start()
    await midway(jobId)
    engine.pause([jobId])
    engine.wake(34_000)
    await bench.until(jobId, job => job.state === 'paused')
    expect(states).not.toContain('finished')
    await engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'proven' })
  })

  it('lets a job be cancelled all the same', async () => {
    const { engine } = bench.station
    const { jobId } = await start()
    await midway(jobId)
    engine.wake(34_000)
    await engine.cancel([jobId])
    expect(await bench.ended(jobId)).toMatchObject({ state: 'cancelled' })
  })
})

describe('a clock that is set', () => {
  it('is named in the log and changes nothing', async () => {
    const { jobId } = await start()
    await midway(jobId)
    bench.station.engine.noteClockSet(-3_600_000)
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'proven', attempts: 1 })
    const lines = bench.station.journal('station').logLines(jobId)
    expect(lines.find(line => line.code === 'clock.set')?.text).toContain('set back by 3600 s')
    expect(states).not.toContain('paused')
  })
})
