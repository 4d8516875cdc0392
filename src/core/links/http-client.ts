/**
 * One keep-alive HTTP/1.1 connection to one device. Never a proxy, never a redirect, answers of bounded size, every
 * failure a code. Uses undici's dispatcher directly: the fetch layer above it costs more than the requests (see
 * docs/decisions/0005-undici-dispatch.md).
 */
import { Client, type Dispatcher } from 'undici'
import { FlashproofError, type ErrorCode } from '../../shared/errors.ts'
import type { HttpEndpoint } from '../discovery/target.ts'

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS'
  /** Path below the endpoint's base path, beginning with a slash; already percent-encoded. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

export interface HttpAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: Uint8Array
  /** From the call to the last byte of the answer. */
  readonly durationMs: number
}

/** An answer of a small device is small; more than this is not one of ours. */
export const MAX_ANSWER_BYTES = 256 * 1024

export interface HttpClientOptions {
  readonly connectTimeoutMs?: number
  /** Address of the interface that the traffic leaves by. */
  readonly localAddress?: string
}

export class HttpClient {
  readonly #client: Client
  readonly #basePath: string

  constructor(endpoint: HttpEndpoint, options: HttpClientOptions = {}) {
    this.#basePath = endpoint.basePath
    this.#client = new Client(endpoint.origin, {
      pipelining: 1,
      // A small server may close an idle connection at any moment; a short keep-alive here avoids writing into it.
      keepAliveTimeout: 4000,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: {
        timeout: options.connectTimeoutMs ?? 5000,
        ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
      },
    })
  }

  /**
   * Sends one request and reads the whole answer.
   * @throws {FlashproofError} network.refused, network.unreachable, network.name-not-found (never sent), network.reset,
   *   network.timeout (the device may have acted), network.answer-too-large; the signal's reason when it aborts
   */
  request(request: HttpRequest): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const call = new Call(request, resolve, reject)
      if (call.isOver) return
      const options: Dispatcher.DispatchOptions = {
        method: request.method,
        path: this.#basePath + request.path,
        headers: { ...request.headers },
        body: request.body ?? null,
        reset: false,
      }
      this.#client.dispatch(options, call)
    })
  }

  /** Ends the connection at once; a pending request is rejected. */
  async close(): Promise<void> {
    if (!this.#client.destroyed) await this.#client.destroy()
  }
}

class Call implements Dispatcher.DispatchHandler {
  readonly #request: HttpRequest
  readonly #resolve: (answer: HttpAnswer) => void
  readonly #reject: (error: unknown) => void
  readonly #startedMs = performance.now()
  readonly #timer: NodeJS.Timeout
  readonly #onAbort: () => void
  #controller: Dispatcher.DispatchController | null = null
  #status = 0
  #contentType = ''
  #pieces: Uint8Array[] = []
  #sizeBytes = 0
  #pendingFailure: unknown = null
  isOver = false

  constructor(request: HttpRequest, resolve: (answer: HttpAnswer) => void, reject: (error: unknown) => void) {
    this.#request = request
    this.#resolve = resolve
    this.#reject = reject
    this.#onAbort = (): void => {
      this.#stop(request.signal?.reason ?? new FlashproofError('call.aborted', 'the request was cancelled'))
    }
    this.#timer = setTimeout(() => {
      this.#stop(
        new FlashproofError('network.timeout', `no answer to ${this.#what} within ${String(request.timeoutMs)} ms`, {
          path: request.path,
          timeoutMs: request.timeoutMs,
        }),
      )
    }, request.timeoutMs)
    request.signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (request.signal?.aborted) this.#onAbort()
  }

  get #what(): string {
    return `${this.#request.method} ${this.#request.path}`
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#pendingFailure !== null) controller.abort(asError(this.#pendingFailure))
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (statusCode < 200) return
    this.#status = statusCode
    const contentType = headers['content-type']
    this.#contentType = typeof contentType === 'string' ? contentType : ''
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#sizeBytes += chunk.length
    if (this.#sizeBytes > MAX_ANSWER_BYTES) {
      this.#stop(
        new FlashproofError('network.answer-too-large', `the answer to ${this.#what} is larger than any device's`, {
          path: this.#request.path,
          maximumBytes: MAX_ANSWER_BYTES,
        }),
      )
      return
    }
    this.#pieces.push(chunk)
  }

  onResponseEnd(): void {
    if (this.isOver) return
    this.#finish()
    const only = this.#pieces[0]
    this.#resolve({
      status: this.#status,
      contentType: this.#contentType,
      body: this.#pieces.length === 1 && only !== undefined ? only : Buffer.concat(this.#pieces),
      durationMs: performance.now() - this.#startedMs,
    })
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.isOver) return
    this.#finish()
    this.#reject(this.#pendingFailure ?? networkError(error, this.#what))
  }

  #stop(reason: unknown): void {
    if (this.isOver) return
    this.#pendingFailure = reason
    this.#finish()
    this.#reject(reason)
    this.#controller?.abort(asError(reason))
  }

  #finish(): void {
    this.isOver = true
    clearTimeout(this.#timer)
    this.#request.signal?.removeEventListener('abort', this.#onAbort)
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason))
}

const codeOfCause: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: 'network.refused',
  ENOTFOUND: 'network.name-not-found',
  EAI_AGAIN: 'network.name-not-found',
  EHOSTUNREACH: 'network.unreachable',
  ENETUNREACH: 'network.unreachable',
  EADDRNOTAVAIL: 'network.unreachable',
  UND_ERR_CONNECT_TIMEOUT: 'network.unreachable',
}

/** Gives a connection failure its code. Anything that could have happened after the request left counts as a reset. */
function networkError(cause: Error, what: string): FlashproofError {
  if (cause instanceof FlashproofError) return cause
  const systemCode = systemCodeOf(cause)
  const code = codeOfCause[systemCode] ?? 'network.reset'
  return new FlashproofError(code, `${what}: ${cause.message || systemCode}`, { systemCode }, { cause })
}

function systemCodeOf(error: Error): string {
  if ('code' in error && typeof error.code === 'string') return error.code
  if (error instanceof AggregateError) {
    const inner: unknown = error.errors[0]
    if (inner instanceof Error) return systemCodeOf(inner)
  }
  return error.cause instanceof Error ? systemCodeOf(error.cause) : ''
}
