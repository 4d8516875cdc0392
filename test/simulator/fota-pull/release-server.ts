/** A small server of firmware releases, written from the description of the protocol; it knows nothing of Flashproof's own. */
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

export const PSK = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex')

export interface Release {
  readonly image: Uint8Array
  readonly version: string
  readonly chunkBytes?: number
  readonly macMode?: 'chunk' | 'bound'
  readonly manifest?: Readonly<Record<string, unknown>>
  /** Changes the answer for a chunk. */
  readonly chunk?: (answer: Record<string, unknown>, number: number) => Record<string, unknown>
}

export class ReleaseServer {
  release: Release | null
  rollback: string | null = null
  readonly requests: string[] = []
  /** What was asked for in Range headers, with the status of the answer. */
  readonly ranges: string[] = []
  readonly deviceIds = new Set<string>()
  readonly statuses: Record<string, unknown>[] = []
  readonly #server: Server
  readonly #waiting: { readonly condition: () => boolean; readonly resolve: () => void }[] = []

  constructor(release: Release | null) {
    this.release = release
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  /** Resolves when the condition holds after some request. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve()
    return new Promise(resolve => this.#waiting.push({ condition, resolve }))
  }

  untilStatus(key: string, value: unknown): Promise<void> {
    return this.until(() => this.statuses.some(status => status[key] === value))
  }

  /** Numbers of the chunks that were asked for. */
  get chunks(): number[] {
    return this.requests.flatMap(line => {
      const [, number] = /chunk\?chunk(?:_number)?=(\d+)$/.exec(line) ?? []
      return number === undefined ? [] : [Number(number)]
    })
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = []
    try {
      for await (const piece of request) pieces.push(piece as Buffer)
    } catch {
      return
    }
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    this.requests.push(`${request.method ?? ''} ${request.url ?? ''}`)
    const id = request.headers['device-id']
    if (typeof id === 'string') this.deviceIds.add(id)
    if (url.pathname === '/firmware.bin') this.#serveImage(request, response)
    else {
      const { status, value } = this.#answer(url, Buffer.concat(pieces).toString())
      const body = JSON.stringify(value)
      response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
      response.end(body)
    }
    if (request.headers.range !== undefined) this.ranges.push(`${request.headers.range} ${String(response.statusCode)}`)
    for (const waiter of this.#waiting) if (waiter.condition()) waiter.resolve()
  }

  #answer(url: URL, body: string): { status: number; value: object } {
    const { release } = this
    if (url.pathname.endsWith('/status')) {
      // Written by the device under test; looked at field by field.
      const report = JSON.parse(body) as { fota_status: Record<string, unknown> }
      this.statuses.push(report.fota_status)
      return { status: 200, value: { status: 'success' } }
    }
    if (url.pathname.endsWith('/rollback-status')) {
      const reason = this.rollback
      this.rollback = null
      return { status: 200, value: { rollback_required: reason !== null, reason: reason ?? '' } }
    }
    if (release === null) return { status: 200, value: {} }
    const { image, version, chunkBytes = 1024, macMode = 'chunk' } = release
    if (url.pathname.endsWith('/manifest')) {
      const hash = createHash('sha256').update(image).digest('hex')
      const manifest = { version, size: image.length, hash, chunk_size: chunkBytes, mac_mode: macMode }
      return { status: 200, value: { fota: { manifest: { ...manifest, ...release.manifest } } } }
    }
    const number = Number(url.searchParams.get('chunk_number') ?? url.searchParams.get('chunk'))
    const bytes = image.subarray(number * chunkBytes, (number + 1) * chunkBytes)
    if (bytes.length === 0) return { status: 404, value: { error: 'Chunk not found' } }
    const bound = `FOTA1\n${version}\n${String(number)}\n${String(bytes.length)}\n`
    const hmac = createHmac('sha256', PSK).update(macMode === 'bound' ? bound : '')
    const mac = hmac.update(bytes).digest('hex')
    const data = Buffer.from(bytes).toString('base64')
    const honest = { chunk_number: number, size: bytes.length, data, hmac: mac, mac }
    return { status: 200, value: release.chunk?.(honest, number) ?? honest }
  }

  #serveImage(request: IncomingMessage, response: ServerResponse): void {
    const image = this.release?.image
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    if (image === undefined) response.writeHead(404).end()
    else if (first === undefined) {
      response.writeHead(200, { 'Content-Length': image.length })
      response.end(request.method === 'HEAD' ? undefined : image)
    } else if (Number(first) >= image.length) {
      response.writeHead(416, { 'Content-Range': `bytes */${String(image.length)}` }).end()
    } else {
      const piece = image.subarray(Number(first), Number(last) + 1)
      const range = `bytes ${first}-${String(Number(first) + piece.length - 1)}/${String(image.length)}`
      response.writeHead(206, { 'Content-Length': piece.length, 'Content-Range': range }).end(piece)
    }
  }
}
