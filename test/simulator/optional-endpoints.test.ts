import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { seedFeatures } from '../../src/simulator/virtual-esp32.ts'
import { devicesOfThisFile } from './devices.ts'
import { call, post, postChunk, postChunks, postComplete, send, sha256, someBytes, uploadOf } from './wire.ts'

const start = devicesOfThisFile()
const upload = uploadOf(someBytes(10_500))

describe('GET /upload/capabilities', () => {
  it('names the chunk sizes and the endpoints that are there', async () => {
    const { target } = await start({
      features: { hash: false },
      chunkLimits: { minimumBytes: 256, maximumBytes: 8192 },
    })
    expect((await call(target, '/upload/capabilities')).text).toBe(
      '{"chunk_bytes": [256, 8192], "hash": false, "status": true, "session": true}',
    )
    expect((await call(target, '/upload/hash/a.bin')).status).toBe(404)
  })
})

describe('GET /upload/status', () => {
  it('shows which chunks are there, chunk 0 in the lowest bit', async () => {
    const { target } = await start()
    for (const index of [0, 3, 9]) await postChunk(target, upload, index, { headers: upload.headers })
    const status = (await call(target, '/upload/status/firmware.bin')).json
    expect(status).toEqual({
      success: true,
      sha256: sha256(upload.content),
      size: 10_500,
      chunk_bytes: 1024,
      have: Buffer.from([0b0000_1001, 0b0000_0010]).toString('base64'),
      state: 'receiving',
    })
  })

  it('says stored after the completion', async () => {
    const { target } = await start()
    await send(target, upload)
    const status = (await call(target, '/upload/status/firmware.bin')).json
    expect(status).toMatchObject({ state: 'stored', have: Buffer.from([0xff, 0x07]).toString('base64') })
  })

  it('knows no upload that it was told nothing about', async () => {
    const { target } = await start()
    await postChunks(target, upload, false)
    for (const path of ['/upload/status/other.bin', '/upload/status/firmware.bin', '/upload/status/__proto__']) {
      expect((await call(target, path)).text).toBe('{"success": false, "error": "no such upload"}')
    }
  })
})

describe('GET /upload/hash', () => {
  it.each(['parts', 'direct'] as const)('hashes what is in flash, with storage %s', async storage => {
    const { target } = await start({ storage })
    await send(target, upload)
    const nonce = '00ff10a5'
    const hmac = createHmac('sha256', Buffer.from(nonce, 'hex')).update(upload.content).digest('hex')
    const answer = await call(target, `/upload/hash/firmware.bin?nonce=${nonce}`)
    expect(answer.json).toEqual({ success: true, sha256: sha256(upload.content), size: 10_500, nonce, hmac })
  })

  it('leaves nonce and HMAC out when none was asked for', async () => {
    const { target } = await start()
    await send(target, upload)
    const answer = await call(target, '/upload/hash/firmware.bin')
    expect(answer.json).toEqual({ success: true, sha256: sha256(upload.content), size: 10_500 })
  })

  it('refuses a nonce that is not hex, and a target that is not there yet', async () => {
    const { target } = await start()
    await postChunks(target, upload)
    expect((await call(target, '/upload/hash/firmware.bin')).json).toEqual({ success: false, error: 'no such upload' })
    await postComplete(target, upload, { headers: upload.headers })
    for (const nonce of ['', 'xyz', 'abc']) {
      const answer = await call(target, `/upload/hash/firmware.bin?nonce=${nonce}`)
      expect(answer.json).toEqual({ success: false, error: 'nonce' })
    }
  })
})

