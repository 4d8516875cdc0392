/** `guid-chunks`: an init, then PUTs with a header of ten bytes. */
import { BareHttpClient, startBareHttp } from './bare-http.ts'
import type { Dialect } from './dialect.ts'

const MIB = 1024 * 1024
const CHUNK_BYTES = 64 * 1024
const PATH = '/api/v1/files/upload-chunk'

export const guidChunksDialect: Dialect = {
  id: 'guid-chunks',
  what: '64 KiB chunks',
  imageBytes: 32 * MIB,
  options: { chunkBytes: CHUNK_BYTES },
  startDevice() {
    let totalChunks = 0
    let fileSize = 0
    let received = 0
    const success = (data: object): string => JSON.stringify({ status: 'success', message: '', data })
    return startBareHttp(({ method, path, start }) => {
      if (method === 'POST') {
        ;({ totalChunks, fileSize } = JSON.parse(start.toString()) as { totalChunks: number; fileSize: number })
        received = 0
        const data = { guid: 'bench', uploadUrl: `${PATH}?guid=bench`, fileSize, totalChunks }
        return { status: 200, body: success(data) }
      }
      if (method !== 'PUT' || !path.startsWith(PATH)) return { status: 404, body: '' }
      received++
      const counts = { chunkNumber: start.readUInt32LE(2), receivedChunks: received, totalChunks }
      const isComplete = received === totalChunks
      const ending = isComplete ? { size: fileSize } : { bytesRemaining: start.readUInt32LE(6) }
      return { status: 200, body: success({ ...counts, ...ending, complete: isComplete }) }
    })
  },
  async runBare(target, image, transferring) {
    const client = new BareHttpClient(target)
    const totalChunks = Math.ceil(image.length / CHUNK_BYTES)
    const init = { action: 'init', fileName: 'app.bin', fileSize: image.length, chunkSize: CHUNK_BYTES, totalChunks }
    const body = Buffer.from(JSON.stringify({ ...init, targetPath: 'User:me' }))
    const begun: unknown = JSON.parse(await client.send('POST', PATH, { 'content-type': 'application/json' }, [body]))
    const { uploadUrl } = (begun as { data: { uploadUrl: string } }).data
    transferring()
    for (let index = 0; index < totalChunks; index++) {
      const header = Buffer.alloc(10)
      header.writeUInt32LE(index, 2)
      header.writeUInt32LE(Math.max(0, image.length - (index + 1) * CHUNK_BYTES), 6)
      const chunk = image.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
      const headers = { 'content-type': 'application/octet-stream' }
      const answer: unknown = JSON.parse(await client.send('PUT', uploadUrl, headers, [header, chunk]))
      if ((answer as { status?: string }).status !== 'success') throw new Error('no success')
    }
    client.close()
  },
  // The protocol's document: 512 KiB chunks in base64, no pauses, against four of 25 MiB.
  rival: {
    name: 'base64 chunks of 512 KiB',
    imageBytes: 100 * MIB,
    requests: 200,
    bytes: Math.ceil((100 * MIB) / 3) * 4,
    pausesMs: 0,
    options: { chunkBytes: 25 * MIB },
  },
}
