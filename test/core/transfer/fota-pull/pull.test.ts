import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobSnapshot } from '../../../../src/shared/contract/models.ts'
import { demoImage } from '../../../fakes/bench.ts'
import { CHUNK_BYTES, CHUNKS, hasty, IMAGE, openPullBench, patient, VERSION, type PullBench } from './pull-bench.ts'
import { PREFIX, PSK, ScriptedDevice, type ChunkAnswer } from './scripted-device.ts'

let bench: PullBench
beforeEach(async () => {
  bench = await openPullBench()
})
afterEach(async () => {
  await bench.close()
})

function facts({ evidence }: JobSnapshot): string[] {
  return evidence.map(({ level, method, matches }) => `${level} ${method} ${String(matches)}`)
}

/** Resolves when nobody listens there any more. */
async function isClosed(url: string): Promise<boolean> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  const isOpen = await new Promise<boolean>(resolve => {
    socket.once('connect', () => {
      resolve(true)
    })
    socket.once('error', () => {
      resolve(false)
    })
  })
  socket.destroy()
  return !isOpen
}

describe('a device of the seed', () => {
  it('downloads, restarts and reports: running by its word, and no more', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    const device = new ScriptedDevice(url, 'pump-7')
    await device.update(VERSION)
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({
      state: 'finished',
      verdict: 'running',
      required: 'acknowledged',
      boardNow: 'unknown',
      unplug: 'safe',
      doneBytes: IMAGE.length,
      versionBefore: '1.0.0',
      versionAfter: VERSION,
      device: { id: 'pump-7' },
      completion: 'succeeded',
    })
    expect(facts(job)).toEqual(['sent byte-count null', 'acknowledged status null', 'running boot-status true'])
    expect(job.evidence.every(({ basis }) => basis !== 'device-hash')).toBe(true)
    expect(device.flash).toEqual(Buffer.from(IMAGE))
    expect(await isClosed(url)).toBe(true)
  })

  it('is told the address once, without a warning, and no key is in any line', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    await new ScriptedDevice(url, 'pump-7').update(VERSION)
    const job = await bench.ended(jobId)
    const notes = bench.logOf(jobId).filter(({ code }) => code.startsWith('note.'))
    expect(notes.map(({ level, text }) => [level, text.includes(`${url}${PREFIX}/manifest`)])).toEqual([['info', true]])
    expect(job.warnings.join(' ')).not.toContain(url)
    const said = JSON.stringify([bench.logOf(jobId), bench.snapshots])
    expect(said).not.toContain(PSK)
    expect(said).toContain('64 hex digits')
  })

  it('counts a chunk only when the next is asked for, and leaves the old firmware until the last', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    const device = new ScriptedDevice(url, 'pump-7')
    await device.manifest('1.0.0')
    await device.fetchChunk(0)
    expect(bench.snapshotOf(jobId).doneBytes).toBe(0)
    await device.fetchChunks(1, CHUNKS - 1)
    expect(bench.snapshotOf(jobId)).toMatchObject({ boardNow: 'old-firmware', unplug: 'safe', completion: 'none' })
    await device.fetchChunk(CHUNKS - 1)
    const last = await bench.until(jobId, ({ state }) => state === 'verifying')
    expect(last).toMatchObject({ boardNow: 'unknown', unplug: 'keep-powered', completion: 'sent' })
    expect(last.doneBytes).toBe((CHUNKS - 1) * CHUNK_BYTES)
    await device.status({ verified: true, boot_status: 'pending_reboot' })
    expect((await bench.until(jobId, ({ state }) => state === 'rebooting')).doneBytes).toBe(IMAGE.length)
    await device.status({ boot_status: 'success', new_version: VERSION })
    await bench.ended(jobId)
  })

  it('that begins again is served from the start; repeats are counted', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    const device = new ScriptedDevice(url, 'pump-7')
    await device.fetchChunks(0, 4)
    await device.fetchChunk(3)
    device.written.length = 0
    await device.update(VERSION)
    const job = await bench.ended(jobId)
    expect([job.verdict, job.retries]).toEqual(['running', 2])
    expect(bench.logOf(jobId).map(({ code }) => code)).toEqual(
      expect.arrayContaining(['chunk.repeated', 'pull.start-over']),
    )
    expect(device.flash).toEqual(Buffer.from(IMAGE))
  })

  it('without a Device-ID is taken for the only one that is expected', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    await new ScriptedDevice(url, null).update(VERSION)
    const job = await bench.ended(jobId)
    expect([job.verdict, job.device]).toEqual(['running', null])
  })

  it('that reports another version than the release names it, without a contradiction', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    await new ScriptedDevice(url, 'pump-7').update('2.1.1-hw3')
    const job = await bench.ended(jobId)
    expect([job.verdict, job.reason]).toEqual(['running', null])
    expect(job.warnings.join(' ')).toContain('2.1.1-hw3')
  })
})

