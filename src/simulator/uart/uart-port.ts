/** Makes a virtual serial port: bytes in time and with their faults, on TCP, on TCP with a port's settings, or on a pty. */
import { createServer, type Socket } from 'node:net'
import { systemDeviceClock } from '../board/device-clock.ts'
import { KeptPort } from '../board/kept-port.ts'
import { listenAddress } from '../board/listen-address.ts'
import { ComPortServer } from './com-port.ts'
import { PtyBridge } from './pty-bridge.ts'
import type { LineChange, UartLines, UartPort, UartPortOptions } from './uart.ts'
import { VirtualWire } from './virtual-wire.ts'

/** A client that comes while another is there is refused, unless the other is just going. */
const REFUSAL_DELAY_MS = 250
const released: UartLines = { dtr: false, rts: false }

/**
 * Attaches the peripheral and resolves when clients can connect.
 * @throws {Error} for a pty where socat is missing
 */
export async function openUartPort(options: UartPortOptions): Promise<UartPort> {
  const port = new VirtualPort(options)
  options.peripheral.attach(port.wire)
  await port.open()
  return port
}

class VirtualPort implements UartPort {
  readonly wire: VirtualWire
  readonly lineHistory: LineChange[] = []
  readonly #options: UartPortOptions
  readonly #port: KeptPort
  readonly #pty: PtyBridge | null
  readonly #startedMs = performance.now()
  #client: Socket | null = null
  #lines = released
  #isPlugged = false
  #isClosed = false
  /** Takes back that it is plugged in again. */
  #stayOut: () => void = () => undefined

  constructor(options: UartPortOptions) {
    this.#options = options
    this.#pty = options.carrier === 'pty' ? new PtyBridge() : null
    this.wire = new VirtualWire(options, {
      send: bytes => {
        const carried = options.carrier === 'rfc2217' ? ComPortServer.encode(bytes) : bytes
        if (this.#client?.writable === true) this.#client.write(carried)
      },
      cut: forMs => {
        void this.#cut(forMs)
      },
    })
    const server = createServer({ noDelay: true }, socket => {
      void this.#welcome(socket)
    })
    this.#port = new KeptPort(server, options.port ?? 0, systemDeviceClock)
  }

  get target(): string {
    if (this.#pty !== null) return `serial:${this.#pty.path}`
    const scheme = this.#options.carrier === 'rfc2217' ? 'rfc2217' : 'tcp'
    return `${scheme}://${listenAddress()}:${String(this.#port.number)}`
  }

  async open(): Promise<void> {
    await this.#port.open()
    this.#isPlugged = true
    try {
      await this.#pty?.open(`${listenAddress()}:${String(this.#port.number)}`)
    } catch (thrown) {
      await this.close()
      throw thrown
    }
  }

  async unplug(): Promise<void> {
    if (!this.#isPlugged) return
    this.#isPlugged = false
    this.wire.drop()
    this.#client = null
    // Before anything of the outside: not a byte passes from here on.
    this.#options.peripheral.onPower?.(false)
    this.#setLines(released)
    await this.#port.shut(false)
    await this.#pty?.shut()
  }

  async plug(): Promise<void> {
    if (this.#isPlugged || this.#isClosed) return
    this.#options.peripheral.onPower?.(true)
    await this.open()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#isPlugged = false
    this.#stayOut()
    this.wire.drop()
    this.#client = null
    await this.#port.shut(true)
    await this.#pty?.shut()
    this.#pty?.remove()
  }

  async #cut(forMs: number): Promise<void> {
    const isOut = this.unplug()
    await new Promise<void>(resolve => {
      this.#stayOut = systemDeviceClock.after(forMs, resolve)
    })
    await isOut
    await this.plug()
  }

  async #welcome(socket: Socket): Promise<void> {
    socket.on('error', () => undefined)
    if (this.#client !== null) {
      await Promise.race([
        new Promise<void>(resolve => void this.#client?.once('close', resolve)),
        new Promise<void>(resolve => void systemDeviceClock.after(REFUSAL_DELAY_MS, resolve)),
      ])
    }
    if (this.#client !== null || !this.#isPlugged || socket.destroyed) {
      socket.resetAndDestroy()
      return
    }
    this.#client = socket
    socket.on('close', () => {
      if (this.#client !== socket) return
      this.#client = null
      this.#setLines(released)
    })
    this.wire.connected()
    if (this.#options.carrier === 'rfc2217') this.#serveComPort(socket)
    else {
      socket.on('data', bytes => {
        if (this.#client === socket) this.wire.receive(bytes)
      })
    }
  }

  #serveComPort(socket: Socket): void {
    const { wire } = this
    const server = new ComPortServer({
      onData: bytes => {
        wire.receive(bytes)
      },
      line: () => wire.clientLine,
      setLine: line => {
        wire.clientLine = line
      },
      lines: () => this.#lines,
      setLines: lines => {
        this.#setLines(lines)
      },
      purge: direction => {
        wire.purge(direction)
      },
      reply: bytes => {
        if (socket.writable) socket.write(bytes)
      },
    })
    server.greet()
    socket.on('data', bytes => {
      if (this.#client === socket) server.receive(bytes)
    })
  }

  #setLines(lines: UartLines): void {
    if (lines.dtr === this.#lines.dtr && lines.rts === this.#lines.rts) return
    this.#lines = lines
    this.lineHistory.push({ ...lines, atMs: performance.now() - this.#startedMs })
    this.#options.peripheral.onLines(lines)
  }
}
