/** An upload server as the protocol's document and its running server describe it, with one hook for each odd answer. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SeenRequest {
  readonly what: 'init' | 'chunk' | 'cancel' | 'other'
  readonly method: string
  readonly url: string
  readonly index: number | null
  readonly body: Buffer
}

export interface ScriptedAnswer {
  readonly status: number
  readonly body: unknown
}

/** `before`: the connection breaks and nothing was done; `after`: it is done, and the answer is lost. */
export type Fate = 'before' | 'after' | ScriptedAnswer | undefined

export interface ScriptedServerOptions {
  /** What happens to the request; `count` is how many of its kind (and chunk) came before it. */
  readonly fate?: (request: SeenRequest, count: number) => Fate
  /** Changes an answer of the server itself. */
  readonly change?: (request: SeenRequest, answer: ScriptedAnswer) => ScriptedAnswer
  readonly allow?: string
  readonly telemetry?: () => unknown
  /** What every request must carry. */
  readonly authorization?: string
}

interface Session {
  readonly fileName: string
  readonly fileSize: number
  readonly chunkSize: number
  readonly totalChunks: number
  readonly received: Set<number>
  readonly file: Buffer
}

const PATH = '/api/v1/files/upload-chunk'
const PREFIX = '/apps/WebhostFileExplorer'

export class ScriptedServer {
  readonly requests: SeenRequest[] = []
  readonly files = new Map<string, Buffer>()
  readonly sessions = new Map<string, Session>()
  readonly problems: string[] = []
  readonly #options: ScriptedServerOptions
  readonly #server = createServer((request, response) => {
    void this.#serve(request, response)
  })
  #nextGuid = 1

  private constructor(options: ScriptedServerOptions) {
    this.#options = options
  }

  static async start(options: ScriptedServerOptions = {}): Promise<ScriptedServer> {
    const server = new ScriptedServer(options)
    await new Promise<void>(resolve => {
      server.#server.listen(0, '127.0.0.1', resolve)
    })
    return server
  }

  get target(): string {
    return `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`
  }

  of(what: SeenRequest['what']): SeenRequest[] {
    return this.requests.filter(request => request.what === what)
  }

  close(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise(resolve => {
      this.#server.close(() => {
        resolve()
      })
    })
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = []
    try {
      for await (const piece of incoming) pieces.push(Buffer.from(piece as Uint8Array))
    } catch {
      return
    }
    const request = readRequest(incoming, Buffer.concat(pieces))
    const isSame = (seen: SeenRequest): boolean => seen.what === request.what && seen.index === request.index
    const count = this.requests.filter(isSame).length
    this.requests.push(request)
    const fate = this.#options.fate?.(request, count)
    if (fate === 'before') {
      incoming.socket.resetAndDestroy()
      return
    }
    const isKnown =
      this.#options.authorization === undefined || incoming.headers.authorization === this.#options.authorization
    const own = isKnown ? (typeof fate === 'object' ? fate : this.#answer(request)) : fail(401, 'who are you?')
    const answer = this.#options.change?.(request, own) ?? own
    if (fate === 'after') {
      incoming.socket.resetAndDestroy()
      return
    }
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    if (answer.status === 405 && this.#options.allow !== undefined) headers['allow'] = this.#options.allow
    response.writeHead(answer.status, headers).end(text)
  }

  #answer(request: SeenRequest): ScriptedAnswer {
    const { method, url, body } = request
    const path = new URL(url, 'http://h').pathname
    if (path === '/telemetry' && this.#options.telemetry !== undefined) {
      return { status: 200, body: this.#options.telemetry() }
    }
    if (path !== PATH && path !== PREFIX + PATH) return { status: 404, body: 'no such page' }
    if (method === 'POST') return this.#post(JSON.parse(body.toString()) as Record<string, unknown>)
    if (method === 'PUT') return this.#put(request)
    return fail(405, 'Method not allowed')
  }

  #post(body: Record<string, unknown>): ScriptedAnswer {
    if (body['action'] === 'cancel') {
      const isKnown = this.sessions.delete(String(body['guid']))
      return isKnown
        ? { status: 200, body: { status: 'success', message: 'Upload cancelled' } }
        : fail(404, 'not found')
    }
    const { fileName, fileSize, chunkSize, totalChunks, targetPath } = body
    const isWhole = [fileSize, chunkSize, totalChunks].every(value => Number.isInteger(value))
    if (body['action'] !== 'init' || typeof fileName !== 'string' || !isWhole) return fail(400, 'missing field')
    if (typeof targetPath !== 'string') this.problems.push('init without targetPath')
    const guid = `550e8400-e29b-41d4-a716-44665544${String(this.#nextGuid++).padStart(4, '0')}`
    const session = {
      fileName,
      fileSize: Number(fileSize),
      chunkSize: Number(chunkSize),
      totalChunks: Number(totalChunks),
    }
    if (session.totalChunks !== Math.ceil(session.fileSize / session.chunkSize)) this.problems.push('odd geometry')
    this.sessions.set(guid, { ...session, received: new Set(), file: Buffer.alloc(session.fileSize) })
    const data = { guid, uploadUrl: `${PREFIX}${PATH}?guid=${guid}`, fileName, fileSize, totalChunks }
    return { status: 200, body: { status: 'success', message: 'Upload initialized', data } }
  }

  #put({ url, body }: SeenRequest): ScriptedAnswer {
    const guid = new URL(url, 'http://h').searchParams.get('guid') ?? ''
    const session = this.sessions.get(guid)
    if (session === undefined) return fail(404, `Upload not found: ${guid}`)
    if (body.length < 11) return fail(400, 'too short')
    const chunkNumber = body.readUInt32LE(2)
    const remaining = body.readUInt32LE(6)
    const { chunkSize, totalChunks, fileSize, received, file, fileName } = session
    if (chunkNumber >= totalChunks) return fail(400, 'no such chunk')
    if (remaining !== Math.max(0, fileSize - (chunkNumber + 1) * chunkSize)) this.problems.push('remaining is wrong')
    const counts = (): object => ({ receivedChunks: received.size, totalChunks })
    if (received.has(chunkNumber)) {
      const message = 'Chunk already received (idempotent)'
      return { status: 200, body: { status: 'success', message, data: { chunkNumber, ...counts(), complete: false } } }
    }
    body.copy(file, chunkNumber * chunkSize, 10)
    received.add(chunkNumber)
    if (received.size < totalChunks) {
      const data = { chunkNumber, ...counts(), complete: false, bytesRemaining: remaining }
      return { status: 200, body: { status: 'success', message: 'Chunk received', data } }
    }
    this.sessions.delete(guid)
    this.files.set(fileName, file)
    const data = { fileName, size: file.length, complete: true, ...counts() }
    return { status: 200, body: { status: 'success', message: 'Upload completed successfully', data } }
  }
}

export function fail(status: number, message: string): ScriptedAnswer {
  return { status, body: { status: 'fail', message } }
}

function readRequest(incoming: IncomingMessage, body: Buffer): SeenRequest {
  const method = incoming.method ?? ''
  const url = incoming.url ?? ''
  const action = method === 'POST' ? /"action":"(\w+)"/.exec(body.toString('latin1'))?.[1] : undefined
  const what = method === 'PUT' ? 'chunk' : action === 'init' || action === 'cancel' ? action : 'other'
  return { what, method, url, index: what === 'chunk' ? body.readUInt32LE(2) : null, body }
}
