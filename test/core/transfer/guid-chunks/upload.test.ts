import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobSnapshot } from '../../../../src/shared/contract/models.ts'
import { systemClock } from '../../../../src/core/clock.ts'
import { isEndpoint, parseTarget } from '../../../../src/core/discovery/target.ts'
import { guidChunks } from '../../../../src/core/transfer/guid-chunks/protocol.ts'
import { demoImage, openBench, quickRetryPolicy, type Bench } from '../../../fakes/bench.ts'
import { fail, ScriptedServer, type ScriptedAnswer, type ScriptedServerOptions } from './scripted-server.ts'

const CHUNK = 4096
const image = demoImage(20 * CHUNK + 100)
const LAST = 20

let bench: Bench
const servers: ScriptedServer[] = []

beforeEach(async () => {
  const retryPolicy = { ...quickRetryPolicy, requestTimeoutMs: 300, completionFloorMs: 100, rebootTimeoutMs: 500 }
  bench = await openBench({ protocols: [guidChunks], retryPolicy })
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
  readonly options?: Readonly<Record<string, string | number>>
  readonly require?: 'running'
  readonly secrets?: Record<string, string>
}

async function start(server: ScriptedServer, order: Order = {}, bytes = image): Promise<string> {
  const firmwareId = await bench.firmwareId(bytes, 'fw.bin')
  const options = { chunkBytes: CHUNK, ...order.options }
  const common = { firmwareId, targets: [server.target], protocol: 'guid-chunks' }
  const { jobIds } = await bench.station.engine.start({ ...common, ...order, options })
  return jobIds[0] ?? ''
}

async function flash(server: ScriptedServer, order: Order = {}, bytes = image): Promise<JobSnapshot> {
  return await bench.ended(await start(server, order, bytes))
}

function indexes(server: ScriptedServer): (number | null)[] {
  return server.of('chunk').map(({ index }) => index)
}

const inOrder = Array.from({ length: LAST + 1 }, (_, index) => index)

describe('an upload', () => {
  it('is an init and a PUT for each chunk, and the server’s OK is all that it proves', async () => {
    const server = await serve()
    const job = await flash(server)
    expect(job).toMatchObject({
      state: 'finished',
      verdict: 'acknowledged',
      required: 'acknowledged',
      boardNow: 'unknown',
      unplug: 'safe',
      doneBytes: image.length,
    })
    expect(job.evidence.map(({ level, value }) => [level, value])).toEqual([
      ['sent', String(image.length)],
      ['acknowledged', `fw.bin, ${String(image.length)} bytes`],
    ])
    expect(job.warnings.join()).toContain('all that it can give')
    expect(server.files.get('fw.bin')).toEqual(Buffer.from(image))
    expect([server.of('init').length, indexes(server), server.of('cancel').length]).toEqual([1, inOrder, 0])
    expect(server.problems).toEqual([])
    const done = bench.snapshots.map(({ doneBytes }) => doneBytes)
    expect(done).toEqual(done.toSorted((left, right) => left - right))
  })

  it('keeps the board’s power from the last chunk on, and not before', async () => {
    const server = await serve()
    const jobId = await start(server)
    await bench.ended(jobId)
    const seen = bench.snapshots.filter(({ state }) => state === 'transferring')
    const standings = [...new Set(seen.map(({ boardNow, unplug }) => `${boardNow} ${unplug}`))]
    expect(standings).toEqual(['old-firmware safe', 'unknown keep-powered'])
  })

  it.each([
    [CHUNK, 1],
    [CHUNK - 1, 1],
    [1, 1],
    [2 * CHUNK, 2],
  ])('of %i bytes is %i chunks', async (sizeBytes, chunks) => {
    const server = await serve()
    const bytes = Uint8Array.from({ length: sizeBytes }, (_, index) => (index * 7 + 1) & 0xff)
    const job = await flash(server, {}, bytes)
    expect(job).toMatchObject({ verdict: 'acknowledged' })
    expect(server.of('chunk')).toHaveLength(chunks)
    expect(server.files.get('fw.bin')).toEqual(Buffer.from(bytes))
  })

  it('goes with the credentials that the server wants, and no record of the job has them', async () => {
    const authorization = `Basic ${Buffer.from('anna:pässwort-7').toString('base64')}`
    const server = await serve({ authorization })
    const refused = await flash(server)
    expect(refused).toMatchObject({ state: 'failed', error: { code: 'device.unauthorised' }, boardNow: 'old-firmware' })
    const job = await flash(server, { options: { username: 'anna' }, secrets: { password: 'pässwort-7' } })
    expect(job).toMatchObject({ verdict: 'acknowledged' })
    expect(JSON.stringify(bench.snapshots)).not.toContain('pässwort-7')
  })
})

describe('a chunk that goes wrong once', () => {
  it.each([
    ['before', [0]],
    ['after', [0]],
    ['before', [7]],
    ['after', [7]],
    ['before', [LAST]],
  ] as const)('is sent again: broken %s, chunk %j', async (fate, [chunk]) => {
    const server = await serve({ fate: ({ index }, count) => (index === chunk && count === 0 ? fate : undefined) })
    const job = await flash(server)
    expect(job).toMatchObject({ state: 'finished', verdict: 'acknowledged', retries: 1 })
    expect([server.of('init').length, server.of('chunk').length]).toEqual([1, LAST + 2])
    expect(server.files.get('fw.bin')).toEqual(Buffer.from(image))
  })

  it.each([
    [{ status: 503, body: 'busy' }],
    [{ status: 200, body: 'garbled' }],
    [{ status: 200, body: { status: 'success', data: { chunkNumber: 4, complete: false } } }],
    [{ status: 429, body: '' }],
  ])('is sent again after %j', async fate => {
    const server = await serve({ fate: ({ index }, count) => (index === 3 && count === 0 ? fate : undefined) })
    expect(await flash(server)).toMatchObject({ verdict: 'acknowledged', retries: 1 })
    expect(server.files.get('fw.bin')).toEqual(Buffer.from(image))
  })
})

describe('the last answer', () => {
  it('that is lost leaves the outcome unknown, never a success and never a second upload by itself', async () => {
    const server = await serve({ fate: ({ index }, count) => (index === LAST && count === 0 ? 'after' : undefined) })
    const jobId = await start(server)
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({
      state: 'finished',
      verdict: 'unproven',
      reason: 'outcome-unknown',
      boardNow: 'unknown',
      unplug: 'keep-powered',
    })
    expect(job.evidence.map(({ level }) => level)).toEqual(['sent'])
    expect(job.warnings.join()).toContain('most likely it is complete')
    expect([server.of('init').length, server.of('cancel').length]).toEqual([1, 0])
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ state: 'finished', verdict: 'acknowledged' })
    expect(server.of('init')).toHaveLength(2)
  })

  it('that is a failure with the upload gone means: not complete, so it begins again', async () => {
    const server = await serve({
      fate({ index, url }, count) {
        if (index !== LAST || count > 0) return undefined
        server.sessions.delete(new URL(url, 'http://h').searchParams.get('guid') ?? '')
        return fail(500, 'the file could not be moved')
      },
    })
    expect(await flash(server)).toMatchObject({ verdict: 'acknowledged', boardNow: 'unknown' })
    expect(server.of('init')).toHaveLength(2)
    expect(server.files.get('fw.bin')).toEqual(Buffer.from(image))
  })

  it.each([
    [{ complete: false, receivedChunks: 20, totalChunks: 21 }],
    [{ complete: 'yes', receivedChunks: 21, totalChunks: 21 }],
  ])('%j is no success, and the upload is cancelled', async data => {
    const server = await serve({
      fate: ({ index }) => (index === LAST ? { status: 200, body: { status: 'success', data } } : undefined),
    })
    const job = await flash(server)
    expect(job).toMatchObject({ state: 'failed', verdict: 'unproven', boardNow: 'old-firmware', unplug: 'safe' })
    expect(job.error?.message).toMatch(/of 21 chunks/)
    expect(server.sessions.size).toBe(0)
  })

  it('with another size contradicts the image', async () => {
    const data = { fileName: 'fw.bin', size: image.length - 1, complete: true, receivedChunks: 21, totalChunks: 21 }
    const server = await serve({
      change: ({ index }, answer) => (index === LAST ? { status: 200, body: { status: 'success', data } } : answer),
    })
    expect(await flash(server)).toMatchObject({ verdict: 'unproven', reason: 'contradicted', boardNow: 'unknown' })
  })

  it('that comes before the last chunk is not believed', async () => {
    const data = { complete: true, receivedChunks: 21, totalChunks: 21 }
    const server = await serve({
      fate: ({ index }) => (index === 2 ? { status: 200, body: { status: 'success', data } } : undefined),
    })
    expect(await flash(server)).toMatchObject({ state: 'failed', boardNow: 'old-firmware' })
    expect(server.files.size).toBe(0)
  })
})

