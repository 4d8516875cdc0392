/**
 * The web server of a virtual board, whatever it speaks: routes, bodies that arrive piece by piece, answers, and the places
 * where its faults strike. What a request means is the routes' business.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { BodyCut, Reply, RequestPoint } from '../faults/fault-hooks.ts'
import type { VirtualBoard } from './board.ts'
import { PowerLost } from './device-error.ts'
import type { VirtualHeap } from './heap.ts'
import type { HttpNetworkHost } from './http-network.ts'

export interface FrontRequest {
  readonly method: string
  /** As it came in, with what stands behind the question mark. */
  readonly url: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly remoteAddress: string
}

export interface Outcome {
  readonly reply: Reply
  /** Whether it ends the connection without a word, as a web server does whose handler sends nothing. */
  readonly isUnsaid?: boolean
  /** How long the board is busy before it answers; absent: not at all. */
  readonly busyMs?: number
  /** Whether the board restarts this long after the answer went out; absent: it does not. */
  readonly restartsAfterMs?: number
}

export interface FrontRoute {
  /** What faults look at: `chunk` for requests that carry image bytes, `complete` for those that finish an upload. */
  readonly point: RequestPoint
  /**
   * Takes the body piece by piece as it arrives; absent: it is gathered and given to `answer`. What it returns ends the
   * request at once, before the body is whole.
   */
  onPiece?(piece: Buffer): Outcome | undefined
  /** How long the board still works on the pieces that it took: it reads no more of the body before. Absent: not at all. */
  busyMs?(): number
  /** The connection ended before the body was whole, or a fault ended it. */
  onLost?(): void
  answer(body: Buffer): Outcome | Promise<Outcome>
}

export interface FrontOptions {
  /** Finds what a request means; null: 404 in plain text. Called when the head is there. */
  readonly route: (request: FrontRequest) => FrontRoute | null
  /** Value of the Server header; absent: none is sent, as small web servers do. */
  readonly serverName?: string
  readonly writeJson?: (value: (Reply & { kind: 'json' })['value']) => string
}

/** Counted since power-on. */
export interface FrontStats {
  requests: number
  connections: number
  /** Requests that carried image bytes, unfinished ones included. */
  dataRequests: number
  /** Body bytes of those requests, what stands around the image included. */
  dataBodyBytes: number
  lostReplies: number
}

export class BoardHttpFront implements HttpNetworkHost {
  readonly stats: FrontStats = { requests: 0, connections: 0, dataRequests: 0, dataBodyBytes: 0, lostReplies: 0 }
  readonly #board: VirtualBoard
  readonly #options: FrontOptions

  constructor(board: VirtualBoard, options: FrontOptions) {
    this.#board = board
    this.#options = options
  }

  heap(): VirtualHeap {
    return this.#board.heap
  }

  onConnection(): void {
    this.stats.connections++
  }

  onRequest(request: IncomingMessage, response: ServerResponse): void {
    const board = this.#board
    if (!board.isUp) return
    this.stats.requests++
    const route = this.#options.route(describe(request)) ?? notFound
    const step = board.faults.onRequest(route.point)
    if (step === 'ignore') request.resume()
    else if (step === 'cut') request.socket.destroy()
    else if (step === 'power-loss') void board.panic()
    else this.#receive(request, response, route)
  }

