/** `stm32-bridge`: one form to the gateway, and one order to pass it on; the gateway here has no UART behind it. */
import { BareHttpClient, startBareHttp } from './bare-http.ts'
import type { Dialect } from './dialect.ts'

const MIB = 1024 * 1024
const BOUNDARY = '----WebKitFormBoundaryBenchBenchBench0'
const WRITTEN = 'Firmware downloaded to STM32 successfully with checksum verification'

/** Random bytes behind a vector table: the gateway must not take them for anything else. */
function stm32Image(sizeBytes: number): Uint8Array {
  const bytes = Uint8Array.from({ length: sizeBytes }, (_, index) => (index * 197 + (index >> 8)) & 0xff)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, 0x2000_5000, true)
  view.setUint32(4, 0x0800_0131, true)
  bytes[sizeBytes - 1] = 0xff
  return bytes
}

export const stm32BridgeDialect: Dialect = {
  id: 'stm32-bridge',
  what: 'one form',
  imageBytes: 2 * MIB,
  options: { maximumBytes: 2 * MIB },
  image: stm32Image,
  startDevice: () =>
    startBareHttp(({ method, path }) => {
      const contentType = 'text/plain'
      if (method === 'POST' && path === '/upload') {
        return { status: 200, body: 'BIN file uploaded successfully', contentType }
      }
      if (method === 'POST' && path === '/download') return { status: 200, body: WRITTEN, contentType }
      return { status: 200, body: 'no such page', contentType }
    }),
  async runBare(target, image, transferring) {
    const client = new BareHttpClient(target)
    await client.send('GET', '/telemetry')
    await client.send('GET', '/status')
    transferring()
    const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="firmware.bin"\r\nContent-Type: application/octet-stream\r\n\r\n`
    const pieces = [Buffer.from(head), image, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]
    await client.send('POST', '/upload', { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }, pieces)
    const answer = await client.send('POST', '/download')
    if (answer !== WRITTEN) throw new Error('not written')
    client.close()
  },
}
