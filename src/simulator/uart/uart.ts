/**
 * The two sides of a virtual serial port: what hangs on it, and what carries it to a client (raw TCP, RFC 2217, a pty).
 * A kind of device with a UART implements `UartPeripheral`; `openUartPort` (uart-port.ts) makes the port.
 */
import type { UartFaultHooks } from './line-faults.ts'

export interface UartLine {
  readonly baudRate: number
  readonly parity: 'none' | 'even' | 'odd'
}

/** What the adapter drives: `true` is asserted, the pin is low. */
export interface UartLines {
  readonly dtr: boolean
  readonly rts: boolean
}

/** One change of the lines as a test reads it back. */
export interface LineChange extends UartLines {
  /** Since the port was opened first, on the device's clock. */
  readonly atMs: number
}

/** The port as the device sees it. */
export interface UartWire {
  /** The device's own rate and parity: bytes of a client that has others arrive as garbage, and the other way round. */
  readonly line: UartLine
  /** Takes effect after everything that was sent before has left. */
  setLine(line: UartLine): void
  /**
   * From now until `setLine`: the rate of the line is whatever the client has, the parity stays. A loader that measures the
   * rate; it ends with `setLine(wire.line)` once it has heard what it measures.
   */
  followRate(): void
  /** Sends one answer to the client in order, at the rate of the line where the port keeps it. */
  send(bytes: Uint8Array): void
  /** Resolves when everything sent has left. */
  drained(): Promise<void>
}

/** What hangs on the port. Calls come one after the other, in the order in which things happened on the line. */
export interface UartPeripheral {
  /** The wire is there from now on. Called once. */
  attach(wire: UartWire): void
  onBytes(bytes: Uint8Array): void
  onLines(lines: UartLines): void
  /** The adapter lost its power with the cable (`false`), or got it again (`true`): boards that are fed by USB go with it. */
  onPower?(isOn: boolean): void
}

export interface UartPortOptions {
  readonly peripheral: UartPeripheral
  /** `rfc2217`: rate, parity and lines reach the device; `raw`: bytes alone; `pty`: through socat, bytes alone. */
  readonly carrier: 'rfc2217' | 'raw' | 'pty'
  /** Whether bytes take their time on the line at its rate, both ways. */
  readonly keepsRate?: boolean
  /** Before each answer of the device reaches the client: a USB adapter's latency timer. */
  readonly latencyMs?: number
  /** TCP port; any free one by default, and the same over every `plug`. */
  readonly port?: number
  /** The faults of the line that are in force now; asked whenever something passes. See `uartFaultsOf`. */
  readonly faults?: () => readonly UartFaultHooks[]
  /** Of the garbage that arrives where the two sides have other rates or parities; 1 by default. */
  readonly seed?: number
}

export interface UartPort {
  /** What `--to` is given: `rfc2217://127.0.0.1:PORT`, `tcp://127.0.0.1:PORT`, `serial:/dev/pts/N`. */
  readonly target: string
  /** Every change of the lines since the start. */
  readonly lineHistory: readonly LineChange[]
  /** Pulls the cable: the connection breaks, nothing answers until `plug`. */
  unplug(): Promise<void>
  plug(): Promise<void>
  close(): Promise<void>
}