describe('the routes', () => {
  let device: ScriptedDevice
  let jobId: string
  beforeEach(async () => {
    const served = await bench.serve('pump-7')
    jobId = served.jobId
    device = new ScriptedDevice(served.url, 'pump-7')
  })

  it('tell manifest and chunks with their length, as JSON, in one piece', async () => {
    const manifest = await device.ask(`${PREFIX}/manifest`)
    expect([manifest.status, manifest.headers.get('content-type')]).toEqual([200, 'application/json'])
    const text = await manifest.text()
    expect(manifest.headers.get('content-length')).toBe(String(Buffer.byteLength(text)))
    expect(manifest.headers.get('transfer-encoding')).toBeNull()
    const hash = createHash('sha256').update(IMAGE).digest('hex')
    expect(JSON.parse(text)).toMatchObject({ version: VERSION, hash, fota: { manifest: { total_chunks: CHUNKS } } })
    const chunk = await device.chunk(0)
    expect(Number(chunk.headers.get('content-length'))).toBe((await chunk.text()).length)
  })

  it('take both names of a chunk’s number', async () => {
    const byOne = (await (await device.chunk(2, 'chunk')).json()) as ChunkAnswer
    const byOther = (await (await device.chunk(2)).json()) as ChunkAnswer
    const byBoth = await device.ask(`${PREFIX}/chunk?chunk=2&chunk_number=2`)
    expect(byOne).toEqual(byOther)
    expect(byBoth.status).toBe(200)
  })

  it.each([
    ['chunk?chunk=1&chunk_number=2', 400, '{"error":"Bad chunk number"}'],
    ['chunk', 400, '{"error":"Bad chunk number"}'],
    ['chunk?chunk=-1', 400, '{"error":"Bad chunk number"}'],
    ['chunk?chunk=1.5', 400, '{"error":"Bad chunk number"}'],
    ['chunk?chunk=x', 400, '{"error":"Bad chunk number"}'],
    [`chunk?chunk=${String(CHUNKS)}`, 404, '{"error":"Chunk not found"}'],
    ['nothing', 404, '{"error":"Not found"}'],
    ['status', 405, '{"error":"Method not allowed"}'],
    ['rollback-status', 200, '{"rollback_required":false,"reason":""}'],
  ])('answer %s with %i', async (path, status, text) => {
    const answer = await device.ask(`${PREFIX}/${path}`)
    expect([answer.status, await answer.text()]).toEqual([status, text])
  })

  it('take a status flat or wrapped, refuse wrong types, and keep what is not known in the log', async () => {
    expect(await (await device.post({ progress: 5, fan: 'on' })).text()).toBe('{"status":"success"}')
    expect((await device.status({ progress: 'five' })).status).toBe(400)
    expect((await device.post({ fota_status: 3 })).status).toBe(400)
    expect((await device.ask(`${PREFIX}/status`, { method: 'POST', body: 'x'.repeat(70_000) })).status).toBe(413)
    expect(bench.logOf(jobId).some(({ text }) => text.includes('"fan":"on"'))).toBe(true)
  })

  it('serve nobody else, and say so', async () => {
    const stranger = new ScriptedDevice(await bench.addressOf(jobId), 'other-1')
    expect(await stranger.manifest()).toBeNull()
    const chunk = await stranger.chunk(0)
    expect([chunk.status, await chunk.text()]).toEqual([409, '{"error":"No firmware assigned"}'])
    expect((await stranger.ask('/firmware.bin')).status).toBe(409)
    expect((await stranger.status({ boot_status: 'success', new_version: VERSION })).status).toBe(409)
    await device.manifest()
    expect((await new ScriptedDevice(await bench.addressOf(jobId), null).chunk(0)).status).toBe(200)
    const said = bench.logOf(jobId).filter(({ code }) => code === 'pull.stranger')
    expect(said).toHaveLength(1)
    expect(bench.snapshotOf(jobId).doneBytes).toBe(0)
  })

  it('close a connection when the device asks for it', async () => {
    const socket = connect(Number(new URL(await bench.addressOf(jobId)).port), '127.0.0.1')
    socket.end(`GET ${PREFIX}/manifest HTTP/1.1\r\nHost: x\r\nDevice-ID: pump-7\r\nConnection: close\r\n\r\n`)
    let text = ''
    socket.on('data', piece => (text += piece.toString('latin1')))
    await once(socket, 'close')
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(text).toMatch(/\r\nConnection: close\r\n/i)
  })
})

