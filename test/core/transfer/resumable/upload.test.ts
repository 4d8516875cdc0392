import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobSnapshot } from '../../../../src/shared/contract/models.ts'
import { systemClock } from '../../../../src/core/clock.ts'
import { isEndpoint, parseTarget } from '../../../../src/core/discovery/target.ts'
import { resumable } from '../../../../src/core/transfer/resumable/protocol.ts'
import { demoImage, openBench, quickRetryPolicy, type Bench } from '../../../fakes/bench.ts'
import { joined, ScriptedServer, type ScriptedServerOptions } from './scripted-server.ts'

const CHUNK = 4096
const COUNT = 20
const image = demoImage(COUNT * CHUNK + 100)
const sha256 = createHash('sha256').update(image).digest('hex')
const NAME = `fw-${sha256.slice(0, 8)}.bin`

let bench: Bench
const servers: ScriptedServer[] = []

beforeEach(async () => {
  const quick = { requestTimeoutMs: 300, completionFloorMs: 60, rebootTimeoutMs: 300, firstDelayMs: 1 }
  bench = await openBench({ protocols: [resumable], retryPolicy: { ...quickRetryPolicy, ...quick } })
})
afterEach(async () => {
  await bench.close()
  await Promise.all(servers.splice(0).map(server => server.close()))
})

async function serve(options: ScriptedServerOptions = {}): Promise<ScriptedServer> {
  const server = await ScriptedServer.start(options)
  servers.push(server)
  return server
}

interface Order {
  readonly options?: Readonly<Record<string, string | number | boolean>>
  readonly accept?: string[]
}

async function start(server: ScriptedServer, order: Order = {}, bytes = image): Promise<string> {
  const firmwareId = await bench.firmwareId(bytes, 'fw.bin')
  const options = { chunkBytes: CHUNK, ...order.options }
  const common = { firmwareId, targets: [server.target], protocol: 'resumable' }
  const { jobIds } = await bench.station.engine.start({ ...common, ...order, options })
  return jobIds[0] ?? ''
}

async function flash(server: ScriptedServer, order: Order = {}, bytes = image): Promise<JobSnapshot> {
  return await bench.ended(await start(server, order, bytes))
}

function chunksSent(server: ScriptedServer): number[] {
  return server
    .of('upload')
    .map(({ chunk }) => chunk)
    .toSorted((left, right) => left - right)
}

const all = Array.from({ length: COUNT }, (_, index) => index + 1)

describe('an upload to the seed’s server', () => {
  it('asks for each chunk, sends it, and asks what was joined', async () => {
    const server = await serve()
    const job = await flash(server)
    expect(job).toMatchObject({
      state: 'finished',
      verdict: 'acknowledged',
      boardNow: 'unknown',
      unplug: 'safe',
      doneBytes: image.length,
      error: null,
    })
    expect(job.evidence.map(({ level, value, matches }) => [level, value, matches])).toEqual([
      ['sent', String(image.length), null],
      ['acknowledged', `${NAME}, ${String(image.length)} bytes`, true],
    ])
    expect(server.files.get(NAME)).toEqual(Buffer.from(image))
    expect(chunksSent(server)).toEqual(all)
    expect(
      server
        .of('test')
        .map(({ chunk }) => chunk)
        .toSorted((left, right) => left - right),
    ).toEqual(all)
    expect(server.of('summary')).toHaveLength(2)
    const done = bench.snapshots.map(({ doneBytes }) => doneBytes)
    expect(done).toEqual(done.toSorted((left, right) => left - right))
  })

  it('carries every parameter in the address and in the form, the file last', async () => {
    const server = await serve()
    await flash(server)
    for (const { query, fields, fileName, bytes, chunk } of server.of('upload')) {
      expect(fields).toEqual([...query])
      expect([fileName, query.get('resumableFilename')]).toEqual([NAME, NAME])
      expect(Number(query.get('resumableCurrentChunkSize'))).toBe(bytes.length)
      expect(bytes.length).toBe(chunk === COUNT ? image.length - (COUNT - 1) * CHUNK : CHUNK)
      expect(query.get('resumableIdentifier')).toMatch(
        new RegExp(`^${String(image.length)}-${sha256.slice(0, 16)}-fw-`),
      )
    }
  })

  it.each([
    [{}, 4],
    [{ simultaneousUploads: 1 }, 1],
    [{ simultaneousUploads: 9 }, 9],
  ])('sends several chunks at once: %j', async (options, atOnce) => {
    const server = await serve({ together: atOnce })
    expect(await flash(server, { options })).toMatchObject({ verdict: 'acknowledged' })
    expect(server.mostAtOnce).toBe(atOnce)
    expect(server.files.get(NAME)).toEqual(Buffer.from(image))
  })

  it.each([
    [{ mode: 'octet' }, COUNT],
    [{ forceChunkSize: true }, COUNT + 1],
    [{ testChunks: false }, COUNT],
    [{ chunkBytes: 'auto' }, 1],
    [{ keepFileName: true }, COUNT],
  ])('works with %j', async (options: Record<string, string | boolean>, chunks) => {
    const server = await serve()
    const job = await flash(server, { options })
    expect(job).toMatchObject({ verdict: 'acknowledged' })
    expect(server.of('upload')).toHaveLength(chunks)
    expect(server.files.get(options['keepFileName'] === true ? 'fw.bin' : NAME)).toEqual(Buffer.from(image))
    if (options['testChunks'] === false) expect(server.of('test')).toEqual([])
  })

  it('asks a board one thing at a time', async () => {
    const telemetry = (): unknown => ({ device: { mac: '02:00:00:00:00:01', chip: 'ESP32' } })
    const server = await serve({ telemetry, together: 1 })
    expect(await flash(server, { options: { chunkBytes: 'auto' } })).toMatchObject({ verdict: 'acknowledged' })
    expect([server.mostAtOnce, server.of('upload').length]).toEqual([1, 5])
  })

  it('keeps the board’s power once the server may have all', async () => {
    const server = await serve()
    await flash(server)
    const seen = bench.snapshots.filter(({ state }) => state === 'transferring')
    expect([...new Set(seen.map(({ boardNow, unplug }) => `${boardNow} ${unplug}`))]).toEqual([
      'old-firmware safe',
      'unknown keep-powered',
    ])
  })
})

