/** A TCP port of a virtual board: it comes and goes with the board and keeps its number. */
import type { AddressInfo, Server, Socket } from 'node:net'
import type { DeviceClock } from './device-clock.ts'
import { listenAddress } from './listen-address.ts'

const PORT_RETRY_MS = 50
const PORT_RETRIES = 200

export class KeptPort {
  readonly #clock: DeviceClock
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #port: number
  #isWanted = false

  /** @param port where it listens; 0 takes any free port and keeps it over reboots */
  constructor(server: Server, port: number, clock: DeviceClock) {
    this.#server = server
    this.#port = port
    this.#clock = clock
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  get number(): number {
    return this.#port
  }

  /** @throws {Error} when the port stays taken for ten seconds */
  async open(): Promise<void> {
    this.#isWanted = true
    // While the board was away another process may have been given its port, as a rule for a moment.
    for (let attempt = 0; !(await this.#listen()); attempt++) {
      if (attempt >= PORT_RETRIES) throw new Error(`port ${String(this.#port)} stays taken`)
      await new Promise<void>(resolve => this.#clock.after(PORT_RETRY_MS, resolve))
    }
    // Switched off while it was coming up.
    if (this.#wasDismissed()) await this.#close()
    // A server that listens on TCP has an AddressInfo.
    else this.#port = (this.#server.address() as AddressInfo).port
  }

  /** @param isOrderly whether connections are closed or die */
  async shut(isOrderly: boolean): Promise<void> {
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
      this.#server.listen(this.#port, listenAddress(), () => {
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
}
