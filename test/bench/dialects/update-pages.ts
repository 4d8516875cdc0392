/** `elegant-ota`, `http-update` and `tasmota`: one form carries the whole image, and a restart is told afterwards. */
import { createHash } from 'node:crypto'
import { buildDemoFirmware } from '../../../src/core/formats/esp-image/demo-firmware.ts'
import { BareHttpClient, startBareHttp, type BareAnswer, type BareRequest } from './bare-http.ts'
import type { Dialect, DialectDevice } from './dialect.ts'

const MIB = 1024 * 1024
const BOUNDARY = '----BenchBoundary'

const common = {
  imageBytes: 8 * MIB,
  options: {},
  image: (sizeBytes: number) => buildDemoFirmware({ sizeBytes, version: '2.0.0', seed: 1 }),
}

/** Counts a boot with every image, so that nobody waits for a restart. */
function startDevice(answer: (request: BareRequest, boots: number) => BareAnswer | null): Promise<DialectDevice> {
  let boots = 1
  return startBareHttp(request => {
    if (request.method === 'POST') boots++
    if (request.path === '/telemetry') return { status: 200, body: JSON.stringify({ boot_count: boots }) }
    return answer(request, boots) ?? { status: 404, body: '' }
  })
}

function text(body: string): BareAnswer {
  return { status: 200, body, contentType: 'text/html' }
}

async function sendForm(
  client: BareHttpClient,
  path: string,
  field: string,
  image: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${field}"; filename="firmware.bin"\r\nContent-Type: application/octet-stream\r\n\r\n`
  const type = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }
  const pieces = [Buffer.from(head), image, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]
  return await client.send('POST', path, { ...type, ...headers }, pieces)
}

const elegantOta: Dialect = {
  ...common,
  id: 'elegant-ota',
  what: 'one form',
  startDevice: () =>
    startDevice(({ method, path }) => {
      if (path === '/update') return text('<title>ElegantOTA</title>')
      return path.startsWith('/ota/start') || method === 'POST' ? text('OK') : null
    }),
  async runBare(target, image, transferring) {
    const client = new BareHttpClient(target)
    await client.send('GET', '/update')
    await client.send('GET', '/telemetry')
    await client.send('GET', `/ota/start?mode=fr&hash=${createHash('md5').update(image).digest('hex')}`)
    transferring()
    if ((await sendForm(client, '/ota/upload', 'file', image)) !== 'OK') throw new Error('no OK')
    await client.send('GET', '/telemetry')
    client.close()
  },
}

const httpUpdate: Dialect = {
  ...common,
  id: 'http-update',
  what: 'one form',
  startDevice: () =>
    startDevice(({ method, path }) => {
      if (path !== '/update') return null
      return method === 'POST' ? text('Update Success! Rebooting...') : text("<input type='file' name='firmware'>")
    }),
  async runBare(target, image, transferring) {
    const client = new BareHttpClient(target)
    await client.send('GET', '/update')
    await client.send('GET', '/telemetry')
    transferring()
    const answer = await sendForm(client, '/update', 'firmware', image, { origin: target })
    if (!answer.includes('Update Success!')) throw new Error('no success')
    await client.send('GET', '/telemetry')
    client.close()
  },
}

const statusQuestions = ['Status%202', 'Status%2011', 'Status%205'].map(command => `/cm?cmnd=${command}`)

const tasmota: Dialect = {
  ...common,
  id: 'tasmota',
  what: 'one form',
  startDevice: () =>
    startDevice(({ path }, boots) => {
      const [status2, status11, status5] = statusQuestions
      if (path === status2) {
        const firmware = { Version: `13.${String(boots)}.0`, BuildDateTime: '2026-01-01T00:00:00', Hardware: 'ESP32' }
        return text(JSON.stringify({ StatusFWR: firmware }))
      }
      if (path === status11) return text(JSON.stringify({ StatusSTS: { UptimeSec: 100 } }))
      if (path === status5) return text(JSON.stringify({ StatusNET: { Mac: '02:4F:50:00:00:01' } }))
      if (path.startsWith('/u4')) return text('none')
      return path === '/up' || path.startsWith('/u2') ? text('') : null
    }),
  async runBare(target, image, transferring) {
    const client = new BareHttpClient(target)
    for (const path of statusQuestions) await client.send('GET', path)
    await client.send('GET', '/up')
    await client.send('GET', '/u4?u4=fct&api=')
    transferring()
    await sendForm(client, `/u2?fsz=${String(image.length)}`, 'u2', image)
    for (const path of statusQuestions) await client.send('GET', path)
    client.close()
  },
}

export const updatePageDialects: readonly Dialect[] = [elegantOta, httpUpdate, tasmota]
