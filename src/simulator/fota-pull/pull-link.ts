/** The requests of a pulling device, and the places where faults of its connection strike. */
import { request, type ClientRequest, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import type { VirtualBoard } from '../board/board.ts'
import { listenAddress } from '../board/listen-address.ts'
import type { RequestPoint } from '../faults/fault-hooks.ts'

export interface PullAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface PullQuestion {
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly path: string
  readonly point: RequestPoint
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface LinkSettings {
  readonly port: number
  /** Null sends no Device-ID. */
  readonly deviceId: () => string | null
  readonly timeoutMs: number
}

/** No answer came: nobody listens, the connection ended, or it took too long. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
  /** Whether nobody listens at all. */
  readonly isRefused: boolean

  constructor(message: string, isRefused = false) {
    super(message)
    this.isRefused = isRefused
  }
}

export class PullLink {
  /** Requests for bytes of the image. */
  dataRequests = 0
  readonly #board: VirtualBoard
  readonly #settings: LinkSettings
  readonly #open = new Set<ClientRequest>()
  /** Counts the times that the board went down. */
  #generation = 0
  #receivedBytes = 0

  constructor(board: VirtualBoard, settings: LinkSettings) {
    this.#board = board
    this.#settings = settings
  }

  /** Ends what is under way as the board goes down: whoever waits for an answer waits for ever, as work in lost RAM does. */
  stop(): void {
    this.#generation++
    for (const outgoing of this.#open) outgoing.destroy()
  }

  /**
   * Never settles when the board goes down meanwhile.
   * @throws {NoAnswer}
   */
  ask(question: PullQuestion): Promise<PullAnswer> {
    const generation = this.#generation
    return new Promise((resolve, reject) => {
      this.#askNow(question).then(
        answer => {
          if (generation === this.#generation) resolve(answer)
        },
        (thrown: unknown) => {
          if (generation === this.#generation) reject(thrown instanceof Error ? thrown : new NoAnswer(String(thrown)))
        },
      )
    })
  }

  async #askNow(question: PullQuestion): Promise<PullAnswer> {
    const { faults } = this.#board
    const { point } = question
    if (point.kind === 'chunk') this.dataRequests++
    const step = faults.onRequest(point)
    if (step === 'power-loss') {
      void this.#board.panic()
      return new Promise(() => undefined)
    }
    if (step === 'cut') {
      await this.#openAndClose()
      throw new NoAnswer('the connection ended')
    }
    if (step === 'ignore') {
      // It hears nothing of the answer and waits for it in vain.
      await this.#send(question).catch(() => undefined)
      await this.#board.pause(this.#settings.timeoutMs)
      throw new NoAnswer('no answer in time')
    }
    const answer = await this.#send(question)
    const delayMs = faults.delayMs(point, answer.body.length)
    if (delayMs >= 1) await this.#board.pause(delayMs)
    if (faults.losesReply(point)) throw new NoAnswer('the answer was lost')
    return answer
  }

  #send({ method, path, point, headers, body }: PullQuestion): Promise<PullAnswer> {
    const { port, timeoutMs } = this.#settings
    const deviceId = this.#settings.deviceId()
    return new Promise((resolve, reject) => {
      const outgoing = request({
        host: listenAddress(),
        port,
        path,
        method,
        // One connection a request, as a small HTTP client without keep-alive.
        agent: false,
        headers: {
          'User-Agent': 'ESP32HTTPClient',
          ...(deviceId === null ? {} : { 'Device-ID': deviceId }),
          ...(body === undefined
            ? {}
            : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }),
          ...headers,
        },
      })
      this.#open.add(outgoing)
      const takeBack = this.#board.later(timeoutMs, () => {
        outgoing.destroy(new NoAnswer('no answer in time'))
      })
      outgoing.on('close', () => {
        takeBack()
        this.#open.delete(outgoing)
        reject(new NoAnswer('the connection ended'))
      })
      outgoing.on('error', error => {
        reject(new NoAnswer(error.message, 'code' in error && error.code === 'ECONNREFUSED'))
      })
      outgoing.on('response', response => {
        const expectedBytes = Number(response.headers['content-length'] ?? 0)
        const cut = this.#board.faults.cutBody(point, expectedBytes, this.#receivedBytes)
        const pieces: Buffer[] = []
        let bodyBytes = 0
        response.on('data', (piece: Buffer) => {
          pieces.push(piece)
          bodyBytes += piece.length
          if (point.kind === 'chunk') this.#receivedBytes += piece.length
          if (cut === null || bodyBytes < cut.afterBytes) return
          reject(new NoAnswer('the connection ended'))
          if (cut.how === 'power-loss') void this.#board.panic()
          else if (cut.how === 'reset') response.socket.resetAndDestroy()
          else outgoing.destroy(new NoAnswer('the connection ended'))
        })
        response.on('error', () => {
          reject(new NoAnswer('the connection ended'))
        })
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces) })
        })
      })
      outgoing.end(body)
    })
  }

  #openAndClose(): Promise<void> {
    return new Promise(resolve => {
      const socket = connect({ host: listenAddress(), port: this.#settings.port }, () => socket.destroy())
      socket.on('error', () => undefined)
      socket.on('close', () => {
        resolve()
      })
    })
  }
}