describe('sessions', () => {
  const other = uploadOf(someBytes(10_500, 2))
  const session = { success: false, error: 'session' }

  it('refuses a chunk and a completion of another session', async () => {
    const { target } = await start()
    await postChunk(target, upload, 0, { headers: upload.headers })
    expect((await postChunk(target, other, 1, { headers: other.headers })).json).toEqual(session)
    expect((await postComplete(target, other, { headers: other.headers })).json).toEqual(session)
    expect((await postComplete(target, upload)).json).toEqual(session)
  })

  it('begins with whatever chunk comes first', async () => {
    const { target } = await start()
    expect((await postChunk(target, upload, 7, { headers: upload.headers })).json).toEqual({ success: true, chunk: 7 })
  })

  it('is replaced by index 0 of another session, which drops the chunks', async () => {
    const { target, flash } = await start()
    for (const index of [0, 1, 2]) await postChunk(target, upload, index, { headers: upload.headers })
    await postChunk(target, other, 0, { headers: other.headers })
    const status = (await call(target, '/upload/status/firmware.bin')).json
    expect(status).toMatchObject({ sha256: sha256(other.content), have: Buffer.from([1, 0]).toString('base64') })
    await send(target, other)
    expect(flash.readTarget('firmware.bin')).toEqual(other.content)
  })

  it('survives a reboot', async () => {
    const device = await start()
    await postChunk(device.target, upload, 0, { headers: upload.headers })
    await device.reboot()
    expect((await postChunk(device.target, other, 1, { headers: other.headers })).json).toEqual(session)
    expect((await postChunk(device.target, upload, 1, { headers: upload.headers })).json?.['success']).toBe(true)
    expect((await call(device.target, '/upload/status/firmware.bin')).json).toMatchObject({
      have: Buffer.from([3, 0]).toString('base64'),
    })
  })

  it('refuses chunks of another length, indexes past the end and headers that are no numbers', async () => {
    const { target } = await start()
    const chunkSize = { success: false, error: 'chunk size' }
    const path = '/upload/chunk/firmware.bin'
    expect((await post(target, `${path}/0`, 'short', { headers: upload.headers })).json).toEqual(chunkSize)
    expect((await post(target, `${path}/11`, someBytes(1024), { headers: upload.headers })).json).toEqual(chunkSize)
    const tiny = { ...upload.headers, 'X-Flashproof-Chunk': 16 }
    expect((await post(target, `${path}/0`, someBytes(16), { headers: tiny })).json).toEqual(chunkSize)
    const broken = { ...upload.headers, 'X-Flashproof-Size': '1e9' }
    expect((await post(target, `${path}/0`, someBytes(1024), { headers: broken })).json).toEqual({
      success: false,
      error: 'session headers',
    })
    const huge = { ...upload.headers, 'X-Flashproof-Size': 2 ** 40 }
    expect((await post(target, `${path}/0`, someBytes(1024), { headers: huge })).json).toEqual({
      success: false,
      error: 'too large',
    })
  })

  it('refuses a completion with another number of chunks and destroys nothing', async () => {
    const { target } = await start()
    await postChunks(target, upload)
    const wrong = await post(target, '/upload/complete/firmware.bin/3', '', { headers: upload.headers })
    expect(wrong.json).toEqual({ success: false, error: 'chunk count' })
    expect((await postComplete(target, upload, { headers: upload.headers })).json?.['success']).toBe(true)
  })

  it('refuses to repeat a completion instead of truncating the target', async () => {
    const { target, flash } = await start()
    await send(target, upload)
    expect((await postComplete(target, upload, { headers: upload.headers })).json).toEqual(session)
    expect(flash.readTarget('firmware.bin')).toHaveLength(10_500)
  })

  it('lets a client without sessions start over, but not write into the middle', async () => {
    const { target, flash } = await start()
    await postChunk(target, upload, 0, { headers: upload.headers })
    expect((await postChunk(target, other, 1)).json).toEqual(session)
    expect((await send(target, other, false)).json?.['success']).toBe(true)
    expect(flash.readTarget('firmware.bin')).toEqual(other.content)
  })

  it('ignores the headers on a device that knows no sessions', async () => {
    const { target } = await start({ features: seedFeatures })
    await postChunk(target, upload, 0, { headers: upload.headers })
    expect((await postChunk(target, other, 1, { headers: other.headers })).json?.['success']).toBe(true)
  })
})

describe('GET /telemetry', () => {
  it('tells identity, heap, flash, firmware and slots', async () => {
    const { target } = await start({
      identity: { id: 'kitchen', mac: '02:00:00:00:00:07', chip: 'ESP32-S3', board: 'DevKitM' },
      firmware: { name: 'heater', version: '0.9.1', elfSha256: 'cd'.repeat(32) },
    })
    const telemetry = (await call(target, '/telemetry')).json
    expect(telemetry).toMatchObject({
      device: { id: 'kitchen', mac: '02:00:00:00:00:07', chip: 'ESP32-S3', board: 'DevKitM' },
      boot_count: 1,
      reset_reason: 'power-on',
      heap: { total: 327_680 },
      flash: { total: 8_388_608, used: 0 },
      app: { name: 'heater', version: '0.9.1', elf_sha256: 'cd'.repeat(32) },
      ota: { running: 'ota_0', next: 'ota_1', state: 'valid' },
    })
    expect(telemetry?.['rssi']).toBeLessThan(-40)
    expect(telemetry?.['uptime_ms']).toBeGreaterThanOrEqual(0)
  })
})

describe('storage in the inactive slot', () => {
  it('needs the session headers', async () => {
    const { target } = await start({ storage: 'direct' })
    expect((await postChunk(target, upload, 0)).json).toEqual({ success: false, error: 'session headers needed' })
  })

  it('checks that every chunk is there and keeps what it has', async () => {
    const { target, flash } = await start({ storage: 'direct' })
    for (let index = 0; index < upload.chunkCount; index++) {
      if (index !== 4) await postChunk(target, upload, index, { headers: upload.headers })
    }
    const early = await postComplete(target, upload, { headers: upload.headers })
    expect(early.json).toEqual({ success: false, error: 'chunk 4 is missing' })
    expect(flash.readTarget('firmware.bin')).toBeNull()
    await postChunk(target, upload, 4, { headers: upload.headers })
    expect((await postComplete(target, upload, { headers: upload.headers })).json?.['success']).toBe(true)
    expect(flash.readTarget('firmware.bin')).toEqual(upload.content)
  })

  it('says again that it has stored the same upload', async () => {
    const { target } = await start({ storage: 'direct' })
    await send(target, upload)
    const again = await postComplete(target, upload, { headers: upload.headers })
    expect(again.json).toEqual({ success: true, path: 'firmware.bin' })
  })
})
