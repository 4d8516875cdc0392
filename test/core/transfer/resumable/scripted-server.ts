/**
 * An upload server as the Node sample of Resumable.js and as the seed's Flask server behave, with one hook for each odd
 * answer. Forms are read by the rules of RFC 7578, not by the client's encoder.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SeenRequest {
  readonly what: 'test' | 'summary' | 'upload' | 'other'
  readonly method: string
  readonly url: string
  readonly query: URLSearchParams
  /** From 1; 0 where the request names none. */
  readonly chunk: number
  /** Of a form, in the order in which they came. */
  readonly fields: readonly (readonly [string, string])[]
  readonly fileName: string | null
  readonly bytes: Buffer
}

export interface ScriptedAnswer {
  readonly status: number
  readonly body: string
}

/** `before`: the connection breaks and nothing was done; `after`: it is done, and the answer is lost. */
export type Fate = 'before' | 'after' | ScriptedAnswer | undefined

export interface ScriptedServerOptions {
  readonly profile?: 'flask' | 'node'
  readonly path?: string
  /** What happens to the request; `count` is how many of its kind and chunk came before it. */
  readonly fate?: (request: SeenRequest, count: number) => Fate
  readonly change?: (request: SeenRequest, answer: ScriptedAnswer) => ScriptedAnswer
  readonly telemetry?: () => unknown
  /** Holds each upload until so many are under way, or no further one comes. */
  readonly together?: number
  /** Swallows the joining of the parts so often, as an exception would. */
  readonly failsToJoin?: number
}

/** How long one upload too many has to show. */
const ONE_MORE_MS = 10
/** After so long without another one fewer are left than were to meet. */
const NO_MORE_MS = 300

export class ScriptedServer {
  readonly requests: SeenRequest[] = []
  readonly files = new Map<string, Buffer>()
  /** By identifier, then by chunk number. */
  readonly parts = new Map<string, Map<number, Buffer>>()
  mostAtOnce = 0
  #atOnce = 0
  readonly #held: (() => void)[] = []
  #release: NodeJS.Timeout | undefined
  #joinFailures: number
  readonly #options: ScriptedServerOptions
  readonly #server = createServer((request, response) => {
    void this.#serve(request, response)
  })

  private constructor(options: ScriptedServerOptions) {
    this.#options = options
    this.#joinFailures = options.failsToJoin ?? 0
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
    const count = this.requests.filter(seen => seen.what === request.what && seen.chunk === request.chunk).length
    this.requests.push(request)
    if (request.what === 'upload') await this.#countTogether()
    const fate = this.#options.fate?.(request, count)
    if (fate === 'before') {
      incoming.socket.resetAndDestroy()
      return
    }
    const own = typeof fate === 'object' ? fate : this.#answer(request)
    const answer = this.#options.change?.(request, own) ?? own
    if (fate === 'after') {
      incoming.socket.resetAndDestroy()
      return
    }
    response.writeHead(answer.status, { 'content-type': 'text/html; charset=utf-8' }).end(answer.body)
  }

  async #countTogether(): Promise<void> {
    this.#atOnce++
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce)
    const { together } = this.#options
    if (together !== undefined) await this.#meet(together)
    this.#atOnce--
  }

  /** Whoever completes the number lets all go, a moment later, so that one too many would show. */
  async #meet(together: number): Promise<void> {
    await new Promise<void>(resolve => {
      this.#held.push(resolve)
      clearTimeout(this.#release)
      const waitMs = this.#held.length >= together ? ONE_MORE_MS : NO_MORE_MS
      this.#release = setTimeout(() => {
        for (const letGo of this.#held.splice(0)) letGo()
      }, waitMs)
    })
  }

  #answer(request: SeenRequest): ScriptedAnswer {
    const path = new URL(request.url, 'http://h').pathname
    if (path === '/telemetry' && this.#options.telemetry !== undefined) {
      return { status: 200, body: JSON.stringify(this.#options.telemetry()) }
    }
    if (path !== (this.#options.path ?? '/resumable_upload')) return { status: 404, body: '<html>no such page' }
    return this.#options.profile === 'node' ? this.#answerAsNode(request) : this.#answerAsFlask(request)
  }

  #answerAsFlask({ method, query, chunk, bytes }: SeenRequest): ScriptedAnswer {
    const identifier = query.get('resumableIdentifier') ?? ''
    const name = query.get('resumableFilename') ?? ''
    if (identifier === '' || name === '') return { status: 400, body: '{"error": "missing"}' }
    const parts = this.parts.get(identifier) ?? new Map<number, Buffer>()
    if (method === 'GET') {
      const file = this.files.get(name)
      if (file !== undefined) return { status: 200, body: `{"status": "complete", "size": ${String(file.length)}}` }
      if (chunk > 0) return parts.has(chunk) ? { status: 200, body: 'OK' } : { status: 404, body: 'Not found' }
      const summary = parts.size > 0 ? { status: 'in_progress', chunks_present: parts.size } : { status: 'not_found' }
      return { status: 200, body: JSON.stringify(summary) }
    }
    parts.set(chunk, bytes)
    this.parts.set(identifier, parts)
    const total = Number(query.get('resumableTotalChunks'))
    if (parts.size === total && this.#joinFailures-- <= 0) {
      this.files.set(name, joined(parts))
      this.parts.delete(identifier)
    }
    return { status: 200, body: 'OK' }
  }

  #answerAsNode({ method, query, chunk, bytes }: SeenRequest): ScriptedAnswer {
    const identifier = query.get('resumableIdentifier') ?? ''
    const parts = this.parts.get(identifier) ?? new Map<number, Buffer>()
    if (method === 'GET') {
      return parts.has(chunk) ? { status: 200, body: 'found' } : { status: 404, body: 'not_found' }
    }
    const total = Math.max(
      1,
      Math.floor(Number(query.get('resumableTotalSize')) / Number(query.get('resumableChunkSize'))),
    )
    if (chunk > total) return { status: 200, body: 'invalid_resumable_request1' }
    parts.set(chunk, bytes)
    this.parts.set(identifier, parts)
    return { status: 200, body: parts.size === total ? 'done' : 'partly_done' }
  }
}