describe('an upload that the server forgets', () => {
  const forgetAt = (times: number, hit: number): NonNullable<ScriptedServerOptions['fate']> => {
    let left = times
    return request => {
      if (request.index !== hit || left === 0) return undefined
      left--
      return fail(404, 'Upload not found')
    }
  }

  it.each([1, 2])('begins again from chunk 0, %i times', async times => {
    const server = await serve({ fate: forgetAt(times, 5) })
    expect(await flash(server)).toMatchObject({ verdict: 'acknowledged' })
    expect(server.of('init')).toHaveLength(times + 1)
    expect(server.files.get('fw.bin')).toEqual(Buffer.from(image))
  })

  it('begins again as often as it gets further than before', async () => {
    const struck = new Set<number>()
    const server = await serve({
      fate: ({ index }) => {
        if (index === null || ![2, 5, 8, 11].includes(index) || struck.has(index)) return undefined
        struck.add(index)
        return fail(404, 'Upload not found')
      },
    })
    expect(await flash(server)).toMatchObject({ verdict: 'acknowledged' })
    expect(server.of('init')).toHaveLength(5)
  })

  it('is given up after that, with the old firmware as it was', async () => {
    const server = await serve({ fate: forgetAt(99, 5) })
    const job = await flash(server)
    expect(job).toMatchObject({
      state: 'failed',
      error: { code: 'job.retries-exhausted' },
      boardNow: 'old-firmware',
      unplug: 'safe',
    })
    expect(server.of('init')).toHaveLength(3)
  })

  it('at its last chunk, which was not sent before, begins again too', async () => {
    const server = await serve({ fate: forgetAt(1, LAST) })
    expect(await flash(server)).toMatchObject({ verdict: 'acknowledged' })
    expect(server.of('init')).toHaveLength(2)
  })
})