describe('options of a job', () => {
  it('bound: the signature names version, number and length', async () => {
    const { url, jobId } = await bench.serve('pump-7', { options: { macMode: 'bound', version: '1.0.7' } })
    const device = new ScriptedDevice(url, 'pump-7')
    expect((await device.manifest())?.version).toBe('1.0.7')
    const { hmac } = (await (await device.chunk(3)).json()) as ChunkAnswer
    const plain = await import('node:crypto').then(({ createHmac }) =>
      createHmac('sha256', Buffer.from(PSK, 'hex'))
        .update(`FOTA1\n1.0.7\n3\n1024\n`)
        .update(IMAGE.subarray(3 * 1024, 4 * 1024))
        .digest('hex'),
    )
    expect(hmac).toBe(plain)
    await bench.station.engine.cancel([jobId])
    await bench.ended(jobId)
  })

  it('a job without a key is refused before it starts, unless nothing is to be signed', async () => {
    const firmwareId = await bench.firmwareId(IMAGE)
    const order = { firmwareId, targets: ['pull://127.0.0.1/pump-7'], protocol: 'fota-pull' }
    await expect(bench.station.engine.start(order)).rejects.toMatchObject({
      code: 'option.invalid',
      details: { key: 'psk' },
    })
    const { url, jobId } = await bench.serve('pump-7', { secrets: {}, options: { macMode: 'none' } })
    const chunk = (await (await new ScriptedDevice(url, 'pump-7').chunk(0)).json()) as ChunkAnswer
    expect(chunk).toMatchObject({ hmac: '', mac: '' })
    await bench.station.engine.cancel([jobId])
    expect((await bench.ended(jobId)).warnings.join(' ')).toContain('not signed')
  })

  it('a rollback is asked for once, and the answer is logged', async () => {
    const { url, jobId } = await bench.serve('pump-7', { options: { rollbackReason: 'wrong variant' } })
    const device = new ScriptedDevice(url, 'pump-7')
    const ask = async (): Promise<string> => await (await device.ask(`${PREFIX}/rollback-status`)).text()
    expect(await ask()).toBe('{"rollback_required":true,"reason":"wrong variant"}')
    expect(await ask()).toBe('{"rollback_required":false,"reason":""}')
    expect(bench.logOf(jobId).filter(({ code }) => code === 'pull.rollback-status')).toHaveLength(2)
    await bench.station.engine.cancel([jobId])
    await bench.ended(jobId)
  })

  it('the Host header is compared only when that is wanted', async () => {
    const { url, jobId } = await bench.serve('pump-7', { options: { hostCheck: true } })
    const ask = async (host: string): Promise<string> => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      socket.end(`GET ${PREFIX}/manifest HTTP/1.1\r\nHost: ${host}\r\nDevice-ID: pump-7\r\nConnection: close\r\n\r\n`)
      const [piece] = (await once(socket, 'data')) as [Buffer]
      return piece.toString('latin1').slice(9, 12)
    }
    expect([await ask('evil.example'), await ask(new URL(url).host)]).toEqual(['421', '200'])
    await bench.station.engine.cancel([jobId])
    await bench.ended(jobId)
  })

  it.each([
    [
      'a bootloader',
      async () => (await import('../../../core/formats/esp-image/esp-files.ts')).bootloader(),
      'image.wrong-kind',
    ],
    ['bytes that are no image', () => Promise.resolve(new Uint8Array(3000).fill(7)), 'image.wrong-kind'],
  ])('%s is refused before anybody listens', async (_name, image, code) => {
    const firmwareId = await bench.firmwareId(await image())
    const { jobIds } = await bench.station.engine.start({
      firmwareId,
      targets: ['pull://127.0.0.1/pump-7'],
      protocol: 'fota-pull',
      secrets: { psk: PSK },
    })
    const job = await bench.ended(jobIds[0] ?? '')
    expect(job).toMatchObject({ state: 'failed', boardNow: 'old-firmware' })
    expect(job.error?.code).toBe(code)
    expect(bench.logOf(job.jobId).some(({ code: line }) => line.includes('address'))).toBe(false)
  })

  it('an interface that is not there is named with those that are', async () => {
    const firmwareId = await bench.firmwareId(IMAGE)
    const { jobIds } = await bench.station.engine.start({
      firmwareId,
      targets: ['pull://nosuch0/pump-7'],
      protocol: 'fota-pull',
      secrets: { psk: PSK },
    })
    const job = await bench.ended(jobIds[0] ?? '')
    expect(job.error).toMatchObject({ code: 'target.invalid' })
    expect(job.error?.message).toContain('127.0.0.1')
  })
})

