/**
 * One keep-alive HTTP/1.1 connection to one device, one request at a time. Never a proxy, never a redirect, answers of
 * bounded size, every failure a code that tells whether the request may have reached the device. Written over a socket
 * because a request by a general client costs two to four times as much (docs/decisions/0005-http-client.md).
 */
import { connect, type Socket } from 'node:net'
import { FlashproofError, type ErrorCode } from '../../shared/errors.ts'
import type { HttpEndpoint } from '../discovery/target.ts'
import { HttpAnswerParser, type ParsedAnswer } from './http-answer-parser.ts'

export { MAX_ANSWER_BYTES } from './http-answer-parser.ts'

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS'
  /** Path below the endpoint's base path, beginning with a slash; already percent-encoded. */
  readonly path: string
  /** Names and values without control characters: they are built here, never taken from a device. */
  readonly headers?: Readonly<Record<string, string>>
  /** One piece, sent in the same write as the head; or several that follow each other on the wire. */
  readonly body?: Uint8Array | readonly Uint8Array[]
  /**
   * For a body that a device takes slowly: called with the bytes of the body that the network took so far. The body then
   * leaves in pieces, each after the one before: of 4 KiB, and of up to 64 KiB as long as the network takes them at once.
   * The head and the first body piece leave together.
   */
  readonly onSent?: (sentBytes: number) => void
  /**
   * With `onSent`: awaited before the piece that completes the body leaves, so that what must be known before the device
   * can act is known. When it rejects, the connection ends there and the request with it.
   */
  readonly beforeLastPiece?: () => Promise<void>
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  /** Opens a connection for this request alone: for one that must not be lost on a connection that just closed. */
  readonly needsFreshConnection?: boolean
  /** Asks for an end of the connection after the answer; the next request opens another one. */
  readonly endsConnection?: boolean
}

export interface HttpAnswer {
  readonly status: number
  readonly contentType: string
  /** By lower-case name; a header that came more than once has its values joined by commas. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
  /** From the call to the last byte of the answer. */
  readonly durationMs: number
}

export interface HttpClientOptions {
  readonly connectTimeoutMs?: number
  /** Address of the interface that the traffic leaves by. */
  readonly localAddress?: string
}

/** A small server closes an idle connection after about five seconds; writing into one that just closed loses a request. */
const REUSE_WITHIN_MS = 4000
/** A connection that ends this soon after an answer, and unannounced, was closed because of the answer. */
const SILENT_CLOSE_MS = 1000
/** What small web servers read at once is about 1.4 KiB; more than this in one write only fills buffers here. */
const PIECE_BYTES = 4096
/** A piece that the network took at once is followed by one of twice the size, up to this. */
const LARGEST_PIECE_BYTES = 64 * 1024

interface PendingRequest {
  readonly request: HttpRequest
  readonly startedMs: number
  readonly deadlineMs: number
  readonly resolve: (answer: HttpAnswer) => void
  readonly reject: (error: unknown) => void
}

export class HttpClient {
  readonly #endpoint: HttpEndpoint
  readonly #options: HttpClientOptions
  readonly #headStart: string
  /** Value of the Host header: a device that compares Origin or Referer with it compares this. */
  readonly host: string
  #socket: Socket | null = null
  #isConnected = false
  /** Whether pieces of the body under way are still here. */
  #unsentBody = false
  /** Answers that came over this connection: with none, a loss says nothing about reuse. */
  #answersOnSocket = 0
  /** Cleared when a device closed a connection that its answers had not said it would close. */
  #mayReuse = true
  #parser = new HttpAnswerParser()
  #pending: PendingRequest | null = null
  #lastUsedMs = 0
  #timer: NodeJS.Timeout | null = null
  #timerDueMs = 0
  #signal: AbortSignal | null = null
  #isClosed = false

