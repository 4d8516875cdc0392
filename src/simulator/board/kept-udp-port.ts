/** A UDP port of a virtual board: it comes and goes with the board and keeps its number. */
import { createSocket, type Socket } from 'node:dgram'
import { createServer } from 'node:net'
import type { DeviceClock } from './device-clock.ts'
import { listenAddress } from './listen-address.ts'

const PORT_RETRY_MS = 50
const PORT_RETRIES = 200
const PAIR_ATTEMPTS = 50

export interface UdpSender {
  readonly address: string
  readonly port: number
}

export class KeptUdpPort {
  readonly #clock: DeviceClock
  readonly #onMessage: (message: Buffer, from: UdpSender) => void
  #socket: Socket | null = null
  #port: number
  #isWanted = false

  /** @param port where it hears; 0 takes any free port and keeps it over reboots */
  constructor(port: number, clock: DeviceClock, onMessage: (message: Buffer, from: UdpSender) => void) {
    this.#port = port
    this.#clock = clock
    this.#onMessage = onMessage
  }

  get number(): number {
    return this.#port
  }

  send(text: string, { address, port }: UdpSender): void {
    this.#socket?.send(text, port, address)
  }

  /** @throws {Error} when the port stays taken for ten seconds */
  async open(): Promise<void> {
    this.#isWanted = true
    // While the board was away another process may have been given its port, as a rule for a moment.
    for (let attempt = 0; this.#wasNotDismissed(); attempt++) {
      const socket = await bind(this.#port)
      if (socket !== null) {
        this.#take(socket)
        return
      }
      if (attempt >= PORT_RETRIES) throw new Error(`UDP port ${String(this.#port)} stays taken`)
      await new Promise<void>(resolve => this.#clock.after(PORT_RETRY_MS, resolve))
    }
  }

  shut(): void {
    this.#isWanted = false
    this.#socket?.close()
    this.#socket = null
  }

  #take(socket: Socket): void {
    // Switched off while it was coming up.
    if (!this.#isWanted) {
      socket.close()
      return
    }
    this.#socket = socket
    this.#port = socket.address().port
    socket.on('message', (message, { address, port }) => {
      this.#onMessage(message, { address, port })
    })
    // Somebody who is gone may send an ICMP error back; the device does not mind.
    socket.on('error', () => undefined)
  }

  #wasNotDismissed(): boolean {
    return this.#isWanted
  }
}

/** A number that is free for UDP and for TCP. @throws {Error} when none is found */
export async function findFreePortPair(): Promise<number> {
  for (let attempt = 0; attempt < PAIR_ATTEMPTS; attempt++) {
    const socket = await bind(0)
    if (socket === null) continue
    const { port } = socket.address()
    const isPair = await isFreeForTcp(port)
    socket.close()
    if (isPair) return port
  }
  throw new Error('no port is free for both UDP and TCP')
}

/** Null when the port is taken. */
function bind(port: number): Promise<Socket | null> {
  const socket = createSocket('udp4')
  return new Promise((resolve, reject) => {
    socket.once('error', error => {
      socket.close()
      if ('code' in error && error.code === 'EADDRINUSE') resolve(null)
      else reject(error)
    })
    socket.bind(port, listenAddress(), () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })
}

function isFreeForTcp(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise(resolve => {
    server.once('error', () => {
      resolve(false)
    })
    server.listen(port, listenAddress(), () => {
      server.close(() => {
        resolve(true)
      })
    })
  })
}