describe('the Node sample', () => {
  it('says only that it holds every chunk', async () => {
    const server = await serve({ profile: 'node' })
    const job = await flash(server)
    expect(job).toMatchObject({ state: 'finished', verdict: 'acknowledged' })
    expect(job.warnings.join()).toContain('holds every chunk')
    expect(joined([...server.parts.values()][0] ?? new Map())).toEqual(Buffer.from(image))
  })

  it('answers 200 to a chunk that it refuses, and that is no success', async () => {
    const server = await serve({ profile: 'node' })
    const job = await flash(server, { options: { forceChunkSize: true } })
    expect(job).toMatchObject({ state: 'failed', error: { code: 'device.refused' }, boardNow: 'old-firmware' })
    expect(job.error?.message).toContain('invalid_resumable_request1')
    expect(job.verdict).toBe('unproven')
  })
})

describe('a file of this name', () => {
  it('is asked about before anything is sent, and is never a success', async () => {
    const server = await serve()
    server.files.set('fw.bin', Buffer.from('another build'))
    const job = await flash(server, { options: { keepFileName: true } })
    expect(job).toMatchObject({ state: 'failed', error: { code: 'job.decision-needed' }, boardNow: 'old-firmware' })
    expect(job.error?.details).toMatchObject({ accept: 'file-exists', existingBytes: 13 })
    expect(server.of('upload')).toEqual([])
  })

  it('is replaced when a person accepts that, without the server being believed that it has the chunks', async () => {
    const server = await serve()
    server.files.set('fw.bin', Buffer.from('another build'))
    const job = await flash(server, { options: { keepFileName: true }, accept: ['file-exists'] })
    expect(job).toMatchObject({ state: 'finished', verdict: 'acknowledged' })
    expect(job.warnings.join()).toContain('was there before')
    expect([chunksSent(server), server.of('test')]).toEqual([all, []])
    expect(server.files.get('fw.bin')).toEqual(Buffer.from(image))
  })

  it('that is still the old one after all contradicts', async () => {
    const server = await serve({ failsToJoin: 99 })
    server.files.set('fw.bin', Buffer.from('another build'))
    const job = await flash(server, { options: { keepFileName: true }, accept: ['file-exists'] })
    expect(job).toMatchObject({ verdict: 'unproven', reason: 'contradicted' })
  })

  it('is no question for another build, whose name differs', async () => {
    const server = await serve()
    server.files.set('fw.bin', Buffer.from('another build'))
    expect(await flash(server)).toMatchObject({ verdict: 'acknowledged' })
  })

  it('is told in a review', async () => {
    const server = await serve()
    server.files.set('fw.bin', Buffer.from('another build'))
    const endpoint = parseTarget(server.target)
    if (!isEndpoint(endpoint)) throw new Error('no endpoint')
    const firmwareId = await bench.firmwareId(image, 'fw.bin')
    const { inspection, image: memory } = bench.station.firmware.get(firmwareId)
    const order = {
      endpoint,
      image: { fileName: 'fw.bin', sizeBytes: image.length, inspection, segments: memory.segments },
      requiredLevel: null,
    }
    const reading = { signal: new AbortController().signal, clock: systemClock, timeoutMs: 1000 }
    const { judgements } = await resumable.review({ ...order, options: { keepFileName: true } }, reading)
    expect(judgements.filter(({ kind }) => kind === 'question')).toMatchObject([{ code: 'file-exists' }])
    const others = await resumable.review({ ...order, options: {} }, reading)
    expect(others.judgements.filter(({ kind }) => kind === 'question')).toEqual([])
  })
})