describe('the end by the device’s word', () => {
  it('a rollback that it reports contradicts', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    const device = new ScriptedDevice(url, 'pump-7')
    await device.fetchChunks(0, CHUNKS)
    await device.status({ boot_status: 'pending_reboot', verified: true })
    await device.status({ boot_status: 'failed', rollback: true, error: 'boot_count 3' })
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({ verdict: 'unproven', reason: 'contradicted', boardNow: 'old-firmware', unplug: 'safe' })
    expect(job.warnings.join(' ')).toContain('boot_count 3')
  })

  it('a start that failed contradicts, and what runs then is not known until it says more', async () => {
    await bench.close()
    bench = await openPullBench(hasty)
    const ends = ['pump-7', 'pump-8'].map(async (deviceId, index) => {
      const { jobId, url } = await bench.serve(deviceId, { options: patient })
      const device = new ScriptedDevice(url, deviceId)
      await device.fetchChunks(0, CHUNKS)
      await device.status({ boot_status: 'pending_reboot' })
      await device.status({ boot_status: 'failed', boot_count: 1 })
      if (index === 1) await device.status({ boot_status: 'success', boot_count: 2, new_version: VERSION })
      return await bench.ended(jobId)
    })
    const [failed, recovered] = await Promise.all(ends)
    expect(failed).toMatchObject({ verdict: 'unproven', reason: 'contradicted', boardNow: 'unknown' })
    expect(recovered).toMatchObject({ verdict: 'running' })
  })

  it('the old version in a later manifest question contradicts', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    const device = new ScriptedDevice(url, 'pump-7')
    await device.manifest('1.0.0')
    await device.fetchChunks(0, CHUNKS)
    await device.status({ boot_status: 'pending_reboot' })
    await device.manifest('1.0.0')
    expect(await bench.ended(jobId)).toMatchObject({ reason: 'contradicted', boardNow: 'old-firmware' })
  })

  it('success with the old version contradicts', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    await new ScriptedDevice(url, 'pump-7').update('1.0.0')
    expect(await bench.ended(jobId)).toMatchObject({ reason: 'contradicted' })
  })

  it('a failure before the restart is a refusal, after the time to begin again', async () => {
    await bench.close()
    bench = await openPullBench(hasty)
    const { jobId, url } = await bench.serve('pump-7', { options: patient })
    const device = new ScriptedDevice(url, 'pump-7')
    await device.fetchChunks(0, 3)
    await device.status({ boot_status: 'failed', error: 'HMAC mismatch' })
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({ state: 'failed', error: { code: 'device.refused-image' }, boardNow: 'old-firmware' })
    expect(job.error?.message).toContain('HMAC mismatch')
  })

  it('a failure after which it begins again is none', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    const device = new ScriptedDevice(url, 'pump-7')
    await device.fetchChunks(0, 3)
    await device.status({ boot_status: 'failed', error: 'HMAC mismatch' })
    device.written.length = 0
    await device.update(VERSION)
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'running' })
  })

  it('beginning again without ever getting further is a refusal', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    const device = new ScriptedDevice(url, 'pump-7')
    let status = 200
    for (let starts = 0; starts < 30 && status === 200; starts++) {
      for (const index of [0, 1, 2])
        if (status === 200) status = (await device.chunk(index).catch(() => null))?.status ?? 0
    }
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({ state: 'failed', error: { code: 'device.refused-image' }, boardNow: 'old-firmware' })
    expect(job.error?.message).toContain('never gets further than 2048 bytes')
  })

  it('a download after a start that failed is a new one', async () => {
    await bench.close()
    bench = await openPullBench(hasty)
    const { jobId, url } = await bench.serve('pump-7', { options: patient })
    const device = new ScriptedDevice(url, 'pump-7')
    await device.fetchChunks(0, CHUNKS)
    await device.status({ boot_status: 'pending_reboot' })
    await device.status({ boot_status: 'failed', boot_count: 1 })
    await device.fetchChunk(0)
    const again = await bench.until(jobId, ({ state }) => state === 'transferring')
    expect(again).toMatchObject({ boardNow: 'unknown', completion: 'failed' })
    // Longer than the word on the start before would have counted.
    for (let index = 1; index < CHUNKS; index++) {
      await new Promise(resolve => setTimeout(resolve, 40))
      await device.fetchChunk(index)
    }
    await device.status({ boot_status: 'success', new_version: VERSION })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'running' })
  })

  it('other counts of chunks are warned of once, whatever is posted', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    const device = new ScriptedDevice(url, 'pump-7')
    await device.fetchChunk(0)
    for (const total of [3, 4, 1e300]) await device.status({ total_chunks: total, chunk_received: total })
    const { warnings, evidence } = bench.snapshotOf(jobId)
    expect([warnings.filter(text => text.includes('another manifest')).length, evidence]).toEqual([1, []])
    await bench.station.engine.cancel([jobId])
    await bench.ended(jobId)
  })

  it('a status about an earlier update counts for nothing', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    const device = new ScriptedDevice(url, 'pump-7')
    await device.status({ boot_status: 'success', new_version: VERSION, verified: true })
    await device.fetchChunks(0, 3)
    await device.status({ boot_status: 'success', new_version: VERSION })
    expect(bench.snapshotOf(jobId)).toMatchObject({ state: 'transferring', evidence: [] })
    await bench.station.engine.cancel([jobId])
    await bench.ended(jobId)
  })

  it('confirmed takes another word after the window', async () => {
    const { jobId, url } = await bench.serve('pump-7', { require: 'confirmed' })
    const device = new ScriptedDevice(url, 'pump-7')
    await device.update(VERSION)
    await bench.until(jobId, ({ state }) => state === 'confirming')
    const asks = setInterval(() => void device.manifest(VERSION).catch(() => undefined), 20)
    const job = await bench.ended(jobId)
    clearInterval(asks)
    expect(job).toMatchObject({ verdict: 'running', reason: null })
    expect(facts(job)).toContain('confirmed health true')
  })

  it('confirmed is not reached by a device that goes back in the window, or is silent', async () => {
    await bench.close()
    bench = await openPullBench(hasty)
    const { jobId, url } = await bench.serve('pump-7', { require: 'confirmed', options: patient })
    const device = new ScriptedDevice(url, 'pump-7')
    await device.update(VERSION)
    await bench.until(jobId, ({ state }) => state === 'confirming')
    await device.status({ boot_status: 'failed', rollback: true })
    expect(await bench.ended(jobId)).toMatchObject({ reason: 'contradicted', boardNow: 'old-firmware' })
    const third = await bench.serve('pump-9', { require: 'confirmed', options: patient })
    const looping = new ScriptedDevice(third.url, 'pump-9')
    await looping.update(VERSION)
    await bench.until(third.jobId, ({ state }) => state === 'confirming')
    await looping.status({ boot_status: 'failed', boot_count: 2 })
    expect(await bench.ended(third.jobId)).toMatchObject({ reason: 'contradicted', boardNow: 'unknown' })
    const second = await bench.serve('pump-8', { require: 'confirmed', options: patient })
    await new ScriptedDevice(second.url, 'pump-8').update(VERSION)
    expect(await bench.ended(second.jobId)).toMatchObject({ verdict: 'unproven', reason: 'not-answered' })
  })
})

