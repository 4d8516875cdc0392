import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CallContext, Handlers, JobRecord } from '../../src/shared/contract/index.ts'
import { commands } from '../../src/shared/contract/index.ts'
import type { EventName } from '../../src/shared/contract/events.ts'
import { createHandlers } from '../../src/worker/handlers.ts'
import { demoImage, openBench, type Bench } from '../fakes/bench.ts'

let bench: Bench
let handlers: Handlers<'worker'>
let told: { name: EventName; payload: unknown }[]
const context: CallContext = { signal: new AbortController().signal, caller: 'page' }

beforeEach(async () => {
  told = []
  bench = await openBench({
    emit: (name, payload) => {
      told.push({ name, payload })
    },
  })
  handlers = createHandlers({ station: bench.station, emit: () => undefined, stop: () => Promise.resolve() })
})
afterEach(async () => {
  await bench.close()
})

function eventsOf(name: EventName): unknown[] {
  return told.filter(each => each.name === name).map(each => each.payload)
}

async function recordOf(jobId: string): Promise<JobRecord> {
  const { record } = await handlers['log.show']({ jobId }, context)
  // The journal keeps the record in the entry of its chain.
  return (record as { record: JobRecord }).record
}

describe('settings', () => {
  it('are told to everybody when they change, and reach the jobs that begin afterwards', async () => {
    const settings = await handlers['settings.set']({ stationName: 'Bench A3', retries: 0 }, context)
    expect(eventsOf('settings.changed')).toEqual([{ settings }])
    expect(await handlers['settings.get']({}, context)).toEqual(settings)
    const board = await bench.board({ faults: [{ name: 'error-500', chunk: 2, times: 1 }] })
    const [job] = await bench.flash({ targets: [board.target], options: { chunkBytes: 4096 } })
    expect(job).toMatchObject({ verdict: 'proven', retries: 0 })
    // Without repeating the request the whole job is tried again.
    expect(job?.attempts).toBe(2)
    expect((await recordOf(job?.jobId ?? '')).station).toBe('Bench A3')
  })
})

describe('a job', () => {
  it('can be traced while it lives and afterwards, and its target keeps the telemetry', async () => {
    const board = await bench.board()
    const [job] = await bench.flash({ targets: [board.target] })
    const trace = commands['job.trace'].response.parse(
      await handlers['job.trace']({ jobId: job?.jobId ?? '' }, context),
    )
    expect(trace.lines.map(line => line.code)).toContain('completion.succeeded')
    expect(trace.samples.length).toBeGreaterThan(0)
    const { samples } = await handlers['telemetry.history']({ target: board.target }, context)
    expect(samples).toEqual(trace.samples)
    expect(trace.next).toBeNull()
    const jobId = job?.jobId ?? ''
    const newest = await handlers['job.trace']({ jobId, limit: 3 }, context)
    expect(newest.lines).toEqual(trace.lines.slice(-3))
    const older = await handlers['job.trace'](
      { jobId, limit: 3, before: { line: newest.next?.line ?? 0, sample: 0 } },
      context,
    )
    expect(older.lines).toEqual(trace.lines.slice(-6, -3))
    expect(older.samples).toEqual([])
    await expect(handlers['job.trace']({ jobId: 'j-none' }, context)).rejects.toMatchObject({ code: 'job.not-found' })
  })

  it('is verified with the journal that holds it', async () => {
    await bench.flash({ targets: [(await bench.board()).target] })
    expect(await handlers['log.check']({}, context)).toMatchObject({ valid: true, records: 1 })
    expect(await handlers['log.check']({ practice: true }, context)).toMatchObject({ valid: true, records: 0 })
  })
})

describe('devices', () => {
  it('are added with what they say, labelled by their key, and forgotten', async () => {
    const board = await bench.board()
    const { device, probe } = await handlers['device.add']({ target: board.target }, context)
    expect(probe).toMatchObject({ reachable: true, protocols: ['esp-parts'] })
    expect(device).toMatchObject({
      key: `mac:${board.identity.mac}`,
      target: board.target,
      appName: 'thermostat',
      appVersion: '1.0.0',
      label: null,
    })
    await handlers['device.label']({ key: device.key, label: 'Socket 1' }, context)
    const listed = await handlers['device.list']({}, context)
    expect(listed.devices.find(each => each.key === device.key)).toMatchObject({ label: 'Socket 1' })
    await handlers['device.forget']({ key: device.key }, context)
    const after = await handlers['device.list']({}, context)
    expect(after.devices.map(each => each.key)).not.toContain(device.key)
  })

  it('are added also when they are silent, and refused when the address is none', async () => {
    const gone = await bench.board()
    await gone.close()
    const { device, probe } = await handlers['device.add']({ target: gone.target }, context)
    expect(probe.reachable).toBe(false)
    expect(device).toMatchObject({ key: gone.target, lastSeenAt: null })
    const listed = await handlers['device.list']({}, context)
    expect(listed.devices.map(each => each.target)).toContain(gone.target)
    const add = async (target: string): Promise<unknown> => await handlers['device.add']({ target }, context)
    await expect(add('https://board')).rejects.toMatchObject({ code: 'target.invalid' })
    await expect(add('nobody')).rejects.toMatchObject({ code: 'target.unknown' })
  })
})

it('firmware that is open is listed for a page that loads late', async () => {
  const firmwareId = await bench.firmwareId(demoImage())
  const { firmware } = commands['firmware.list'].response.parse(await handlers['firmware.list']({}, context))
  expect(firmware.map(each => each.firmwareId)).toEqual([firmwareId])
})

it('this computer is checked without a request to anybody', async () => {
  const { items } = commands['pc.check'].response.parse(await handlers['pc.check']({}, context))
  expect(items.map(item => item.id)).toContain('disk')
})