describe('what the server must not do', () => {
  it('send the chunks elsewhere: nothing goes there, and the upload is cancelled', async () => {
    const elsewhere = await serve()
    const server = await serve({
      change({ what }, answer) {
        if (what !== 'init') return answer
        const text = JSON.stringify(answer.body).replace('"/apps', `"${elsewhere.target}/apps`)
        return { status: 200, body: text }
      },
    })
    const job = await flash(server)
    expect(job).toMatchObject({ state: 'failed', error: { code: 'device.foreign-address' }, boardNow: 'old-firmware' })
    expect([elsewhere.requests.length, server.of('chunk').length, server.of('cancel').length]).toEqual([0, 0, 1])
    expect(server.sessions.size).toBe(0)
  })

  it.each([4, LAST])('give the upload to somebody else, at chunk %i', async chunk => {
    const server = await serve({
      fate: ({ index }) => (index === chunk ? fail(403, 'Unauthorized: You do not own this upload') : undefined),
    })
    const job = await flash(server)
    expect(job).toMatchObject({ state: 'failed', error: { code: 'device.unauthorised' }, boardNow: 'old-firmware' })
    expect(job.error?.message).toContain('do not own')
    expect(server.of('cancel')).toHaveLength(1)
  })

  it('refuse a chunk for good: it is told once, and cancelled', async () => {
    const server = await serve({ fate: ({ index }) => (index === 4 ? fail(413, 'chunk too large') : undefined) })
    const job = await flash(server)
    expect(job).toMatchObject({ state: 'failed', error: { code: 'device.refused' } })
    expect([server.of('chunk').length, server.of('cancel').length, server.sessions.size]).toEqual([5, 1, 0])
  })
})

describe('a cancel', () => {
  it('is told to the server once, and leaves nothing there', async () => {
    let isBroken = true
    const server = await serve({ fate: ({ index }) => (index === 6 && isBroken ? 'before' : undefined) })
    const jobId = await start(server)
    await bench.until(jobId, ({ retries }) => retries > 0)
    await bench.station.engine.cancel([jobId])
    expect(await bench.ended(jobId)).toMatchObject({
      state: 'cancelled',
      verdict: null,
      boardNow: 'old-firmware',
      unplug: 'safe',
      error: { code: 'job.cancelled' },
    })
    expect([server.of('cancel').length, server.sessions.size]).toEqual([1, 0])
    isBroken = false
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'acknowledged' })
    expect(server.of('init')).toHaveLength(2)
  })

  it('while the last chunk is not answered is told truly', async () => {
    const server = await serve({ fate: ({ index }) => (index === LAST ? 'before' : undefined) })
    const jobId = await start(server)
    await bench.until(jobId, ({ retries }) => retries > 0)
    await bench.station.engine.cancel([jobId])
    // The server still had the upload and dropped it: it was not complete.
    expect(await bench.ended(jobId)).toMatchObject({ state: 'cancelled', verdict: null, boardNow: 'old-firmware' })
    expect(server.sessions.size).toBe(0)
  })
})