  #receive(request: IncomingMessage, response: ServerResponse, route: FrontRoute): void {
    const { faults } = this.#board
    const isData = route.point.kind === 'chunk'
    if (isData) this.stats.dataRequests++
    const contentBytes = Number(request.headers['content-length'] ?? 0)
    const cut = faults.cutBody(route.point, contentBytes, this.stats.dataBodyBytes)
    // Asked at the head: what is answered so does no work, not even with the first piece.
    const instead = faults.replyInstead(route.point)
    const pieces: Buffer[] = []
    let receivedBytes = 0
    let isOver = false
    // Of a slow board: what the bytes of the body cost that has not been waited for yet.
    let owedMs = 0
    const holdBack = (pieceBytes: number): void => {
      owedMs += faults.delayMs(route.point, pieceBytes) - faults.delayMs(route.point, 0)
      const pauseMs = owedMs + (route.busyMs?.() ?? 0)
      if (pauseMs < 1) return
      owedMs = 0
      request.pause()
      this.#board.later(pauseMs, () => {
        request.resume()
      })
    }
    const lose = (): void => {
      if (isOver) return
      isOver = true
      if (!this.#board.isOff) route.onLost?.()
    }
    request.on('data', (piece: Buffer) => {
      if (isOver) return
      receivedBytes += piece.length
      if (isData) this.stats.dataBodyBytes += piece.length
      if (cut !== null && receivedBytes >= cut.afterBytes) {
        // What came before the cut was received by the device.
        const keptBytes = piece.length - (receivedBytes - cut.afterBytes)
        if (keptBytes > 0 && instead === null) route.onPiece?.(piece.subarray(0, keptBytes))
        if (cut.how === 'power-loss') {
          isOver = true
          void this.#board.panic()
          return
        }
        lose()
        endConnection(request.socket, cut)
        return
      }
      if (instead === null && route.onPiece === undefined) pieces.push(piece)
      const early = instead === null ? route.onPiece?.(piece) : undefined
      if (early === undefined) {
        holdBack(piece.length)
        return
      }
      isOver = true
      request.resume()
      this.#answer(route.point, response, early)
    })
    request.on('end', () => {
      if (isOver || !this.#board.isUp) return
      isOver = true
      if (instead !== null) {
        this.#answer(route.point, response, { reply: instead })
        return
      }
      void this.#serve(route, response, Buffer.concat(pieces))
    })
    request.on('close', lose)
  }

  async #serve(route: FrontRoute, response: ServerResponse, body: Buffer): Promise<void> {
    try {
      const outcome = await route.answer(body)
      if (this.#board.isUp) this.#answer(route.point, response, outcome)
    } catch (thrown) {
      // The power went while it worked: nobody is left to answer.
      if (!(thrown instanceof PowerLost)) response.destroy(thrown instanceof Error ? thrown : undefined)
    }
  }

  #answer(point: RequestPoint, response: ServerResponse, outcome: Outcome): void {
    const board = this.#board
    const { faults } = board
    const reply = faults.rewriteReply(point, outcome.reply)
    const finish = (): void => {
      if (faults.losesReply(point)) {
        this.stats.lostReplies++
        response.socket?.destroy()
      } else if (outcome.isUnsaid === true) response.socket?.end()
      else this.#send(response, reply)
      if (outcome.restartsAfterMs !== undefined) board.later(outcome.restartsAfterMs, () => void board.reboot())
    }
    const delayMs = (outcome.busyMs ?? 0) + faults.delayMs(point, 0)
    if (delayMs < 1) finish()
    else board.later(delayMs, finish)
  }

  #send(response: ServerResponse, reply: Reply): void {
    if (response.destroyed) return
    const { serverName, writeJson = JSON.stringify } = this.#options
    const text = reply.kind === 'text' ? reply.text : writeJson(reply.value)
    const body = (reply.kind === 'text' ? reply.bytes : undefined) ?? Buffer.from(text)
    response.sendDate = false
    response.writeHead(reply.status, {
      ...(serverName === undefined ? {} : { Server: serverName }),
      'Content-Type': reply.kind === 'text' ? reply.contentType : 'application/json',
      'Content-Length': body.length,
      ...reply.headers,
    })
    response.end(body)
  }
}

/** The request is no part of an upload. */
export const otherPoint: RequestPoint = { kind: 'other', chunk: null, target: null }

export function textReply(status: number, text: string, contentType = 'text/plain'): Reply {
  return { kind: 'text', status, contentType, text }
}

const notFound: FrontRoute = { point: otherPoint, answer: () => ({ reply: textReply(404, 'Not found') }) }

function describe(request: IncomingMessage): FrontRequest {
  const url = request.url ?? '/'
  const question = url.indexOf('?')
  return {
    method: request.method ?? 'GET',
    url,
    path: question === -1 ? url : url.slice(0, question),
    query: new URLSearchParams(question === -1 ? '' : url.slice(question + 1)),
    headers: request.headers,
    remoteAddress: request.socket.remoteAddress ?? '',
  }
}

function endConnection(socket: Socket, cut: BodyCut): void {
  if (cut.how === 'reset') socket.resetAndDestroy()
  else socket.destroy()
}
