import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { readRemembered, rememberDevices } from '../../../src/core/discovery/remembered.ts'
import type { VirtualEsp32 } from '../../../src/simulator/virtual-esp32.ts'
import { demoImage, openBench, quickRetryPolicy, type Bench } from '../../fakes/bench.ts'
import { fakeDeviceEntry } from '../../fakes/fake-device-entry.ts'

let bench: Bench
beforeEach(async () => {
  bench = await openBench({ retryPolicy: { ...quickRetryPolicy, tries: 2, jobTries: 2, rebootTimeoutMs: 150 } })
})
afterEach(async () => {
  await bench.close()
})

const CHUNK = 4096
const image = demoImage(64 * 1024)
const slow = { faults: [{ name: 'slow', ms: 30 }] } as const
const MAC = '02:00:00:00:00:77'

function remember(board: VirtualEsp32, name = 'kitchen'): void {
  rememberDevices(bench.home, [fakeDeviceEntry(board.target, { name, identity: { mac: board.identity.mac } })])
}

/** Starts a job, and switches its board off in the middle of the chunks. */
async function breakOff(target: string): Promise<{ board: VirtualEsp32; jobId: string }> {
  const board = await bench.board({ ...slow, identity: { mac: MAC } })
  remember(board)
  const firmwareId = await bench.firmwareId(image, 'app.bin')
  const order = { firmwareId, targets: [target === '' ? board.target : target], options: { chunkBytes: CHUNK } }
  const { jobIds } = await bench.station.engine.start(order)
  const jobId = jobIds[0] ?? ''
  await bench.until(jobId, job => job.state === 'transferring' && job.doneBytes >= 3 * CHUNK)
  // What the job saw of the board is kept a moment later.
  await vi.waitFor(() => {
    expect(readRemembered(bench.home)).toMatchObject([{ protocols: ['esp-parts'] }])
  })
  await board.close()
  return { board, jobId }
}

async function sameBoardElsewhere({ identity }: VirtualEsp32): Promise<VirtualEsp32> {
  const moved = await bench.board({ identity })
  remember(moved)
  return moved
}

describe('a board that moves to another address in the middle of a job', () => {
  it('is followed where it was ordered by its name', async () => {
    const { board, jobId } = await breakOff('kitchen')
    const moved = await sameBoardElsewhere(board)
    // What was ordered stays; where the board was found is in the log.
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'proven', target: board.target })
    expect(moved.flash.readTarget('app.bin')).toEqual(image)
    const lines = bench.station.journal('station').logLines(jobId)
    expect(lines.find(({ code }) => code === 'device.moved')?.text).toContain(moved.target)
  })

  it('is followed by a resume in another process too, by its MAC', async () => {
    const { board, jobId } = await breakOff(`mac:${MAC}`)
    await bench.reopen()
    const moved = await sameBoardElsewhere(board)
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'proven' })
    expect(moved.flash.readTarget('app.bin')).toEqual(image)
  })

  it('is not where another board took its name: that one gets nothing', async () => {
    const { jobId } = await breakOff('kitchen')
    const other = await bench.board({ identity: { mac: '02:00:00:00:00:78' } })
    // The memory of the first is lost, as after it was given another name.
    bench.station.devices.forget(`mac:${MAC}`)
    remember(other)
    expect(await bench.ended(jobId)).toMatchObject({ state: 'failed', error: { code: 'device.identity-changed' } })
    expect(other.stats.chunkPosts).toEqual([])
  })

  it('is not where it was ordered by its address', async () => {
    const { board, jobId } = await breakOff('')
    const moved = await sameBoardElsewhere(board)
    expect(await bench.ended(jobId)).toMatchObject({ state: 'failed' })
    expect(moved.stats.requests).toBe(0)
  })
})
