import { Agent } from 'node:http'
import { describe, expect, it } from 'vitest'
import { seedFeatures } from '../../src/simulator/virtual-esp32.ts'
import { devicesOfThisFile } from './devices.ts'
import { call, post, postChunk, postComplete, postChunks, send, someBytes, uploadOf } from './wire.ts'

const start = devicesOfThisFile()

describe('a device as the seed describes it', () => {
  it('answers chunks and the completion as Python writes JSON', async () => {
    const { target, flash } = await start({ features: seedFeatures })
    const upload = uploadOf(someBytes(2500))
    expect((await postChunk(target, upload, 0)).text).toBe('{"success": true, "chunk": 0}')
    await postChunks(target, upload, false)
    const done = await postComplete(target, upload)
    expect(done.text).toBe('{"success": true, "path": "firmware.bin"}')
    expect(done.status).toBe(200)
    expect(done.headers['content-type']).toMatch(/^application\/json/)
    expect(flash.readTarget('firmware.bin')).toEqual(upload.content)
  })

  it('leaves the spaces out when asked to', async () => {
    const { target } = await start({ features: seedFeatures, compactJson: true })
    expect((await post(target, '/upload/chunk/a.bin/0', 'x')).text).toBe('{"success":true,"chunk":0}')
  })

  it('always says who it is', async () => {
    const { target } = await start()
    for (const path of ['/telemetry', '/nowhere']) {
      expect((await call(target, path)).headers['server']).toBe('flashproof-virtual-esp32')
    }
  })

  it('keeps a connection open between requests', async () => {
    const device = await start({ features: seedFeatures })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let index = 0; index < 5; index++)
      await post(device.target, `/upload/chunk/a.bin/${String(index)}`, 'x', { agent })
    agent.destroy()
    expect(device.stats.connections).toBe(1)
    expect(device.stats.chunkPosts).toEqual([1, 1, 1, 1, 1])
  })

  it('takes a repeated chunk in place of the first', async () => {
    const { target, flash } = await start({ features: seedFeatures })
    await post(target, '/upload/chunk/a.bin/0', 'first')
    await post(target, '/upload/chunk/a.bin/0', 'second')
    await post(target, '/upload/complete/a.bin/1')
    expect(Buffer.from(flash.readTarget('a.bin') ?? []).toString()).toBe('second')
  })

  it('destroys the old target and all parts when a part is missing at the completion', async () => {
    const { target, flash } = await start({ features: seedFeatures })
    await post(target, '/upload/chunk/a.bin/0', 'good old')
    await post(target, '/upload/complete/a.bin/1')
    await post(target, '/upload/chunk/a.bin/0', 'new')
    await post(target, '/upload/chunk/a.bin/2', 'new')
    const failed = await post(target, '/upload/complete/a.bin/3')
    expect(failed.status).toBe(200)
    expect(failed.text).toBe('{"success": false, "error": "[Errno 2] ENOENT"}')
    expect(Buffer.from(flash.readTarget('a.bin') ?? []).toString()).toBe('new')
    // Part 2 went as well: the same completion fails at its first part now.
    await post(target, '/upload/chunk/a.bin/1', 'new')
    expect((await post(target, '/upload/complete/a.bin/3')).json?.['success']).toBe(false)
    expect(flash.readTarget('a.bin')).toHaveLength(0)
  })

  it('fails a repeated completion and truncates the finished target, as the seed does', async () => {
    const { target, flash } = await start({ features: seedFeatures })
    const upload = uploadOf(someBytes(3000))
    await send(target, upload, false)
    expect((await postComplete(target, upload)).json?.['success']).toBe(false)
    expect(flash.readTarget('firmware.bin')).toHaveLength(0)
  })

  it('makes an empty target of no chunks', async () => {
    const { target, flash } = await start({ features: seedFeatures })
    expect((await post(target, '/upload/complete/empty.bin/0')).json).toEqual({ success: true, path: 'empty.bin' })
    expect(flash.readTarget('empty.bin')).toHaveLength(0)
  })

  it('answers 500 in plain text when the file system is full, and the completion 200 with the error', async () => {
    const { target } = await start({ features: seedFeatures, fileSystemBytes: 8192 })
    await post(target, '/upload/chunk/a.bin/0', someBytes(4096))
    await post(target, '/upload/chunk/a.bin/1', someBytes(4096))
    const full = await post(target, '/upload/chunk/a.bin/2', someBytes(1))
    expect([full.status, full.json]).toEqual([500, undefined])
    // Two times the storage: the copy does not fit beside the parts.
    const failed = await post(target, '/upload/complete/a.bin/2')
    expect([failed.status, failed.json]).toEqual([200, { success: false, error: '[Errno 28] ENOSPC' }])
  })

  it('keeps both the old target and the parts until the completion', async () => {
    const device = await start({ features: { ...seedFeatures, telemetry: true } })
    const used = async (): Promise<unknown> => (await call(device.target, '/telemetry')).json?.['flash']
    const upload = uploadOf(someBytes(8192), { chunkBytes: 4096 })
    await send(device.target, upload, false)
    expect(await used()).toMatchObject({ used: 8192 })
    await postChunks(device.target, upload, false)
    expect(await used()).toMatchObject({ used: 16384 })
    await postComplete(device.target, upload)
    expect(await used()).toMatchObject({ used: 8192 })
  })

  it('has none of the optional endpoints', async () => {
    const { target } = await start({ features: seedFeatures })
    const paths = ['/upload/capabilities', '/upload/status/a.bin', '/upload/hash/a.bin?nonce=00', '/telemetry']
    for (const path of paths) expect((await call(target, path)).status, path).toBe(404)
  })
})

