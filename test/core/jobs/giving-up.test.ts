import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { events } from '../../../src/shared/contract/events.ts'
import { demoImage, openBench, type Bench } from '../../fakes/bench.ts'

let bench: Bench
beforeEach(async () => {
  bench = await openBench()
})
afterEach(async () => {
  await bench.close()
})

/** Starts a job on a slow board and stops the station in the middle of it. */
async function interrupted(): Promise<string> {
  const board = await bench.board({ faults: [{ name: 'slow', ms: 10 }] })
  const firmwareId = await bench.firmwareId(demoImage())
  const { jobIds } = await bench.station.engine.start({
    firmwareId,
    targets: [board.target],
    options: { chunkBytes: 1024 },
  })
  const [jobId = ''] = jobIds
  await bench.until(jobId, job => job.doneBytes > 0)
  await bench.reopen()
  expect(bench.station.engine.locate(jobId).snapshot.state).toBe('interrupted')
  return jobId
}

describe('giving up an interrupted job', () => {
  it('ends it as cancelled with what the board is, and seals its record', async () => {
    const jobId = await interrupted()
    await bench.station.engine.cancel([jobId])
    const { snapshot, sequence, journal } = bench.station.engine.locate(jobId)
    expect(snapshot).toMatchObject({
      state: 'cancelled',
      boardNow: 'old-firmware',
      unplug: 'safe',
      error: { code: 'job.cancelled' },
    })
    expect(snapshot.doneBytes).toBeGreaterThan(0)
    expect(snapshot.endedAt).not.toBeNull()
    expect(sequence).toBe(1)
    expect(journal.getJob(jobId)?.owner).toBeNull()
    expect(journal.logLines(jobId).map(line => line.code)).toContain('job.cancelled')
  })

  it('twice at once seals one record, and a second time is refused', async () => {
    const jobId = await interrupted()
    const { engine } = bench.station
    await Promise.all([engine.cancel([jobId]), engine.cancel([jobId])])
    expect(engine.locate(jobId).journal.head().sequence).toBe(1)
    await expect(engine.cancel([jobId])).rejects.toMatchObject({ code: 'job.wrong-state' })
  })

  it('together with one that never was changes nothing', async () => {
    const jobId = await interrupted()
    await expect(bench.station.engine.cancel([jobId, 'j-none'])).rejects.toMatchObject({ code: 'job.not-found' })
    expect(bench.station.engine.locate(jobId).snapshot.state).toBe('interrupted')
  })

  it('can still be gone on with afterwards', async () => {
    const jobId = await interrupted()
    await bench.station.engine.cancel([jobId])
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.until(jobId, job => job.state === 'finished')).toMatchObject({ verdict: 'proven' })
  })
})

describe('a paused job', () => {
  it('ends as cancelled with the old firmware and a record', async () => {
    const board = await bench.board({ faults: [{ name: 'slow', ms: 10 }] })
    const firmwareId = await bench.firmwareId(demoImage())
    const { jobIds } = await bench.station.engine.start({
      firmwareId,
      targets: [board.target],
      options: { chunkBytes: 1024 },
    })
    const [jobId = ''] = jobIds
    await bench.until(jobId, job => job.doneBytes > 0)
    bench.station.engine.pause([jobId])
    await bench.until(jobId, job => job.state === 'paused')
    await bench.station.engine.cancel([jobId])
    expect(await bench.ended(jobId)).toMatchObject({ state: 'cancelled', boardNow: 'old-firmware', unplug: 'safe' })
    expect(bench.station.engine.locate(jobId).sequence).toBe(1)
  })
})

describe('what a page shows that comes late', () => {
  it('holds interrupted jobs from before and ended ones of this session, not older ended ones', async () => {
    const [old] = await bench.flash({ targets: [(await bench.board()).target] })
    const jobId = await interrupted()
    const [done] = await bench.flash({ targets: [(await bench.board()).target] })
    const listed = await bench.station.engine.listBench()
    expect(listed.map(job => job.jobId)).toEqual([done?.jobId, jobId])
    expect(listed.map(job => job.jobId)).not.toContain(old?.jobId)
  })
})

describe('a job that goes on interactively', () => {
  it('asks by an event and goes on with the answer', async () => {
    const asked: { jobId: string; code: string }[] = []
    await bench.reopen({
      emit: (name, payload) => {
        if (name !== 'decision.asked') return
        const { jobId, decision } = events['decision.asked'].parse(payload)
        asked.push({ jobId, code: decision.code })
      },
    })
    const board = await bench.board({ firmware: { name: 'gateway' } })
    const [job] = await bench.flash({ targets: [board.target] })
    expect(job).toMatchObject({ state: 'failed', error: { code: 'job.decision-needed' } })
    const jobId = job?.jobId ?? ''
    await bench.station.engine.resume({ jobIds: [jobId], interactive: true })
    await bench.until(jobId, snapshot => snapshot.state === 'waiting')
    expect(asked).toEqual([{ jobId, code: 'other-project' }])
    bench.station.engine.answer(jobId, 'other-project', 'accept', 'An')
    expect(await bench.until(jobId, snapshot => snapshot.state === 'finished')).toMatchObject({ verdict: 'proven' })
  })
})