describe('a chunk that goes wrong once', () => {
  it.each([
    ['before', 1],
    ['after', 1],
    ['before', 7],
    ['after', 7],
    ['before', COUNT],
    ['after', COUNT],
  ] as const)('is sent again: broken %s, chunk %i', async (fate, chunk) => {
    const server = await serve({
      fate: (request, count) =>
        request.what === 'upload' && request.chunk === chunk && count === 0 ? fate : undefined,
    })
    const job = await flash(server)
    expect(job).toMatchObject({ state: 'finished', verdict: 'acknowledged', retries: 1 })
    expect(server.of('upload').length - COUNT).toBeLessThanOrEqual(1)
    expect(server.files.get(NAME)).toEqual(Buffer.from(image))
    expect(server.parts.size).toBe(0)
  })

  it.each([503, 204, 429])('is sent again after %i', async status => {
    const server = await serve({
      fate: ({ what, chunk }, count) =>
        what === 'upload' && chunk === 3 && count === 0 ? { status, body: '' } : undefined,
    })
    expect(await flash(server)).toMatchObject({ verdict: 'acknowledged', retries: 1 })
  })

  it('is tried seven times, as the seed’s page does', async () => {
    const server = await serve({
      fate: ({ what, chunk }, count) =>
        what === 'upload' && chunk === 3 && count < 6 ? { status: 503, body: '' } : undefined,
    })
    expect(await flash(server)).toMatchObject({ verdict: 'acknowledged', retries: 6, attempts: 1 })
  })

  it('ends the upload after a permanent status, told once, with the other chunks stopped', async () => {
    const server = await serve({
      together: 2,
      fate: ({ what, chunk }) => (what === 'upload' && chunk === 5 ? { status: 413, body: 'too large' } : undefined),
    })
    const job = await flash(server)
    expect(job).toMatchObject({
      state: 'failed',
      error: { code: 'device.refused' },
      boardNow: 'old-firmware',
      unplug: 'safe',
    })
    expect(chunksSent(server).filter(chunk => chunk === 5)).toHaveLength(1)
    expect(server.of('upload').length).toBeLessThanOrEqual(9)
  })

  it.each([
    [false, 'failed'],
    [true, 'finished'],
  ])('after 500 is tried again only when that is wished: %s', async (retryServerErrors, state) => {
    const server = await serve({
      fate: ({ what, chunk }, count) =>
        what === 'upload' && chunk === 5 && count === 0 ? { status: 500, body: '' } : undefined,
    })
    expect(await flash(server, { options: { retryServerErrors } })).toMatchObject({ state })
  })
})