export function joined(parts: ReadonlyMap<number, Buffer>): Buffer {
  return Buffer.concat([...parts].toSorted(([left], [right]) => left - right).map(([, bytes]) => bytes))
}

function readRequest(incoming: IncomingMessage, body: Buffer): SeenRequest {
  const method = incoming.method ?? ''
  const url = incoming.url ?? ''
  const query = new URL(url, 'http://h').searchParams
  const chunk = Number(query.get('resumableChunkNumber') ?? 0)
  const isOurs = query.has('resumableIdentifier')
  const what = !isOurs ? 'other' : method === 'POST' ? 'upload' : chunk > 0 ? 'test' : 'summary'
  const boundary = /^multipart\/form-data; boundary=(.+)$/.exec(incoming.headers['content-type'] ?? '')?.[1]
  const form = boundary === undefined ? { fields: [], fileName: null, bytes: body } : readForm(body, boundary)
  return { what, method, url, query, chunk, ...form }
}

function readForm(body: Buffer, boundary: string): Pick<SeenRequest, 'fields' | 'fileName' | 'bytes'> {
  const fields: (readonly [string, string])[] = []
  const mark = `--${boundary}`
  let at = body.indexOf(mark)
  for (;;) {
    const headStart = at + mark.length + 2
    const headEnd = body.indexOf('\r\n\r\n', headStart)
    const next = body.indexOf(`\r\n${mark}`, headEnd)
    const head = body.toString('utf8', headStart, headEnd)
    const name = /name="([^"]*)"/.exec(head)?.[1] ?? ''
    const content = body.subarray(headEnd + 4, next)
    const fileName = /filename="([^"]*)"/.exec(head)?.[1]
    if (fileName !== undefined) {
      const isLastPart = body.toString('latin1', next + 2 + mark.length) === '--\r\n'
      if (name !== 'file' || !isLastPart) throw new Error('the file is not the last part')
      return { fields, fileName, bytes: Buffer.from(content) }
    }
    fields.push([name, content.toString('utf8')])
    at = next + 2
  }
}