  constructor(endpoint: HttpEndpoint, options: HttpClientOptions = {}) {
    this.#endpoint = endpoint
    this.#options = options
    // A zone means something on this computer only.
    const hostname = endpoint.hostname.replace(/%[^\]]*/, '')
    this.host = endpoint.port === 80 ? hostname : `${hostname}:${String(endpoint.port)}`
    this.#headStart = ` HTTP/1.1\r\nhost: ${this.host}\r\nconnection: `
  }

  /**
   * Sends one request and reads the whole answer. A second request waits for nothing: it is an error to send it before
   * the first one ended.
   * @throws {FlashproofError} network.refused, network.unreachable, network.name-not-found (never sent), network.reset,
   *   network.timeout (the device may have acted), network.answer-too-large, device.not-speaking; the signal's reason
   *   when it aborts
   */
  request(request: HttpRequest): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed || this.#pending !== null) {
        reject(new FlashproofError('internal.unexpected', 'a connection was used after its end, or twice at once'))
        return
      }
      if (request.signal?.aborted === true) {
        reject(asError(request.signal.reason))
        return
      }
      const startedMs = performance.now()
      this.#pending = { request, startedMs, deadlineMs: startedMs + request.timeoutMs, resolve, reject }
      this.#watch(request.signal ?? null)
      this.#armTimer(this.#pending.deadlineMs)
      this.#send(request, startedMs)
    })
  }

  /** Lets the next request open a connection of its own: whether a device went away shows only on a fresh one. */
  forgetConnection(): void {
    if (this.#pending === null) this.#dropSocket()
  }

  /** Ends the connection at once; a pending request is rejected. */
  close(): Promise<void> {
    this.#isClosed = true
    this.#fail(new FlashproofError('call.aborted', 'the connection was closed'))
    this.#dropSocket()
    this.#watch(null)
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    return Promise.resolve()
  }

  #send(request: HttpRequest, nowMs: number): void {
    const isUsed = this.#answersOnSocket > 0
    const isStale = isUsed && nowMs - this.#lastUsedMs > REUSE_WITHIN_MS
    if (isStale || (isUsed && (!this.#mayReuse || request.needsFreshConnection === true))) this.#dropSocket()
    const socket = this.#socket ?? this.#open()
    let head = `${request.method} ${this.#endpoint.basePath}${request.path}${this.#headStart}`
    head += request.endsConnection === true ? 'close\r\n' : 'keep-alive\r\n'
    for (const name in request.headers) head += `${name}: ${request.headers[name] ?? ''}\r\n`
    const parts = partsOf(request.body)
    if (request.body !== undefined) {
      const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0)
      head += `content-length: ${String(sizeBytes)}\r\n`
    }
    // Head and body leave in one write: a board that reads once sees the whole request.
    socket.cork()
    socket.write(`${head}\r\n`, 'latin1')
    if (request.onSent === undefined) for (const part of parts) socket.write(part)
    else this.#sendSlowly(socket, parts, request.onSent, request.beforeLastPiece)
    socket.uncork()
  }

  /** Writes the next piece when the network took the one before; ends by itself when the request is over. */
  #sendSlowly(
    socket: Socket,
    parts: readonly Uint8Array[],
    onSent: (sentBytes: number) => void,
    beforeLastPiece?: () => Promise<void>,
  ): void {
    const pending = this.#pending
    const body = new BodyReader(parts)
    let pieceBytes = PIECE_BYTES
    let sentBytes = 0
    // An answer may come before the whole body was sent; the rest then stays here.
    const isOver = (): boolean => this.#socket !== socket || this.#pending !== pending
    const write = (piece: Uint8Array): void => {
      socket.write(piece, error => {
        if (error instanceof Error || isOver()) return
        sentBytes += piece.length
        onSent(sentBytes)
        if (!isOver()) next()
      })
      const isTakenAtOnce = socket.writableLength === 0
      pieceBytes = isTakenAtOnce ? Math.min(2 * pieceBytes, LARGEST_PIECE_BYTES) : PIECE_BYTES
    }
    const next = (): void => {
      const piece = body.take(pieceBytes)
      if (piece === null) {
        this.#unsentBody = false
        return
      }
      this.#unsentBody = true
      if (body.leftBytes > 0 || beforeLastPiece === undefined) {
        write(piece)
        return
      }
      beforeLastPiece().then(
        () => {
          if (!isOver()) write(piece)
        },
        (reason: unknown) => {
          if (isOver()) return
          this.#dropSocket()
          this.#fail(reason)
        },
      )
    }
    next()
  }

  #open(): Socket {
    const { hostname, port } = this.#endpoint
    const { localAddress } = this.#options
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ''),
      port,
      noDelay: true,
      ...(localAddress === undefined ? {} : { localAddress }),
    })
    this.#socket = socket
    this.#isConnected = false
    this.#answersOnSocket = 0
    this.#parser = new HttpAnswerParser()
    const connectTimeoutMs = this.#options.connectTimeoutMs ?? 5000
    const connectTimer = setTimeout(() => {
      this.#lost(socket, 'ETIMEDOUT', `no connection within ${String(connectTimeoutMs)} ms`)
    }, connectTimeoutMs)
    socket.once('connect', () => {
      clearTimeout(connectTimer)
      if (this.#socket === socket) this.#isConnected = true
    })
    socket.on('data', piece => {
      if (this.#socket === socket) this.#receive(socket, piece)
    })
    socket.once('end', () => {
      if (this.#socket !== socket) return
      const answer = this.#parser.end()
      if (answer !== null) this.#answer(answer)
      else if (this.#pending === null) this.#lost(socket, '', 'the device closed the idle connection')
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(connectTimer)
      this.#lost(socket, error.code ?? '', error.message)
    })
    socket.once('close', () => {
      clearTimeout(connectTimer)
      this.#lost(socket, 'ECONNRESET', 'the device closed the connection')
    })
    return socket
  }

  #receive(socket: Socket, piece: Buffer): void {
    if (this.#pending === null) {
      // Nobody asked: whatever this is, the next answer on this connection could not be trusted.
      this.#dropSocket()
      return
    }
    try {
      const answer = this.#parser.push(piece)
      if (answer !== null) this.#answer(answer)
    } catch (error) {
      socket.destroy()
      this.#dropSocket()
      this.#fail(error)
    }
  }

  #answer(answer: ParsedAnswer): void {
    const pending = this.#pending
    this.#pending = null
    const nowMs = performance.now()
    this.#lastUsedMs = nowMs
    this.#answersOnSocket++
    // Half a request on a connection would be read as the beginning of the next one.
    if (!answer.keepsAlive || this.#unsentBody || pending?.request.endsConnection === true) this.#dropSocket()
    pending?.resolve({
      status: answer.status,
      contentType: answer.contentType,
      headers: answer.headers,
      body: answer.body,
      durationMs: nowMs - pending.startedMs,
    })
  }

  /** The connection broke. Before it stood the request never left; afterwards the device may have acted. */
  #lost(socket: Socket, systemCode: string, message: string): void {
    if (this.#socket !== socket) return
    const wasConnected = this.#isConnected
    const pending = this.#pending
    const wasReused = this.#answersOnSocket > 0 && !this.#parser.isInside
    const idleMs = performance.now() - this.#lastUsedMs
    this.#dropSocket()
    // A device that closes without a word after an answer does so after every one: its connections are not reused.
    if (wasReused && idleMs < SILENT_CLOSE_MS) this.#mayReuse = false
    if (pending === null) return
    if (wasReused && pending.request.method === 'GET') {
      // It closed before it read this; a question may be asked again.
      this.#send(pending.request, performance.now())
      return
    }
    const code = wasConnected ? 'network.reset' : (codeWhileConnecting[systemCode] ?? 'network.unreachable')
    const what = `${pending.request.method} ${withoutQuery(pending.request.path)}`
    this.#fail(new FlashproofError(code, `${what}: ${message || systemCode}`, { systemCode }))
  }

  #fail(error: unknown): void {
    const pending = this.#pending
    this.#pending = null
    pending?.reject(error)
  }

  #dropSocket(): void {
    const socket = this.#socket
    this.#socket = null
    this.#isConnected = false
    this.#unsentBody = false
    socket?.destroy()
  }

  /** One listener for as long as the same signal is used: adding one a request costs more than parsing the answer. */
  #watch(signal: AbortSignal | null): void {
    if (signal === this.#signal) return
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (): void => {
    if (this.#pending === null) return
    const reason = asError(this.#signal?.reason)
    this.#dropSocket()
    this.#fail(reason)
  }

  /** One timer that is moved only when it would fire too late: most requests end long before their deadline. */
  #armTimer(deadlineMs: number): void {
    if (this.#timer !== null && this.#timerDueMs <= deadlineMs) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timerDueMs = deadlineMs
    this.#timer = setTimeout(this.#onTimer, Math.max(0, deadlineMs - performance.now()))
  }

  readonly #onTimer = (): void => {
    this.#timer = null
    const pending = this.#pending
    if (pending === null) return
    if (performance.now() < pending.deadlineMs - 1) {
      this.#armTimer(pending.deadlineMs)
      return
    }
    const { method, timeoutMs } = pending.request
    const path = withoutQuery(pending.request.path)
    const wasConnected = this.#isConnected
    this.#dropSocket()
    this.#fail(
      new FlashproofError(
        wasConnected ? 'network.timeout' : 'network.unreachable',
        `no answer to ${method} ${path} within ${String(timeoutMs)} ms`,
        { path, timeoutMs },
      ),
    )
  }
}

