/** The requests of a virtual ESP32: bodies that cost heap, the handlers, the answers, and where faults cut them. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { VirtualBoard } from '../board/board.ts'
import { DeviceError, PowerLost } from '../board/device-error.ts'
import type { HeapBlock, VirtualHeap } from '../board/heap.ts'
import type { HttpNetworkHost } from '../board/http-network.ts'
import type { BodyCut, Reply, RequestPoint } from '../faults/fault-hooks.ts'
import { toPythonJson } from '../python-json.ts'
import { findRoute, type Route } from './routes.ts'
import { readSessionHeaders } from './session-rules.ts'
import { json, type Outcome, type UploadService } from './upload-service.ts'

export const SERVER_HEADER = 'flashproof-virtual-esp32'

/** Which optional endpoints the device has; a device as in the seed has none of them. */
export interface UploadFeatures {
  readonly capabilities: boolean
  readonly status: boolean
  readonly hash: boolean
  readonly session: boolean
  readonly telemetry: boolean
}

export interface HttpFrontOptions {
  readonly features: UploadFeatures
  readonly compactJson: boolean
  /** What happens to a body that fits no free block: the connection is reset, or the handler fails. */
  readonly whenHeapIsFull: 'reset' | 'error-500'
  readonly rebootDelayMs: number
  readonly describeCapabilities: () => Reply
  readonly describeTelemetry: () => Reply
}

/** Counted since power-on, for tests and benches. */
export interface DeviceStats {
  requests: number
  connections: number
  /** Chunk requests that reached the handler, by index. */
  chunkPosts: number[]
  completePosts: number
  /** Body bytes of chunk requests, unfinished ones included. */
  chunkBodyBytes: number
  heapRefusals: number
  lostReplies: number
}

export class HttpFront implements HttpNetworkHost {
  readonly stats: DeviceStats = {
    requests: 0,
    connections: 0,
    chunkPosts: [],
    completePosts: 0,
    chunkBodyBytes: 0,
    heapRefusals: 0,
    lostReplies: 0,
  }
  readonly #board: VirtualBoard
  readonly #service: () => UploadService
  readonly #options: HttpFrontOptions

  constructor(board: VirtualBoard, service: () => UploadService, options: HttpFrontOptions) {
    this.#board = board
    this.#service = service
    this.#options = options
  }

  heap(): VirtualHeap {
    return this.#board.heap
  }

  onConnection(isRefused: boolean): void {
    this.stats.connections++
    if (isRefused) this.stats.heapRefusals++
  }

  onRequest(request: IncomingMessage, response: ServerResponse): void {
    const board = this.#board
    if (!board.isUp) return
    this.stats.requests++
    const route = this.#availableRoute(findRoute(request.method ?? '', request.url ?? ''))
    const point: RequestPoint = route.kind === 'found' ? route.point : { kind: 'other', chunk: null, target: null }
    if (!board.faults.isEmpty) {
      const leakBytes = board.faults.leaksBytesPerRequest
      if (leakBytes > 0) board.heap.take(Math.min(leakBytes, board.heap.largestBlockBytes))
      const step = board.faults.onRequest(point)
      if (step !== 'serve') {
        this.#doNotServe(step, request)
        return
      }
    }
    if (route.kind === 'refused') {
      request.resume()
      this.#answer(point, response, outcomeOf(plainText(route.status, route.text)), 0)
      return
    }
    if (point.kind === 'chunk' || point.kind === 'complete') this.#takeBody(request, response, route)
    else {
      request.resume()
      this.#answer(point, response, this.#read(route), 0)
    }
  }

