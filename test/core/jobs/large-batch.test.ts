import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { demoImage, openBench, type Bench } from '../../fakes/bench.ts'
import { fakeProtocol, proveStored } from '../../fakes/fake-protocol.ts'

const MANY = 200
let bench: Bench
let began: string[] = []
beforeEach(async () => {
  began = []
  bench = await openBench({
    protocols: [
      fakeProtocol(async (order, context) => {
        began.push(order.endpoint.text)
        if (order.endpoint.text.endsWith('/stays')) await context.clock.delay(3_600_000, context.signal)
        return proveStored(order, context)
      }),
    ],
  })
})
afterEach(async () => {
  await bench.close()
})

async function start(parallel: number): Promise<string[]> {
  const firmwareId = await bench.firmwareId(demoImage(4096))
  const targets = Array.from(
    { length: MANY },
    (_, number) => `http://127.0.0.1:9/${number === 0 ? 'stays' : String(number)}`,
  )
  return (await bench.station.engine.start({ firmwareId, targets, parallel })).jobIds
}

describe('a batch of two hundred', () => {
  it('is cancelled as a whole, each job with its record, and only what had begun was begun', async () => {
    const jobIds = await start(1)
    await bench.until(jobIds[0] ?? '', job => job.state === 'connecting')
    await bench.station.engine.cancel(jobIds)
    const ended = await Promise.all(jobIds.map(jobId => bench.ended(jobId)))
    expect(new Set(ended.map(job => job.state))).toEqual(new Set(['cancelled']))
    expect(began.length).toBeLessThanOrEqual(1)
    expect(bench.station.journal('station').head().sequence).toBe(MANY)
  })

  it('is interrupted as a whole when the worker stops, and all of it can go on', async () => {
    const jobIds = await start(1)
    await bench.until(jobIds[0] ?? '', job => job.state === 'connecting')
    await bench.reopen()
    const journal = bench.station.journal('station')
    expect(journal.listJobs().map(job => job.snapshot.state)).toEqual(Array.from({ length: MANY }, () => 'interrupted'))
    expect(journal.listJobs().every(job => job.owner === null)).toBe(true)
    const [stuck, ...others] = jobIds
    expect((await bench.station.engine.resume({})).jobIds).toEqual(jobIds)
    const ended = await Promise.all(others.map(jobId => bench.ended(jobId)))
    expect(ended.every(job => job.verdict === 'proven')).toBe(true)
    await bench.station.engine.cancel([stuck ?? ''])
    expect(await bench.ended(stuck ?? '')).toMatchObject({ state: 'cancelled' })
  })

  it('that is told to stop while it is being made leaves no job behind', async () => {
    const firmwareId = await bench.firmwareId(demoImage(4096))
    const targets = Array.from({ length: MANY }, (_, number) => `http://127.0.0.1:9/${String(number)}`)
    const starting = bench.station.engine.start({ firmwareId, targets }).catch((error: unknown) => error)
    const until = new Promise<void>(resolve => {
      const look = (): void => {
        if (bench.station.engine.list({ limit: 1 }).length > 0) resolve()
        else setImmediate(look)
      }
      look()
    })
    await until
    await bench.reopen()
    await starting
    const states = new Set(
      bench.station
        .journal('station')
        .listJobs()
        .map(job => job.snapshot.state),
    )
    expect([...states].every(state => state === 'interrupted' || state === 'finished')).toBe(true)
  })
})