/** A path as errors may show it: some devices want their password in the query. */
function withoutQuery(path: string): string {
  const mark = path.indexOf('?')
  return mark < 0 ? path : path.slice(0, mark)
}

function partsOf(body: HttpRequest['body']): readonly Uint8Array[] {
  if (body === undefined) return []
  return (body instanceof Uint8Array ? [body] : body).filter(part => part.length > 0)
}

/** Hands out a body of several parts in pieces, without copying what lies in one part. */
class BodyReader {
  readonly #parts: readonly Uint8Array[]
  #part = 0
  #at = 0
  leftBytes: number

  constructor(parts: readonly Uint8Array[]) {
    this.#parts = parts
    this.leftBytes = parts.reduce((sum, part) => sum + part.length, 0)
  }

  /** @returns the next `sizeBytes`, or what is left; null when nothing is */
  take(sizeBytes: number): Uint8Array | null {
    if (this.leftBytes === 0) return null
    const first = this.#takeFromPart(sizeBytes)
    if (first.length === sizeBytes || this.leftBytes === 0) return first
    // A short piece, such as the head of a form's part, goes out together with what follows it.
    const pieces = [first]
    for (let missing = sizeBytes - first.length; missing > 0 && this.leftBytes > 0;) {
      const more = this.#takeFromPart(missing)
      pieces.push(more)
      missing -= more.length
    }
    return Buffer.concat(pieces)
  }

  #takeFromPart(mostBytes: number): Uint8Array {
    const part = this.#parts[this.#part] ?? new Uint8Array(0)
    const taken = part.subarray(this.#at, this.#at + mostBytes)
    this.#at += taken.length
    this.leftBytes -= taken.length
    if (this.#at === part.length) {
      this.#part++
      this.#at = 0
    }
    return taken
  }
}

const codeWhileConnecting: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: 'network.refused',
  ENOTFOUND: 'network.name-not-found',
  EAI_AGAIN: 'network.name-not-found',
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new FlashproofError('call.aborted', 'the request was cancelled')
}