describe('request lines', () => {
  it('answers 404 for what is not there and 405 for a wrong method', async () => {
    const { target } = await start()
    for (const path of ['/', '/upload', '/upload/chunk/a.bin', '/upload/chunk/a.bin/x', '/upload/chunk/a.bin/-1']) {
      expect((await post(target, path)).status, path).toBe(404)
    }
    expect((await call(target, '/upload/chunk/a.bin/0')).status).toBe(405)
    expect((await call(target, '/upload/complete/a.bin/1', { method: 'PUT' })).status).toBe(405)
    expect((await post(target, '/telemetry')).status).toBe(405)
    expect((await post(target, '/upload/hash/a.bin')).status).toBe(405)
  })

  it('takes the last segment as the number, however many there are', async () => {
    const { target, flash } = await start({ features: seedFeatures })
    await post(target, '/upload/chunk/fw/7/3/0', 'deep')
    expect((await post(target, '/upload/complete/fw/7/3/1')).json).toEqual({ success: true, path: 'fw/7/3' })
    expect(Buffer.from(flash.readTarget('fw/7/3') ?? []).toString()).toBe('deep')
  })

  it.each(['../a', 'a/../../b', '%2e%2e/a', 'a/%2e/b', 'a//b', '/a', '%2Fetc', 'a%5Cb', 'a%00b', '%E0%A4%A'])(
    'refuses the path %s',
    async path => {
      const { target, stats } = await start()
      expect((await post(target, `/upload/chunk/${path}/0`, 'x')).status).toBe(400)
      expect(stats.chunkPosts).toEqual([])
    },
  )

  it('takes control characters, spaces and other scripts in a name as data', async () => {
    const { target, flash } = await start({ features: seedFeatures })
    const name = 'th\u001b[2J ệ\u202e*".bin'
    const path = encodeURIComponent(name)
    await post(target, `/upload/chunk/${path}/0`, 'x')
    const done = await post(target, `/upload/complete/${path}/1`)
    expect(done.text).toBe('{"success": true, "path": "th\\u001b[2J \\u1ec7\\u202e*\\".bin"}')
    expect(done.json?.['path']).toBe(name)
    expect(flash.readTarget(name)).toHaveLength(1)
  })

  it('fails in its handler for a name that no file system holds', async () => {
    const { target } = await start()
    expect((await post(target, `/upload/chunk/${'n'.repeat(300)}/0`, 'x')).status).toBe(500)
  })

  it('wants a length', async () => {
    const { target } = await start()
    const headers = { 'Transfer-Encoding': 'chunked' }
    expect((await post(target, '/upload/chunk/a.bin/0', 'x', { headers })).status).toBe(411)
  })
})

describe('modelled flash time', () => {
  it('takes as long as erasing and programming the bytes', async () => {
    const { target } = await start({ flashSpeed: { eraseMsPerSector: 20, writeBytesPerSecond: 200_000 } })
    const startedMs = performance.now()
    await postChunks(target, uploadOf(someBytes(16_384), { chunkBytes: 4096 }), true)
    // Four sectors of 20 ms and 16 KiB at 200 kB/s.
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(155)
  })
})