describe('a device that does not come, or not to the end', () => {
  beforeEach(async () => {
    await bench.close()
    bench = await openPullBench(hasty)
  })

  it('nothing in time: the firewall is named, with address and port', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({
      state: 'failed',
      error: { code: 'device.no-request' },
      boardNow: 'old-firmware',
      verdict: null,
    })
    expect(job.error?.message).toContain(url)
    expect(job.error?.message).toContain('firewall')
    expect(await isClosed(url)).toBe(true)
  })

  it('nothing in time, but the order waits for its device: it listens on at the same port', async () => {
    const { jobId, url } = await bench.serve('pump-7', { waitDeviceMs: 60_000 })
    bench.forgetAddresses()
    expect(await bench.addressOf(jobId)).toBe(url)
    await new ScriptedDevice(url, 'pump-7').update(VERSION)
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'running' })
  })

  it('another device came: that is said instead', async () => {
    const { jobId, url } = await bench.serve('pump-7', { options: patient })
    await new ScriptedDevice(url, 'pump-8').manifest()
    const job = await bench.ended(jobId)
    expect(job.error?.message).toContain('pump-8')
    expect(job.error?.message).not.toContain('firewall')
  })

  it('silent in the middle: stalled, and the old firmware is safe', async () => {
    const { jobId, url } = await bench.serve('pump-7', { options: patient })
    await new ScriptedDevice(url, 'pump-7').fetchChunks(0, 3)
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({
      state: 'failed',
      error: { code: 'device.stalled', details: { doneBytes: 2 * CHUNK_BYTES } },
      boardNow: 'old-firmware',
      unplug: 'safe',
      verdict: 'unproven',
    })
  })

  it('silent after the last chunk: unknown, and it keeps its power', async () => {
    const { jobId, url } = await bench.serve('pump-7', { options: patient })
    await new ScriptedDevice(url, 'pump-7').fetchChunks(0, CHUNKS)
    expect(await bench.ended(jobId)).toMatchObject({
      state: 'finished',
      verdict: 'unproven',
      reason: 'outcome-unknown',
      boardNow: 'unknown',
      unplug: 'keep-powered',
    })
  })

  it('said that it has all, and nothing of its restart: its OK, and no more', async () => {
    const { jobId, url } = await bench.serve('pump-7', { options: patient })
    const device = new ScriptedDevice(url, 'pump-7')
    await device.fetchChunks(0, CHUNKS)
    await device.status({ boot_status: 'pending_reboot' })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'acknowledged', boardNow: 'unknown', unplug: 'safe' })
  })

  it('asks for the manifest for ever and downloads nothing: stalled', async () => {
    const { jobId, url } = await bench.serve('pump-7', { options: patient })
    const device = new ScriptedDevice(url, 'pump-7')
    const asks = setInterval(() => void device.manifest(VERSION).catch(() => undefined), 40)
    const job = await bench.ended(jobId)
    clearInterval(asks)
    expect(job.error).toMatchObject({ code: 'device.stalled' })
    expect(job.error?.message).toContain(VERSION)
    expect(job.warnings.join(' ')).toContain('already')
  })
})

