/** A plain HTTP client for looking at a virtual device from outside; it knows nothing of Flashproof's own clients. */
import { createHash } from 'node:crypto'
import { Agent, request, type OutgoingHttpHeaders } from 'node:http'

export interface WireAnswer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly text: string
  /** The parsed body; undefined when it is not JSON. */
  readonly json: Record<string, unknown> | undefined
}

export interface WireOptions {
  readonly method?: string
  readonly body?: Uint8Array | string
  readonly headers?: OutgoingHttpHeaders
  readonly agent?: Agent
  readonly timeoutMs?: number
}

/** Sends the path as it is written; rejects with the socket's error, or `ETIMEDOUT` after `timeoutMs`. */
export function call(target: string, path: string, options: WireOptions = {}): Promise<WireAnswer> {
  const { hostname, port } = new URL(target)
  const body = typeof options.body === 'string' ? Buffer.from(options.body) : (options.body ?? new Uint8Array())
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        hostname,
        port,
        path,
        method: options.method ?? 'GET',
        agent: options.agent ?? false,
        headers: { ...lengthHeader(body, options.headers), ...options.headers },
      },
      answer => {
        const pieces: Buffer[] = []
        answer.on('data', (piece: Buffer) => pieces.push(piece))
        answer.on('error', reject)
        answer.on('end', () => {
          const text = Buffer.concat(pieces).toString()
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, json: parse(text) })
        })
      },
    )
    if (options.timeoutMs !== undefined) {
      outgoing.setTimeout(options.timeoutMs, () => {
        outgoing.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }))
      })
    }
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

export function post(
  target: string,
  path: string,
  body: Uint8Array | string = '',
  options: WireOptions = {},
): Promise<WireAnswer> {
  return call(target, path, { ...options, method: 'POST', body })
}

/** The code of the error that a call ends with, such as ECONNRESET; `answered` when it did not. */
export async function errorCodeOf(calling: Promise<unknown>): Promise<string> {
  try {
    await calling
    return 'answered'
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown)
  }
}

export interface Upload {
  readonly name: string
  readonly content: Uint8Array
  readonly chunkBytes: number
  readonly chunkCount: number
  /** The three session headers. */
  readonly headers: OutgoingHttpHeaders
}

export function uploadOf(content: Uint8Array, options: { name?: string; chunkBytes?: number } = {}): Upload {
  const chunkBytes = options.chunkBytes ?? 1024
  return {
    name: options.name ?? 'firmware.bin',
    content,
    chunkBytes,
    chunkCount: Math.ceil(content.length / chunkBytes),
    headers: {
      'X-Flashproof-Size': content.length,
      'X-Flashproof-Sha256': sha256(content),
      'X-Flashproof-Chunk': chunkBytes,
    },
  }
}

export function postChunk(
  target: string,
  upload: Upload,
  index: number,
  options: WireOptions = {},
): Promise<WireAnswer> {
  const { name, content, chunkBytes } = upload
  const body = content.subarray(index * chunkBytes, (index + 1) * chunkBytes)
  return post(target, `/upload/chunk/${name}/${String(index)}`, body, options)
}

export function postComplete(target: string, upload: Upload, options: WireOptions = {}): Promise<WireAnswer> {
  const body = JSON.stringify({ total_chunks: upload.chunkCount })
  return post(target, `/upload/complete/${upload.name}/${String(upload.chunkCount)}`, body, options)
}

/** Sends every chunk in order with session headers, or without; does not complete. */
export async function postChunks(target: string, upload: Upload, session = true): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let index = 0; index < upload.chunkCount; index++) {
    const answer = await postChunk(target, upload, index, { agent, ...(session ? { headers: upload.headers } : {}) })
    if (answer.json?.['success'] !== true) throw new Error(`chunk ${String(index)}: ${answer.text}`)
  }
  agent.destroy()
}

export async function send(target: string, upload: Upload, session = true): Promise<WireAnswer> {
  await postChunks(target, upload, session)
  return postComplete(target, upload, session ? { headers: upload.headers } : {})
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Bytes that differ at every place and between seeds. */
export function someBytes(count: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(count)
  let state = seed * 2654435761
  for (let index = 0; index < count; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
}

/** A chunked body says its length piece by piece. */
function lengthHeader(body: Uint8Array, headers: OutgoingHttpHeaders = {}): OutgoingHttpHeaders {
  return 'Transfer-Encoding' in headers ? {} : { 'Content-Length': body.length }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    // Tests look at single fields; a body that is no object has none.
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}