describe('after the last chunk', () => {
  it('another size contradicts the image', async () => {
    const server = await serve({
      change: ({ what }, answer) =>
        what === 'summary' && answer.body.includes('complete')
          ? { status: 200, body: '{"status": "complete", "size": 5}' }
          : answer,
    })
    expect(await flash(server)).toMatchObject({ verdict: 'unproven', reason: 'contradicted', boardNow: 'unknown' })
  })

  it('parts that the server did not join are made to be joined by one more chunk', async () => {
    const server = await serve({ failsToJoin: 1 })
    expect(await flash(server)).toMatchObject({ state: 'finished', verdict: 'acknowledged' })
    expect(server.of('upload')).toHaveLength(COUNT + 1)
    expect(server.files.get(NAME)).toEqual(Buffer.from(image))
  })

  it('parts that it never joins are no success', async () => {
    const server = await serve({ failsToJoin: 99 })
    const job = await flash(server)
    expect(job).toMatchObject({ state: 'failed', verdict: 'unproven', boardNow: 'old-firmware' })
    expect(server.files.size).toBe(0)
  })

  it('a part that the server lost meanwhile is sent again', async () => {
    let isLost = false
    const server = await serve({
      fate({ what }) {
        if (what !== 'summary' || isLost || server.of('upload').length < COUNT) return undefined
        isLost = true
        const parts = [...server.parts.values()][0]
        parts?.delete(4)
        return undefined
      },
      failsToJoin: 1,
    })
    expect(await flash(server)).toMatchObject({ verdict: 'acknowledged' })
    expect(chunksSent(server)).toEqual([...all, 4].toSorted((left, right) => left - right))
    expect(server.files.get(NAME)).toEqual(Buffer.from(image))
  })

  it('a server that falls silent leaves the device’s OK, and says that more is not known', async () => {
    const server = await serve({
      fate: ({ what }) => (what === 'summary' && server.of('upload').length >= COUNT ? 'before' : undefined),
    })
    const job = await flash(server)
    expect(job).toMatchObject({ verdict: 'acknowledged' })
    expect(job.warnings.join()).toContain('did not answer whether it joined')
  })
})

describe('a server that says “present” to everything', () => {
  it('is a web page, so that every chunk is sent and refused there', async () => {
    const server = await serve({
      fate: ({ method }) => (method === 'GET' ? { status: 200, body: '<html>home' } : undefined),
    })
    const job = await flash(server)
    expect(chunksSent(server)).toEqual(all)
    expect(job.warnings.join()).toContain('cannot confirm')
  })

  it('gets at least one chunk before anything counts as done', async () => {
    const server = await serve({
      fate: ({ method, what }) => (method === 'GET' && what === 'test' ? { status: 200, body: 'OK' } : undefined),
      change: ({ what }, answer) => (what === 'summary' ? { status: 404, body: '' } : answer),
    })
    const job = await flash(server)
    expect(chunksSent(server)).toEqual([COUNT])
    expect(job.warnings.join()).toContain('holds every chunk')
  })
})

describe('another process', () => {
  it.each([{}, { simultaneousUploads: 1 }])('goes on with what the server lacks: %j', async options => {
    let isBroken = true
    const server = await serve({
      fate: ({ what, chunk }) => (what === 'upload' && chunk === 9 && isBroken ? 'before' : undefined),
    })
    const jobId = await start(server, { options })
    await bench.until(jobId, ({ retries }) => retries > 0)
    await bench.reopen()
    isBroken = false
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ state: 'finished', verdict: 'acknowledged' })
    expect(server.of('upload').length).toBeLessThanOrEqual(COUNT + 8)
    expect(server.files.get(NAME)).toEqual(Buffer.from(image))
  })

  it('does not take a chunk that was under way for whole, although the server has it', async () => {
    let isBroken = true
    const server = await serve({
      fate({ what, chunk, query, bytes }) {
        if (what !== 'upload' || chunk !== 9 || !isBroken) return undefined
        const identifier = query.get('resumableIdentifier') ?? ''
        server.parts.get(identifier)?.set(9, bytes.subarray(0, 10))
        return 'before'
      },
    })
    const jobId = await start(server, { options: { simultaneousUploads: 1 } })
    await bench.until(jobId, ({ retries }) => retries > 0)
    await bench.reopen()
    isBroken = false
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'acknowledged' })
    expect(server.files.get(NAME)).toEqual(Buffer.from(image))
  })

  it('learns that the upload was complete when only the last answer was lost', async () => {
    let isBroken = true
    const server = await serve({
      fate: ({ what, chunk }) => {
        if (!isBroken || server.of('upload').length < COUNT) return undefined
        return what === 'upload' && chunk === COUNT ? 'after' : 'before'
      },
    })
    const jobId = await start(server, { options: { simultaneousUploads: 1 } })
    await bench.until(jobId, ({ retries }) => retries > 0)
    await bench.reopen()
    isBroken = false
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ state: 'finished', verdict: 'acknowledged' })
    expect(chunksSent(server)).toEqual(all)
  })

  it('does not call the old firmware safe again because a server that may have all breaks off', async () => {
    let run = 1
    const server = await serve({
      fate({ what, chunk }) {
        if (what === 'summary') return { status: 404, body: '' }
        if (run === 1) return what === 'upload' && chunk === COUNT ? 'after' : undefined
        return what === 'upload' || chunk !== 1 ? 'before' : undefined
      },
    })
    const jobId = await start(server, { options: { simultaneousUploads: 1 } })
    await bench.until(jobId, ({ retries }) => retries > 0)
    await bench.reopen()
    expect(bench.station.engine.locate(jobId).snapshot).toMatchObject({ completion: 'sent', boardNow: 'unknown' })
    run = 2
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({
      state: 'failed',
      completion: 'sent',
      boardNow: 'unknown',
      unplug: 'keep-powered',
    })
  })

  it('sends all again to a server that removed the parts', async () => {
    let isBroken = true
    const server = await serve({
      fate: ({ what, chunk }) => (what === 'upload' && chunk === 9 && isBroken ? 'before' : undefined),
    })
    const jobId = await start(server)
    await bench.until(jobId, ({ retries }) => retries > 0)
    await bench.reopen()
    isBroken = false
    server.parts.clear()
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'acknowledged' })
    expect(server.files.get(NAME)).toEqual(Buffer.from(image))
  })
})

