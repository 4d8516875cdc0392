/** The network of a virtual board with a web server: a port that comes and goes with it, connections that cost heap. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { BoardNetwork } from './board.ts'
import type { DeviceClock } from './device-clock.ts'
import type { VirtualHeap } from './heap.ts'

/** Control blocks and buffers of one TCP connection in lwIP. */
const CONNECTION_HEAP_BYTES = 4096
const KEEP_ALIVE_MS = 30_000
const PORT_RETRY_MS = 50
const PORT_RETRIES = 200

export interface HttpNetworkHost {
  /** The heap of the current boot. */
  heap(): VirtualHeap
  onConnection(isRefused: boolean): void
  onRequest(request: IncomingMessage, response: ServerResponse): void
}

export class HttpNetwork implements BoardNetwork {
  readonly #host: HttpNetworkHost
  readonly #clock: DeviceClock
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #port: number
  #isWanted = false

  /** @param port where it listens; 0 takes any free port and keeps it over reboots */
  constructor(host: HttpNetworkHost, port: number, clock: DeviceClock) {
    this.#host = host
    this.#port = port
    this.#clock = clock
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
      host.onRequest(request, response)
    })
    this.#server.on('connection', (socket: Socket) => {
      this.#onConnection(socket)
    })
  }

  get port(): number {
    return this.#port
  }

  /** @throws {Error} when the port stays taken for ten seconds */
  async comeUp(): Promise<void> {
    this.#isWanted = true
    // While the board was away another process may have been given its port, as a rule for a moment.
    for (let attempt = 0; !(await this.#listen()); attempt++) {
      if (attempt >= PORT_RETRIES) throw new Error(`port ${String(this.#port)} stays taken`)
      await new Promise<void>(resolve => this.#clock.after(PORT_RETRY_MS, resolve))
    }
    // Switched off while it was coming up.
    if (this.#wasDismissed()) await this.#close()
    // An http server that listens on TCP has an AddressInfo.
    else this.#port = (this.#server.address() as AddressInfo).port
  }

  async goDown(isOrderly: boolean): Promise<void> {
    this.#isWanted = false
    const closed = this.#close()
    for (const socket of this.#sockets) {
      if (isOrderly) socket.destroy()
      else socket.resetAndDestroy()
    }
    await closed
  }

  /** Says `false` when its port is in use; the port of a board that is off again is left alone. */
  #listen(): Promise<boolean> {
    if (this.#wasDismissed()) return Promise.resolve(true)
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        const isTaken = this.#port !== 0 && 'code' in error && error.code === 'EADDRINUSE'
        if (isTaken) resolve(false)
        else reject(error)
      }
      this.#server.once('error', fail)
      this.#server.listen(this.#port, '127.0.0.1', () => {
        this.#server.off('error', fail)
        resolve(true)
      })
    })
  }

  #wasDismissed(): boolean {
    return !this.#isWanted
  }

  #close(): Promise<void> {
    if (!this.#server.listening) return Promise.resolve()
    return new Promise(resolve => {
      this.#server.close(() => {
        resolve()
      })
    })
  }

  #onConnection(socket: Socket): void {
    const heap = this.#host.heap()
    const block = heap.take(CONNECTION_HEAP_BYTES)
    this.#sockets.add(socket)
    socket.on('close', () => {
      this.#sockets.delete(socket)
      if (block !== null) heap.release(block)
    })
    this.#host.onConnection(block === null)
    if (block === null) socket.resetAndDestroy()
  }
}