  #availableRoute(route: Route): Route {
    if (route.kind !== 'found') return route
    const { features } = this.#options
    const { kind } = route.point
    const isOffered = kind === 'chunk' || kind === 'complete' || kind === 'other' || features[kind]
    return isOffered ? route : { kind: 'refused', status: 404, text: 'Not found' }
  }

  #doNotServe(step: 'ignore' | 'cut' | 'power-loss', request: IncomingMessage): void {
    if (step === 'ignore') request.resume()
    else if (step === 'cut') request.socket.destroy()
    else void this.#board.panic()
  }

  #read(route: Route & { kind: 'found' }): Outcome {
    const target = route.point.target ?? ''
    switch (route.point.kind) {
      case 'status':
        return outcomeOf(this.#service().status(target))
      case 'hash':
        return this.#service().hash(target, route.nonce)
      case 'capabilities':
        return outcomeOf(this.#options.describeCapabilities())
      default:
        return outcomeOf(this.#options.describeTelemetry())
    }
  }

  /** Receives a body into a buffer of the heap, then runs the handler. */
  #takeBody(request: IncomingMessage, response: ServerResponse, route: Route & { kind: 'found' }): void {
    const { heap, faults } = this.#board
    const lengthText = request.headers['content-length']
    if (lengthText === undefined && request.headers['transfer-encoding'] !== undefined) {
      request.resume()
      this.#answer(route.point, response, outcomeOf(plainText(411, 'Length required')), 0)
      return
    }
    const contentBytes = Number(lengthText ?? 0)
    const block = heap.take(contentBytes)
    if (block === null) {
      this.#refuseBody(request, response, route.point)
      return
    }
    const isChunk = route.point.kind === 'chunk'
    const cut = faults.isEmpty ? null : faults.cutBody(route.point, contentBytes, this.stats.chunkBodyBytes)
    const pieces: Buffer[] = []
    let receivedBytes = 0
    let isOver = false
    const lose = (): void => {
      if (isOver) return
      isOver = true
      heap.release(block)
      if (isChunk && !this.#board.isOff) this.#service().loseChunk(route.point.target ?? '', route.count)
    }
    request.on('data', (piece: Buffer) => {
      if (isOver) return
      receivedBytes += piece.length
      if (isChunk) this.stats.chunkBodyBytes += piece.length
      if (cut !== null && receivedBytes >= cut.afterBytes) {
        lose()
        endConnection(request.socket, cut)
        return
      }
      pieces.push(piece)
    })
    request.on('end', () => {
      if (isOver || !this.#board.isUp) return
      isOver = true
      const body = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
      this.#runHandler(request, response, route, body, { heap, block })
    })
    request.on('close', lose)
  }

  #refuseBody(request: IncomingMessage, response: ServerResponse, point: RequestPoint): void {
    this.stats.heapRefusals++
    if (this.#options.whenHeapIsFull === 'reset') {
      request.socket.resetAndDestroy()
      return
    }
    request.resume()
    response.setHeader('Connection', 'close')
    this.#answer(point, response, outcomeOf(plainText(500, 'Internal server error')), 0)
  }

  #runHandler(
    request: IncomingMessage,
    response: ServerResponse,
    route: Route & { kind: 'found' },
    body: Buffer,
    held: { heap: VirtualHeap; block: HeapBlock },
  ): void {
    const { point, count } = route
    const board = this.#board
    response.once('close', () => held.heap.release(held.block))
    const target = point.target ?? ''
    if (point.kind === 'chunk') this.stats.chunkPosts[count] = (this.stats.chunkPosts[count] ?? 0) + 1
    else this.stats.completePosts++
    const instead = board.faults.isEmpty ? null : board.faults.replyInstead(point)
    if (instead !== null) {
      this.#answer(point, response, outcomeOf(instead), body.length)
      return
    }
    const headers = this.#options.features.session ? readSessionHeaders(request.headers) : null
    if (headers === 'malformed') {
      this.#answer(point, response, outcomeOf(json({ success: false, error: 'session headers' })), body.length)
      return
    }
    if (point.kind === 'chunk') {
      const outcome = this.#catchDeviceError(() => this.#service().putChunk(target, count, body, headers))
      this.#answer(point, response, outcome, body.length)
      return
    }
    this.#service()
      .complete(target, count, headers)
      .then(outcome => {
        if (board.isUp) this.#answer(point, response, outcome, body.length)
      })
      .catch((thrown: unknown) => {
        // The power went while it worked: nobody is left to answer.
        if (!(thrown instanceof PowerLost)) response.destroy(thrown instanceof Error ? thrown : undefined)
      })
  }

  /** The seed's chunk handler catches nothing; its framework then answers 500 in plain text. */
  #catchDeviceError(handle: () => Outcome): Outcome {
    try {
      return handle()
    } catch (thrown) {
      if (!(thrown instanceof DeviceError)) throw thrown
      const text = this.#board.faults.disguise('Internal server error')
      return outcomeOf(plainText(500, text))
    }
  }

  #answer(point: RequestPoint, response: ServerResponse, outcome: Outcome, bodyBytes: number): void {
    const board = this.#board
    const { faults } = board
    if (faults.isEmpty && outcome.busyMs < 1) {
      this.#send(response, outcome.reply)
      if (outcome.restarts === true) this.#scheduleRestart()
      return
    }
    const reply = faults.rewriteReply(point, outcome.reply)
    const finish = (): void => {
      if (faults.losesReply(point)) {
        this.stats.lostReplies++
        response.socket?.destroy()
      } else this.#send(response, reply)
      if (outcome.restarts === true) this.#scheduleRestart()
    }
    const delayMs = outcome.busyMs + faults.delayMs(point, bodyBytes)
    if (delayMs < 1) finish()
    else board.later(delayMs, finish)
  }

  #scheduleRestart(): void {
    this.#board.later(this.#options.rebootDelayMs, () => void this.#board.reboot())
  }

  #send(response: ServerResponse, reply: Reply): void {
    if (response.destroyed) return
    const text = reply.kind === 'text' ? reply.text : this.#writeJson(reply)
    const contentType = reply.kind === 'text' ? reply.contentType : 'application/json; charset=UTF-8'
    response.sendDate = false
    response.writeHead(reply.status, {
      Server: SERVER_HEADER,
      'Content-Type': contentType,
      'Content-Length': Buffer.byteLength(text),
    })
    response.end(text)
  }

  #writeJson(reply: Reply & { kind: 'json' }): string {
    return this.#options.compactJson ? JSON.stringify(reply.value) : toPythonJson(reply.value)
  }
}

function outcomeOf(reply: Reply): Outcome {
  return { reply, busyMs: 0 }
}

function plainText(status: number, text: string): Reply {
  return { kind: 'text', status, contentType: 'text/plain; charset=UTF-8', text }
}

function endConnection(socket: Socket, cut: BodyCut): void {
  if (cut.how === 'reset') socket.resetAndDestroy()
  else socket.destroy()
}
