import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { seedFeatures } from '../../src/simulator/virtual-esp32.ts'
import { devicesOfThisFile } from './devices.ts'
import { call, post, postChunk, postComplete, someBytes, uploadOf } from './wire.ts'

const start = devicesOfThisFile()
const soon = { timeout: 10_000, interval: 5 }

/** Writes raw bytes to a device and returns all that comes back until `enough` or the end of the connection. */
async function exchange(port: number, sent: Uint8Array, enough: (text: string) => boolean): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  let text = ''
  socket.on('data', piece => {
    text += piece.toString('latin1')
    if (enough(text)) socket.destroy()
  })
  socket.write(sent)
  await once(socket, 'close')
  return text
}

describe('connections', () => {
  it('answers pipelined chunks in their order, modelled time or not', async () => {
    for (const eraseMsPerSector of [0, 8]) {
      const device = await start({ features: seedFeatures, flashSpeed: { eraseMsPerSector } })
      const content = someBytes(20 * 1024)
      const requests = Array.from({ length: 20 }, (_unused, index) => [
        Buffer.from(`POST /upload/chunk/a.bin/${String(index)} HTTP/1.1\r\nHost: x\r\nContent-Length: 1024\r\n\r\n`),
        content.subarray(index * 1024, (index + 1) * 1024),
      ]).flat()
      const text = await exchange(device.port, Buffer.concat(requests), seen => seen.includes('"chunk": 19'))
      const answered = [...text.matchAll(/"chunk": (\d+)/g)].map(match => Number(match[1]))
      expect(answered).toEqual(Array.from({ length: 20 }, (_unused, index) => index))
      await post(device.target, '/upload/complete/a.bin/20')
      expect(device.flash.readTarget('a.bin')).toEqual(content)
    }
  })

  it('takes chunks in any order over many connections at once', async () => {
    const device = await start()
    const upload = uploadOf(someBytes(30_000))
    const indexes = Array.from({ length: upload.chunkCount }, (_unused, index) => (index * 7) % upload.chunkCount)
    await Promise.all(indexes.map(index => postChunk(device.target, upload, index, { headers: upload.headers })))
    expect((await postComplete(device.target, upload, { headers: upload.headers })).json?.['success']).toBe(true)
    expect(device.flash.readTarget(upload.name)).toEqual(upload.content)
    await expect.poll(() => device.stats.heap.freeBytes, soon).toBe(210 * 1024)
  })

  it('loses the part of a client that goes away inside a body, as the seed does, and its heap comes back', async () => {
    const device = await start({ features: seedFeatures })
    await post(device.target, '/upload/chunk/a.bin/0', 'there')
    const head = 'POST /upload/chunk/a.bin/0 HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n'
    const socket = connect(device.port, '127.0.0.1')
    socket.write(`${head}half`)
    await expect.poll(() => device.stats.chunkBodyBytes, soon).toBe(9)
    expect(device.stats.heap.freeBytes).toBeLessThan(210 * 1024 - 5000)
    socket.destroy()
    await expect.poll(() => device.stats.heap.freeBytes, soon).toBe(210 * 1024)
    await post(device.target, '/upload/complete/a.bin/1')
    expect(device.flash.readTarget('a.bin')).toHaveLength(0)
  })

  it('survives what is no HTTP', async () => {
    const device = await start()
    for (const garbage of ['\0\0\0\0\r\n\r\n', 'GET\r\n\r\n', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`]) {
      expect(await exchange(device.port, Buffer.from(garbage), () => false)).toMatch(/^HTTP\/1\.1 4\d\d /)
    }
    const negative = 'POST /upload/chunk/a/0 HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'
    expect(await exchange(device.port, Buffer.from(negative), () => false)).toMatch(/^HTTP\/1\.1 400 /)
    expect((await call(device.target, '/telemetry')).status).toBe(200)
  })
})
