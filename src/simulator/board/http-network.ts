/** The network of a virtual board with a web server: a port that comes and goes with it, connections that cost heap. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { BoardNetwork } from './board.ts'
import type { DeviceClock } from './device-clock.ts'
import type { VirtualHeap } from './heap.ts'
import { KeptPort } from './kept-port.ts'

/** Control blocks and buffers of one TCP connection in lwIP. */
const CONNECTION_HEAP_BYTES = 4096
const KEEP_ALIVE_MS = 30_000

export interface HttpNetworkHost {
  /** The heap of the current boot. */
  heap(): VirtualHeap
  onConnection(isRefused: boolean): void
  onRequest(request: IncomingMessage, response: ServerResponse): void
}

export class HttpNetwork implements BoardNetwork {
  readonly #host: HttpNetworkHost
  readonly #port: KeptPort

  /** @param port where it listens; 0 takes any free port and keeps it over reboots */
  constructor(host: HttpNetworkHost, port: number, clock: DeviceClock) {
    this.#host = host
    const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
      host.onRequest(request, response)
    })
    this.#port = new KeptPort(server, port, clock)
    server.on('connection', (socket: Socket) => {
      this.#onConnection(socket)
    })
  }

  get port(): number {
    return this.#port.number
  }

  /** @throws {Error} when the port stays taken for ten seconds */
  comeUp(): Promise<void> {
    return this.#port.open()
  }

  goDown(isOrderly: boolean): Promise<void> {
    return this.#port.shut(isOrderly)
  }

  #onConnection(socket: Socket): void {
    const heap = this.#host.heap()
    const block = heap.take(CONNECTION_HEAP_BYTES)
    socket.on('close', () => {
      if (block !== null) heap.release(block)
    })
    this.#host.onConnection(block === null)
    if (block === null) socket.resetAndDestroy()
  }
}
