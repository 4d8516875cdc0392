/** Stands between the station and a virtual board and changes what is said: odd but possible devices, one hook each. */
import { createServer, request as forward, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface PassedAnswer {
  status: number
  body: string
}

export interface ProxyHooks {
  /** Changes the board's answer, or says that it gets lost. */
  onAnswer?(method: string, path: string, answer: PassedAnswer): PassedAnswer | 'lost'
  /** What happens to the connection after each answer, without a word in the answer's head. */
  readonly closesBy?: 'fin' | 'reset'
}

export interface ProxyBoard {
  readonly target: string
  /** `METHOD path` and when it came, in order. */
  readonly requests: { readonly what: string; readonly atMs: number }[]
  close(): Promise<void>
}

export async function startProxyBoard(boardTarget: string, hooks: ProxyHooks): Promise<ProxyBoard> {
  const requests: ProxyBoard['requests'] = []
  const server: Server = createServer((incoming, response) => {
    const method = incoming.method ?? ''
    const path = incoming.url ?? ''
    requests.push({ what: `${method} ${path}`, atMs: performance.now() })
    void pass(boardTarget, incoming).then(
      board => {
        const answer = hooks.onAnswer?.(method, path, board) ?? board
        if (answer === 'lost') {
          incoming.socket.resetAndDestroy()
          return
        }
        const { socket } = incoming
        response.writeHead(answer.status, {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(answer.body),
        })
        response.end(answer.body, () => {
          closeSilently(socket, hooks.closesBy)
        })
      },
      () => incoming.socket.destroy(),
    )
  })
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    target: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    requests,
    close() {
      server.closeAllConnections()
      return new Promise(resolve => {
        server.close(() => {
          resolve()
        })
      })
    },
  }
}

function closeSilently(socket: Socket, how: ProxyHooks['closesBy']): void {
  if (how === 'fin') socket.end()
  // A reset at once would overtake the answer.
  else if (how === 'reset') setTimeout(() => socket.resetAndDestroy(), 2)
}

function pass(boardTarget: string, incoming: IncomingMessage): Promise<PassedAnswer> {
  return new Promise((resolve, reject) => {
    const headers = { ...incoming.headers, connection: 'close' }
    const outgoing = forward(boardTarget + (incoming.url ?? ''), { method: incoming.method, headers }, answer => {
      const pieces: Buffer[] = []
      answer.on('data', (piece: Buffer) => pieces.push(piece))
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(pieces).toString('utf8') })
      })
      answer.on('error', reject)
    })
    outgoing.on('error', reject)
    incoming.pipe(outgoing)
  })
}