describe('stopping', () => {
  it('a cancel tells the device 410, and frees the port', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    const device = new ScriptedDevice(url, 'pump-7')
    await device.fetchChunks(0, 3)
    void bench.station.engine.cancel([jobId])
    let status = 200
    while (status === 200) status = (await device.chunk(3)).status
    expect(status).toBe(410)
    expect(await bench.ended(jobId)).toMatchObject({ state: 'cancelled', boardNow: 'old-firmware', unplug: 'safe' })
    expect(await isClosed(url)).toBe(true)
  })

  it('a pause holds the next chunk back, then answers 503, and goes on', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    const device = new ScriptedDevice(url, 'pump-7')
    await device.fetchChunks(0, 2)
    bench.station.engine.pause([jobId])
    const held = await device.chunk(2)
    expect([held.status, held.headers.get('retry-after')]).toEqual([503, '2'])
    const paused = await bench.until(jobId, ({ state }) => state === 'paused')
    expect(paused.warnings.join(' ')).toContain('On hold')
    await bench.station.engine.resume({ jobIds: [jobId] })
    await device.fetchChunks(2, CHUNKS)
    await device.status({ boot_status: 'success', new_version: VERSION })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'running' })
  })

  it('goes on in another process on the same port, with what the device has', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    const device = new ScriptedDevice(url, 'pump-7')
    await device.manifest('1.0.0')
    await device.fetchChunks(0, 4)
    await bench.reopen()
    expect(bench.snapshotOf(jobId)).toMatchObject({ state: 'interrupted', boardNow: 'old-firmware', unplug: 'safe' })
    bench.forgetAddresses()
    await bench.station.engine.resume({ jobIds: [jobId], secrets: { psk: PSK } })
    expect(await bench.addressOf(jobId)).toBe(url)
    await device.fetchChunks(4, CHUNKS)
    await device.status({ boot_status: 'success', new_version: VERSION })
    const job = await bench.ended(jobId)
    expect([job.verdict, job.doneBytes]).toEqual(['running', IMAGE.length])
    expect(device.flash).toEqual(Buffer.from(IMAGE))
  })

  it('hears the word of a device that restarted meanwhile', async () => {
    const { jobId, url } = await bench.serve('pump-7')
    const device = new ScriptedDevice(url, 'pump-7')
    await device.fetchChunks(0, CHUNKS)
    await bench.until(jobId, ({ state }) => state === 'verifying')
    await bench.reopen()
    bench.forgetAddresses()
    await bench.station.engine.resume({ jobIds: [jobId], secrets: { psk: PSK } })
    await bench.addressOf(jobId)
    await device.status({ boot_status: 'success', new_version: VERSION })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'running', boardNow: 'unknown' })
  })
})

