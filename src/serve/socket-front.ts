/** The WebSocket side of the browser mode: who shows a good token or session in the first frame becomes a page. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import type { MessageLink } from '../shared/rpc/message-link.ts'
import { resolvesWithin, type Timing } from '../shared/rpc/timing.ts'
import type { RequestGuard } from './request-guard.ts'
import type { Sessions } from './sessions.ts'
import { closeCodes, createSocketLink, readFrame } from './socket-link.ts'

const MOST_FRAME_BYTES = 1024 * 1024
const FIRST_FRAME_DEADLINE_MS = 5_000
const MOST_SOCKETS = 64
const GOING_AWAY = 1001
const CLOSE_DEADLINE_MS = 1_000

export interface SocketFrontOptions {
  readonly guard: RequestGuard
  readonly sessions: Sessions
  readonly timing: Timing
  /** A page is there; `session` is its key. */
  readonly onPage: (link: MessageLink, session: string) => void
  /** The printed address was used; the next one has another token. */
  readonly onTokenUsed: () => void
}

export interface SocketFront {
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Tells every page that the server ends. */
  close(): Promise<void>
}

export function createSocketFront(options: SocketFrontOptions): SocketFront {
  const { guard } = options
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MOST_FRAME_BYTES,
    perMessageDeflate: false,
    clientTracking: true,
  })
  return {
    upgrade(request, socket, head) {
      // Before the handshake there is nobody else to hear of a broken connection.
      socket.on('error', () => undefined)
      if (request.url !== '/station' || !guard.isFromOurPage(request)) refuseUpgrade(socket, '403 Forbidden')
      else if (server.clients.size >= MOST_SOCKETS) refuseUpgrade(socket, '503 Service Unavailable')
      else {
        server.handleUpgrade(request, socket, head, webSocket => {
          void welcome(webSocket, options)
        })
      }
    },
    async close() {
      const gone = [...server.clients].map(
        client =>
          new Promise<void>(resolve => {
            client.once('close', () => {
              resolve()
            })
            client.close(GOING_AWAY, 'the station ends')
          }),
      )
      if (!(await resolvesWithin(options.timing, Promise.all(gone), CLOSE_DEADLINE_MS))) {
        for (const client of server.clients) client.terminate()
      }
      server.close()
    },
  }
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

/** Waits for the first frame and makes a page of the socket, or closes it. */
async function welcome(socket: WebSocket, options: SocketFrontOptions): Promise<void> {
  const { sessions, timing, onPage, onTokenUsed } = options
  socket.on('error', () => undefined)
  const first = new Promise<{ data: unknown; isBinary: boolean }>(resolve => {
    socket.once('message', (data, isBinary) => {
      resolve({ data, isBinary })
      // What follows right behind waits until somebody listens.
      socket.pause()
    })
  })
  if (!(await resolvesWithin(timing, first, FIRST_FRAME_DEADLINE_MS))) {
    socket.close(closeCodes.tooLate, 'nothing was said')
    return
  }
  const { data, isBinary } = await first
  socket.resume()
  const frame = readFrame(data, isBinary)
  if ('closeCode' in frame) {
    socket.close(frame.closeCode, frame.reason)
    return
  }
  const { session, isNew } = identify(frame.message, sessions)
  if (session === null) {
    socket.close(closeCodes.unauthorised, 'neither the token nor the session is good')
    return
  }
  const link = createSocketLink(socket, { timing })
  link.post({ kind: 'welcome', session })
  onPage(link, session)
  if (isNew) onTokenUsed()
}

function identify(message: unknown, sessions: Sessions): { readonly session: string | null; readonly isNew: boolean } {
  if (typeof message !== 'object' || message === null) return { session: null, isNew: false }
  if ('token' in message && typeof message.token === 'string') {
    return { session: sessions.redeem(message.token), isNew: true }
  }
  const known = 'session' in message && typeof message.session === 'string' && sessions.has(message.session)
  return { session: known ? String(message.session) : null, isNew: false }
}