describe('without asking for chunks', () => {
  const HOUR_MS = 3_600_000
  const mac = '02:00:00:00:00:09'
  const told = (): unknown => ({ device: { mac } })

  it.each([
    ['a server that nobody vouches for gets all again', {}, [], 0, true],
    ['a server that a person vouches for gets what was not acknowledged', {}, ['resume-unidentified'], 0, false],
    ['a server that tells who it is gets what was not acknowledged', { telemetry: told }, [], 5, false],
    ['a server that may have removed the parts gets all again', { telemetry: told }, [], 5.9, true],
  ] as const)('%s', async (_name, behaviour, accept, hoursLater, isAll) => {
    let isBroken = true
    const server = await serve({
      ...behaviour,
      fate: ({ what, chunk }) => (what === 'upload' && chunk === 9 && isBroken ? 'before' : undefined),
    })
    const options = { testChunks: false, simultaneousUploads: 1 }
    const jobId = await start(server, { options, accept: [...accept] })
    await bench.until(jobId, ({ retries }) => retries > 0)
    const nowMs = (): number => Date.now() + hoursLater * HOUR_MS
    await bench.reopen({ clock: { ...systemClock, nowMs } })
    isBroken = false
    const before = server.of('upload').length
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ state: 'finished', verdict: 'acknowledged' })
    expect(server.of('upload').length - before).toBe(isAll ? COUNT : COUNT - 8)
    expect(server.of('test')).toEqual([])
    expect(server.files.get(NAME)).toEqual(Buffer.from(image))
  })
})

describe('a person', () => {
  it('pauses and goes on, with four chunks under way', async () => {
    const server = await serve({ together: 3 })
    const jobId = await start(server)
    await bench.until(jobId, ({ doneBytes }) => doneBytes > 0)
    bench.station.engine.pause([jobId])
    await bench.until(jobId, ({ state }) => state === 'paused')
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ state: 'finished', verdict: 'acknowledged' })
    expect(bench.snapshots.at(-1)?.state).toBe('finished')
    expect(chunksSent(server)).toEqual(all)
  })

  it('cancels: nothing more is sent, and the old firmware is as it was', async () => {
    const server = await serve({ fate: ({ what, chunk }) => (what === 'upload' && chunk === 6 ? 'before' : undefined) })
    const jobId = await start(server)
    await bench.until(jobId, ({ retries }) => retries > 0)
    await bench.station.engine.cancel([jobId])
    expect(await bench.ended(jobId)).toMatchObject({
      state: 'cancelled',
      boardNow: 'old-firmware',
      unplug: 'safe',
      error: { code: 'job.cancelled' },
    })
  })
})

describe('a probe', () => {
  const probe = async (server: ScriptedServer): Promise<boolean> => {
    const endpoint = parseTarget(server.target)
    if (!isEndpoint(endpoint)) throw new Error('no endpoint')
    const reading = { signal: new AbortController().signal, clock: systemClock, timeoutMs: 1000 }
    return (await resumable.probe(endpoint, reading)).isMatch
  }

  it('only reads, and is sure only of a server that tells of uploads', async () => {
    const flask = await serve()
    expect(await probe(flask)).toBe(true)
    expect(flask.requests.every(({ method }) => method === 'GET')).toBe(true)
    expect(await probe(await serve({ profile: 'node' }))).toBe(false)
    expect(await probe(await serve({ fate: () => ({ status: 200, body: '{"status": "not_found"}' }) }))).toBe(false)
    expect(await probe(await serve({ fate: () => ({ status: 405, body: '' }) }))).toBe(false)
  })
})
