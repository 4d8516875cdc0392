/**
 * A bare HTTP device and a bare HTTP client for measurements: both do what the wire needs and nothing else. The server is
 * hand-written over a socket, so that it is not what is measured. Never used to prove anything.
 */
import { Agent, request } from 'node:http'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import type { DialectDevice, WireCounts } from './dialect.ts'

/** How much of a body a device may look at. */
const LOOKED_AT_BYTES = 4096

export interface BareRequest {
  readonly method: string
  readonly path: string
  /** The first bytes of the body. */
  readonly start: Buffer
  readonly bodyBytes: number
}

export interface BareAnswer {
  readonly status: number
  readonly body: string
  readonly contentType?: string
}

/** Starts a device on a free port of 127.0.0.1 that answers each request once its body is whole. */
export async function startBareHttp(answer: (request: BareRequest) => BareAnswer): Promise<DialectDevice> {
  let counts: WireCounts = { requests: 0, receivedBytes: 0 }
  const server = createServer(socket => {
    serveSocket(socket, given => {
      counts = { ...counts, requests: counts.requests + 1 }
      return answer(given)
    })
    socket.on('data', piece => {
      counts = { ...counts, receivedBytes: counts.receivedBytes + piece.length }
    })
  })
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    target: `http://127.0.0.1:${String(port)}`,
    takeCounts() {
      const taken = counts
      counts = { requests: 0, receivedBytes: 0 }
      return taken
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => {
          resolve()
        })
      }),
  }
}

function serveSocket(socket: Socket, answer: (request: BareRequest) => BareAnswer): void {
  let head: Buffer = Buffer.alloc(0)
  let current: { method: string; path: string; bodyBytes: number; start: Buffer[]; startBytes: number } | null = null
  let missingBytes = 0
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  const finish = (): void => {
    if (current === null) return
    const { method, path, bodyBytes, start } = current
    current = null
    const {
      status,
      body,
      contentType = 'application/json',
    } = answer({
      method,
      path,
      bodyBytes,
      start: Buffer.concat(start),
    })
    const length = String(Buffer.byteLength(body))
    socket.write(
      `HTTP/1.1 ${String(status)} -\r\ncontent-type: ${contentType}\r\ncontent-length: ${length}\r\n\r\n${body}`,
    )
  }
  socket.on('data', piece => {
    let rest: Buffer = piece
    while (rest.length > 0) {
      if (current !== null) {
        const taken = Math.min(missingBytes, rest.length)
        if (current.startBytes < LOOKED_AT_BYTES) {
          current.start.push(rest.subarray(0, Math.min(taken, LOOKED_AT_BYTES - current.startBytes)))
          current.startBytes += taken
        }
        missingBytes -= taken
        rest = rest.subarray(taken)
        if (missingBytes === 0) finish()
        continue
      }
      head = head.length === 0 ? rest : Buffer.concat([head, rest])
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      const text = head.toString('latin1', 0, end)
      rest = head.subarray(end + 4)
      head = Buffer.alloc(0)
      const [method = '', path = ''] = text.split(' ', 2)
      missingBytes = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0)
      current = { method, path, bodyBytes: missingBytes, start: [], startBytes: 0 }
      if (missingBytes === 0) finish()
    }
  })
}

/** One keep-alive client of Node's own `http`. */
export class BareHttpClient {
  readonly #agent: Agent
  readonly #target: string

  constructor(target: string, connections = 1) {
    this.#target = target
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections })
  }

  /** @returns the body of an answer with status 200, or one of `alsoFine` */
  send(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    pieces: readonly Uint8Array[] = [],
    alsoFine: readonly number[] = [],
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      const sizeBytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
      const length = pieces.length === 0 ? {} : { 'content-length': String(sizeBytes) }
      const options = { method, agent: this.#agent, headers: { ...headers, ...length } }
      const outgoing = request(this.#target + path, options, incoming => {
        const parts: Buffer[] = []
        incoming.on('data', (part: Buffer) => parts.push(part))
        incoming.on('error', reject)
        incoming.on('end', () => {
          const body = Buffer.concat(parts).toString()
          if (incoming.statusCode === 200 || alsoFine.includes(incoming.statusCode ?? 0)) resolve(body)
          else reject(new Error(`${method} ${path}: ${String(incoming.statusCode)} ${body}`))
        })
      })
      outgoing.on('error', reject)
      for (const piece of pieces) outgoing.write(piece)
      outgoing.end()
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}