describe('one server for several devices', () => {
  it('serves each its own job at one address, and closes with the last', async () => {
    const targets = Array.from({ length: 8 }, (_, index) => `pull://127.0.0.1/unit-${String(index)}`)
    const { jobId, url } = await bench.serve('unit-0', { targets })
    const all = [...new Set(bench.snapshots.map(snapshot => snapshot.jobId))]
    const urls = await Promise.all(all.map(one => bench.addressOf(one)))
    expect(new Set(urls)).toEqual(new Set([url]))
    await Promise.all(targets.map((_, index) => new ScriptedDevice(url, `unit-${String(index)}`).update(VERSION)))
    const jobs = await Promise.all(all.map(one => bench.ended(one)))
    expect(jobs.map(({ verdict }) => verdict)).toEqual(Array.from({ length: 8 }, () => 'running'))
    expect(all.flatMap(one => bench.logOf(one)).filter(({ code }) => code === 'note.pull-address')).toHaveLength(1)
    expect(await isClosed(url)).toBe(true)
    expect(all).toContain(jobId)
  })

  it('tells a device without a name nothing where several could be meant', async () => {
    const targets = ['pull://127.0.0.1/unit-0', 'pull://127.0.0.1/unit-1']
    const { url } = await bench.serve('unit-0', { targets })
    expect((await new ScriptedDevice(url, null).chunk(0)).status).toBe(409)
    await Promise.all([0, 1].map(index => new ScriptedDevice(url, `unit-${String(index)}`).update(VERSION)))
  })

  it('knows a device by its address where the target names one', async () => {
    const { jobId, url } = await bench.serve('127.0.0.1', {
      targets: ['pull://127.0.0.1/127.0.0.1', 'pull://127.0.0.1/unit-1'],
    })
    const device = new ScriptedDevice(url, null)
    await device.update(VERSION)
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'running' })
    expect((await device.chunk(0)).status).toBe(410)
  })

  it('knows it by its address also where it calls itself something else', async () => {
    const { jobId, url } = await bench.serve('127.0.0.1')
    await new ScriptedDevice(url, 'ESP32-from-the-factory').update(VERSION)
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'running' })
  })

  it('says which port is taken by another program', async () => {
    const other = createServer()
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const firmwareId = await bench.firmwareId(IMAGE)
    const { jobIds } = await bench.station.engine.start({
      firmwareId,
      targets: [`pull://lo:${String(port)}/pump-7`],
      protocol: 'fota-pull',
      secrets: { psk: PSK },
    })
    expect((await bench.ended(jobIds[0] ?? '')).error).toMatchObject({ code: 'network.port-busy', details: { port } })
    other.close()
  })
})

