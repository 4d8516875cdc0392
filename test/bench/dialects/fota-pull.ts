/** `fota-pull`: the device asks; a bare server that answers the same is what the engine is measured against. */
import { createHmac } from 'node:crypto'
import { Agent, createServer, request } from 'node:http'
import { createServer as createListener, type AddressInfo } from 'node:net'
import { buildDemoFirmware } from '../../../src/core/formats/esp-image/demo-firmware.ts'
import type { Dialect, DialectDevice, WireCounts } from './dialect.ts'

const MIB = 1024 * 1024
const KEY = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'
const PREFIX = '/api/inverter/fota'
const CHUNK_BYTES = 4096
const DEVICE_ID = 'bench-1'
const POLL_MS = 5

interface Asked {
  readonly status: number
  readonly body: string
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const listener = createListener()
  await new Promise<void>(resolve => {
    listener.listen(0, '127.0.0.1', resolve)
  })
  const { port } = listener.address() as AddressInfo
  await new Promise<void>(resolve => {
    listener.close(() => {
      resolve()
    })
  })
  return port
}

async function startPullingDevice(): Promise<DialectDevice> {
  const port = await freePort()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  let counts: WireCounts = { requests: 0, receivedBytes: 0 }
  let isOn = true
  const ask = (method: string, path: string, body = ''): Promise<Asked> =>
    new Promise((resolve, reject) => {
      const headers = { 'Device-ID': DEVICE_ID, 'Content-Length': Buffer.byteLength(body) }
      const asked = request({ host: '127.0.0.1', port, method, path, agent, headers }, answer => {
        const pieces: Buffer[] = []
        answer.on('data', (piece: Buffer) => pieces.push(piece))
        answer.on('error', reject)
        answer.on('end', () => {
          const text = Buffer.concat(pieces).toString('latin1')
          counts = { requests: counts.requests + 1, receivedBytes: counts.receivedBytes + text.length }
          resolve({ status: answer.statusCode ?? 0, body: text })
        })
      })
      asked.on('error', reject)
      asked.end(body)
    })
  const pull = async (): Promise<void> => {
    const { fota } = JSON.parse((await ask('GET', `${PREFIX}/manifest`)).body) as {
      fota?: { manifest: { version: string; total_chunks: number } }
    }
    if (fota === undefined) return
    const { version, total_chunks: total } = fota.manifest
    for (let index = 0; index < total; index++) {
      if ((await ask('GET', `${PREFIX}/chunk?chunk_number=${String(index)}`)).status !== 200) return
    }
    const report = { boot_status: 'success', verified: true, new_version: version }
    await ask('POST', `${PREFIX}/status`, JSON.stringify({ fota_status: report }))
  }
  const live = async (): Promise<void> => {
    while (isOn) {
      // Nobody serves yet, or not any more.
      await pull().catch(() => undefined)
      await new Promise(resolve => setTimeout(resolve, POLL_MS))
    }
  }
  void live()
  return {
    target: `pull://127.0.0.1:${String(port)}/${DEVICE_ID}`,
    takeCounts() {
      const taken = counts
      counts = { requests: 0, receivedBytes: 0 }
      return taken
    },
    close() {
      isOn = false
      agent.destroy()
      return Promise.resolve()
    },
  }
}

export const fotaPullDialect: Dialect = {
  id: 'fota-pull',
  what: '4 KiB chunks',
  imageBytes: 2 * MIB,
  options: { chunkBytes: CHUNK_BYTES },
  secrets: { psk: KEY },
  image: sizeBytes => buildDemoFirmware({ sizeBytes, version: '2.0.0', seed: 1 }),
  skipsDryRun: true,
  startDevice: startPullingDevice,
  async runBare(target, image, transferring) {
    const port = Number(/:(\d+)\//.exec(target)?.[1])
    const total = Math.ceil(image.length / CHUNK_BYTES)
    const key = Buffer.from(KEY, 'hex')
    const manifest = JSON.stringify({ fota: { manifest: { version: '2.0.0', total_chunks: total } } })
    const { promise: isReported, resolve } = Promise.withResolvers<undefined>()
    const server = createServer((asked, answer) => {
      const index = Number(/chunk_number=(\d+)/.exec(asked.url ?? '')?.[1] ?? -1)
      let body = manifest
      if (asked.method === 'POST') {
        body = '{"status":"success"}'
        resolve(undefined)
      } else if (index >= 0) {
        if (index === 0) transferring()
        const part = image.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
        const data = Buffer.from(part).toString('base64')
        const mac = createHmac('sha256', key).update(part).digest('hex')
        body = `{"chunk_number":${String(index)},"size":${String(part.length)},"data":"${data}","hmac":"${mac}","mac":"${mac}","total_chunks":${String(total)}}`
      }
      asked.resume()
      answer.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
      answer.end(body)
    })
    await new Promise<void>(listening => {
      server.listen(port, '127.0.0.1', listening)
    })
    await isReported
    await new Promise<void>(closed => {
      server.close(() => {
        closed()
      })
      server.closeAllConnections()
    })
  },
}
