/** `resumable`: for each chunk a question and a form, four at once, against a server that has none of them before. */
import { BareHttpClient, startBareHttp } from './bare-http.ts'
import type { Dialect } from './dialect.ts'

const MIB = 1024 * 1024
const CHUNK_BYTES = 256 * 1024
const SIMULTANEOUS = 4
const PATH = '/resumable_upload'

export const resumableDialect: Dialect = {
  id: 'resumable',
  what: '256 KiB chunks, 4 at once',
  imageBytes: 32 * MIB,
  options: { chunkBytes: CHUNK_BYTES, simultaneousUploads: SIMULTANEOUS },
  startDevice() {
    let received = 0
    const contentType = 'text/plain'
    return startBareHttp(({ method, path }) => {
      const query = new URLSearchParams(path.slice(path.indexOf('?') + 1))
      if (!path.startsWith(PATH)) return { status: 404, body: '', contentType }
      if (method === 'POST') {
        received++
        return { status: 200, body: 'OK', contentType }
      }
      if (query.has('resumableChunkNumber')) return { status: 404, body: 'Not found', contentType }
      const isComplete = received >= Number(query.get('resumableTotalChunks'))
      if (isComplete) received = 0
      const size = Number(query.get('resumableTotalSize'))
      return { status: 200, body: JSON.stringify(isComplete ? { status: 'complete', size } : { status: 'not_found' }) }
    })
  },
  async runBare(target, image, transferring) {
    const client = new BareHttpClient(target, SIMULTANEOUS)
    const totalChunks = Math.floor(image.length / CHUNK_BYTES)
    const name = 'app-00000000.bin'
    const whole = { resumableTotalSize: String(image.length), resumableTotalChunks: String(totalChunks) }
    const file = { resumableIdentifier: `${String(image.length)}-0-app`, resumableFilename: name }
    await client.send('GET', `${PATH}?${String(new URLSearchParams({ ...file, ...whole }))}`)
    let next = 0
    const work = async (): Promise<void> => {
      for (let index = next++; index < totalChunks; index = next++) {
        const bytes = image.subarray(
          index * CHUNK_BYTES,
          index === totalChunks - 1 ? image.length : (index + 1) * CHUNK_BYTES,
        )
        const parameters: [string, string][] = [
          ['resumableChunkNumber', String(index + 1)],
          ['resumableChunkSize', String(CHUNK_BYTES)],
          ['resumableCurrentChunkSize', String(bytes.length)],
          ['resumableTotalSize', String(image.length)],
          ['resumableType', 'application/octet-stream'],
          ['resumableIdentifier', file.resumableIdentifier],
          ['resumableFilename', name],
          ['resumableRelativePath', name],
          ['resumableTotalChunks', String(totalChunks)],
        ]
        const query = `${PATH}?${String(new URLSearchParams(parameters))}`
        await client.send('GET', query, {}, [], [404])
        const mark = '------bench'
        let head = ''
        for (const [key, value] of parameters) {
          head += `${mark}\r\nContent-Disposition: form-data; name="${key}"\r\n\r\n${value}\r\n`
        }
        head += `${mark}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n\r\n`
        const pieces = [Buffer.from(head), bytes, Buffer.from(`\r\n${mark}--\r\n`)]
        const headers = { 'content-type': `multipart/form-data; boundary=${mark.slice(2)}` }
        if ((await client.send('POST', query, headers, pieces)) !== 'OK') throw new Error('no success')
      }
    }
    transferring()
    await Promise.all(Array.from({ length: SIMULTANEOUS }, work))
    const ended = await client.send('GET', `${PATH}?${String(new URLSearchParams({ ...file, ...whole }))}`)
    if (!ended.includes('complete')) throw new Error(ended)
    client.close()
  },
  // The seed's own page: 8 MiB a chunk, no question before it (its main.js has `testChunks: false`), four at once.
  rival: {
    name: 'the seed’s page',
    imageBytes: 32 * MIB,
    requests: 4,
    bytes: 32 * MIB + 4 * 2200,
    pausesMs: 0,
    options: { chunkBytes: 8 * MIB, simultaneousUploads: SIMULTANEOUS },
  },
}