describe('a device that downloads one file', () => {
  const plain = { secrets: {}, options: { macMode: 'none', ...patient } } as const
  beforeEach(async () => {
    await bench.close()
    bench = await openPullBench(hasty)
  })

  it('gets it whole, and reports nothing: sent is normal, and it keeps its power', async () => {
    const { jobId, url } = await bench.serve('pump-7', plain)
    const device = new ScriptedDevice(url, null)
    const answer = await device.ask('/firmware.bin')
    expect([answer.status, answer.headers.get('accept-ranges'), answer.headers.get('content-length')]).toEqual([
      200,
      'bytes',
      String(IMAGE.length),
    ])
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(Buffer.from(IMAGE))
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({ verdict: 'sent', required: 'sent', boardNow: 'unknown', unplug: 'keep-powered' })
    const before = bench.snapshots.filter(({ jobId: of, state }) => of === jobId && state === 'transferring')
    expect(Math.max(...before.map(({ doneBytes }) => doneBytes))).toBeLessThan(IMAGE.length)
    expect(job.doneBytes).toBe(IMAGE.length)
  })

  it('gets it in ranges, and is heard again with the new version', async () => {
    const { jobId, url } = await bench.serve('pump-7', plain)
    const device = new ScriptedDevice(url, 'pump-7')
    const parts: Buffer[] = []
    for (let at = 0; at < IMAGE.length; at += 2000) {
      const answer = await device.ask('/firmware.bin', {
        headers: { Range: `bytes=${String(at)}-${String(at + 1999)}` },
      })
      expect(answer.status).toBe(206)
      const end = Math.min(at + 2000, IMAGE.length) - 1
      expect(answer.headers.get('content-range')).toBe(`bytes ${String(at)}-${String(end)}/${String(IMAGE.length)}`)
      parts.push(Buffer.from(await answer.arrayBuffer()))
    }
    expect(Buffer.concat(parts)).toEqual(Buffer.from(IMAGE))
    const again = await device.ask('/firmware.bin', { headers: { 'x-ESP32-version': VERSION } })
    expect(again.status).toBe(304)
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({ verdict: 'acknowledged', doneBytes: IMAGE.length, versionAfter: VERSION })
  })

  it('is told 416 beyond the end, its size by HEAD, and the whole where its part is of another image', async () => {
    const { jobId, url } = await bench.serve('pump-7', plain)
    const device = new ScriptedDevice(url, 'pump-7')
    const beyond = await device.ask('/firmware.bin', { headers: { Range: `bytes=${String(IMAGE.length)}-` } })
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${String(IMAGE.length)}`])
    const head = await device.ask('/firmware.bin', { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(IMAGE.length)])
    expect(bench.snapshotOf(jobId).doneBytes).toBe(0)
    const tag = head.headers.get('etag') ?? ''
    const ifRange = async (value: string): Promise<number> => {
      const answer = await device.ask('/firmware.bin', { headers: { Range: 'bytes=0-9', 'If-Range': value } })
      await answer.arrayBuffer()
      return answer.status
    }
    expect([await ifRange(tag), await ifRange('"other"')]).toEqual([206, 200])
    await bench.station.engine.cancel([jobId])
    await bench.ended(jobId)
  })

  it('is proven running by telemetry that names the image’s hash', async () => {
    const { startVirtualEsp32, instantTimes } = await import('../../../../src/simulator/virtual-esp32.ts')
    const board = await startVirtualEsp32({ ...instantTimes, identity: { id: 'pump-7' } })
    const telemetryPort = Number(new URL(board.target).port)
    const { jobId, url } = await bench.serve('pump-7', {
      ...plain,
      options: { ...plain.options, telemetryPort },
      accept: ['other-project'],
    })
    const device = new ScriptedDevice(url, 'pump-7')
    await (await device.ask('/firmware.bin')).arrayBuffer()
    // The board gets the same image another way, so that it restarts into it.
    const chunk = 4096
    for (let index = 0; index * chunk < IMAGE.length; index++) {
      await fetch(`${board.target}/upload/chunk/app.bin/${String(index)}`, {
        method: 'POST',
        headers: { 'content-type': 'application/octet-stream' },
        body: Buffer.from(IMAGE.subarray(index * chunk, (index + 1) * chunk)),
      })
    }
    await fetch(`${board.target}/upload/complete/app.bin/${String(Math.ceil(IMAGE.length / chunk))}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ total_chunks: Math.ceil(IMAGE.length / chunk) }),
    })
    const job = await bench.ended(jobId)
    await board.close()
    expect(job).toMatchObject({ verdict: 'proven', provenLevel: 'running', boardNow: 'new-firmware' })
  })
})

it('keeps an image of another build apart by its version', () => {
  expect(demoImage(IMAGE.length, 2)).not.toEqual(IMAGE)
})