describe('another process', () => {
  it.each([
    [3, 'before'],
    [9, 'after'],
    [LAST, 'before'],
  ] as const)('goes on with the upload after a break at chunk %i (%s)', async (chunk, fate) => {
    let isBroken = true
    const server = await serve({ fate: ({ index }) => (index === chunk && isBroken ? fate : undefined) })
    const jobId = await start(server)
    await bench.until(jobId, ({ retries }) => retries > 0)
    await bench.reopen()
    isBroken = false
    expect(server.of('cancel')).toEqual([])
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ state: 'finished', verdict: 'acknowledged' })
    expect(server.of('init')).toHaveLength(1)
    expect(indexes(server).filter(index => index === chunk - 1)).toHaveLength(1)
    expect(server.files.get('fw.bin')).toEqual(Buffer.from(image))
  })

  it('finds the upload complete or gone after a lost last answer, and says that it cannot know', async () => {
    let isBroken = true
    const server = await serve({
      fate: ({ index }, count) => (index === LAST && isBroken ? (count === 0 ? 'after' : 'before') : undefined),
    })
    const jobId = await start(server)
    await bench.until(jobId, ({ retries }) => retries > 0)
    await bench.reopen()
    isBroken = false
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'unproven', reason: 'outcome-unknown' })
    expect(server.of('init')).toHaveLength(1)
  })

  it('begins a new upload when the server lost the old one', async () => {
    let isBroken = true
    const server = await serve({ fate: ({ index }) => (index === 9 && isBroken ? 'before' : undefined) })
    const jobId = await start(server)
    await bench.until(jobId, ({ retries }) => retries > 0)
    await bench.reopen()
    isBroken = false
    server.sessions.clear()
    await bench.station.engine.resume({ jobIds: [jobId] })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'acknowledged' })
    expect(server.of('init')).toHaveLength(2)
  })
})

describe('a board behind the upload', () => {
  const telemetry = (chip: string, bootCount: number, version: string): unknown => ({
    device: { mac: '02:00:00:00:00:07', chip },
    boot_count: bootCount,
    app: { name: 'demo', version },
  })

  it('that names another chip gets nothing', async () => {
    const server = await serve({ telemetry: () => telemetry('ESP32-C3', 1, '1.0.0') })
    const job = await flash(server)
    expect(job).toMatchObject({ state: 'failed', error: { code: 'image.wrong-chip' }, boardNow: 'old-firmware' })
    expect(server.of('init')).toEqual([])
  })

  it('that restarts into the new version is told as running, where that is required', async () => {
    let boots = 1
    const server = await serve({
      telemetry: () => telemetry('ESP32', boots, boots === 1 ? '1.0.0' : '2.1.1'),
      change({ index }, answer) {
        if (index === LAST) boots = 2
        return answer
      },
    })
    const accept = ['other-project']
    const firmwareId = await bench.firmwareId(image, 'fw.bin')
    const order = { firmwareId, targets: [server.target], options: { chunkBytes: CHUNK }, accept }
    const { jobIds } = await bench.station.engine.start({ ...order, protocol: 'guid-chunks', require: 'running' })
    const job = await bench.ended(jobIds[0] ?? '')
    expect(job).toMatchObject({
      verdict: 'running',
      boardNow: 'new-firmware',
      versionBefore: '1.0.0',
      versionAfter: '2.1.1',
    })
  })

  it('that tells nothing cannot be asked for more than its OK', async () => {
    const server = await serve()
    const job = await flash(server, { require: 'running' })
    expect(job).toMatchObject({ state: 'failed', error: { code: 'require.unreachable-level' } })
    expect(server.of('init')).toEqual([])
  })
})

describe('a probe', () => {
  const probe = async (server: ScriptedServer): Promise<boolean> => {
    const endpoint = parseTarget(server.target)
    if (!isEndpoint(endpoint)) throw new Error('no endpoint')
    const reading = { signal: new AbortController().signal, clock: systemClock, timeoutMs: 1000 }
    const { isMatch } = await guidChunks.probe(endpoint, reading)
    return isMatch
  }

  it('only reads, and is sure only where the route says what it takes, or lies at both places', async () => {
    const sure = await serve({ allow: 'POST, PUT', fate: ({ url }) => onlyAt(url, '/api') })
    expect(await probe(sure)).toBe(true)
    expect(new Set(sure.requests.map(({ method }) => method))).toEqual(new Set(['GET']))
    expect(await probe(await serve())).toBe(true)
    expect(await probe(await serve({ fate: ({ url }) => onlyAt(url, '/api') }))).toBe(false)
    const alike = await serve({ allow: 'POST, PUT', fate: () => fail(405, 'no') })
    expect(await probe(alike)).toBe(false)
    expect(await probe(await serve({ fate: () => ({ status: 404, body: '' }) }))).toBe(false)
  })
})

function onlyAt(url: string, start: string): ScriptedAnswer | undefined {
  return url.startsWith(start) ? undefined : { status: 404, body: '' }
}
