/** The two directions of a virtual serial line between its port and its device: rates, parities, delays and faults. */
import { seededRandom, type Random } from '../random.ts'
import type { UartFaultHooks } from './line-faults.ts'
import { msPerByte, receivedBytes } from './line-match.ts'
import { PacedBytes } from './paced-bytes.ts'
import type { UartLine, UartPortOptions, UartWire } from './uart.ts'

/** What is on the client's side of the line. */
export interface WireHost {
  send(bytes: Uint8Array): void
  /** The cable is pulled, and plugged in again after that time. */
  cut(forMs: number): void
}

/** What a system gives a port that nobody has configured. */
const unconfigured: UartLine = { baudRate: 9600, parity: 'none' }

export class VirtualWire implements UartWire {
  readonly #options: UartPortOptions
  readonly #host: WireHost
  readonly #random: Random
  readonly #fromHost: PacedBytes
  readonly #fromDevice: PacedBytes
  /** What has left the device and waits in the adapter. */
  readonly #inAdapter: PacedBytes
  #deviceLine: UartLine = { baudRate: 115_200, parity: 'none' }
  #followsRate = false
  #clientLine: UartLine | null
  /** The moment at which the bytes arrived that the device looks at now. */
  #arrivedAtMs: number | null = null
  #isConnected = false
  readonly #pieces: Uint8Array[] = []
  #nextPiece: NodeJS.Immediate | null = null

  constructor(options: UartPortOptions, host: WireHost) {
    this.#options = options
    this.#host = host
    this.#random = seededRandom(options.seed ?? 1, 'line garbage')
    // Over bytes alone nobody can have another rate.
    this.#clientLine = options.carrier === 'rfc2217' ? unconfigured : null
    const timeOf = (line: UartLine): number => (options.keepsRate === true ? msPerByte(line) : 0)
    this.#fromHost = new PacedBytes(
      () => timeOf(this.clientLine),
      (bytes, atMs) => {
        this.#arrive(bytes, atMs)
      },
    )
    this.#fromDevice = new PacedBytes(
      () => timeOf(this.line),
      (bytes, atMs) => {
        this.#leave(bytes, atMs)
      },
    )
    this.#inAdapter = new PacedBytes(
      () => 0,
      bytes => {
        this.#reachClient(bytes)
      },
    )
  }

  get line(): UartLine {
    if (!this.#followsRate || this.#clientLine === null) return this.#deviceLine
    return { ...this.#deviceLine, baudRate: this.#clientLine.baudRate }
  }

  get clientLine(): UartLine {
    return this.#clientLine ?? this.#deviceLine
  }

  set clientLine(line: UartLine) {
    this.#clientLine = line
  }

  setLine(line: UartLine): void {
    this.#fromDevice.afterwards(() => {
      this.#deviceLine = line
      this.#followsRate = false
    })
  }

  followRate(): void {
    this.#fromDevice.afterwards(() => {
      this.#followsRate = true
    })
  }

  send(bytes: Uint8Array): void {
    const laterMs = this.#faults().reduce((sum, { answersLaterByMs }) => sum + (answersLaterByMs ?? 0), 0)
    // A device that answers at once answers when the bytes arrived, however late this process looked at them.
    this.#fromDevice.push(bytes, (this.#arrivedAtMs ?? performance.now()) + laterMs)
  }

  drained(): Promise<void> {
    return new Promise(resolve => {
      this.#fromDevice.afterwards(resolve)
    })
  }

  /** Bytes from the client. */
  receive(bytes: Uint8Array): void {
    if (this.#isConnected) this.#fromHost.push(bytes, performance.now())
  }

  /** A client has opened the port: what came before that is lost. */
  connected(): void {
    this.#isConnected = true
    this.purge('received')
    for (const fault of this.#faults()) fault.connected?.()
  }

  /** The cable is out: all that is under way is lost. */
  drop(): void {
    this.#isConnected = false
    this.#fromHost.clear()
    this.#fromDevice.clear()
    this.purge('received')
  }

  purge(direction: 'received' | 'unsent'): void {
    if (direction === 'unsent') {
      this.#fromHost.clear()
      return
    }
    this.#inAdapter.clear()
    this.#pieces.length = 0
  }

  #faults(): readonly UartFaultHooks[] {
    return this.#options.faults?.() ?? []
  }

  #arrive(bytes: Uint8Array, atMs: number): void {
    const faults = this.#faults()
    let cut: { readonly bytes: number; readonly forMs: number } | null = null
    for (const fault of faults) cut = fault.cutsAfter?.(bytes) ?? cut
    const passed = cut === null ? bytes : bytes.subarray(0, cut.bytes)
    const heard = faults.reduce((all, fault) => fault.fromHost?.(all) ?? all, passed)
    const received = receivedBytes(heard, this.clientLine, this.line, this.#random)
    this.#arrivedAtMs = atMs
    for (const piece of piecesOf(received, pieceBytesOf(faults))) this.#options.peripheral.onBytes(piece)
    this.#arrivedAtMs = null
    if (cut !== null) this.#host.cut(cut.forMs)
  }

  #leave(bytes: Uint8Array, atMs: number): void {
    const said = this.#faults().reduce((all, fault) => fault.fromDevice?.(all) ?? all, bytes)
    const received = receivedBytes(said, this.line, this.clientLine, this.#random)
    this.#inAdapter.push(received, atMs + (this.#options.latencyMs ?? 0))
  }

  #reachClient(bytes: Uint8Array): void {
    const pieceBytes = pieceBytesOf(this.#faults())
    if (pieceBytes === null && this.#nextPiece === null) {
      this.#host.send(bytes)
      return
    }
    this.#pieces.push(...piecesOf(bytes, pieceBytes))
    if (this.#nextPiece === null) this.#sendPiece()
  }

  /** One a turn of the event loop, so that each is a segment of its own. */
  #sendPiece(): void {
    this.#nextPiece = null
    const piece = this.#pieces.shift()
    if (piece === undefined) return
    this.#host.send(piece)
    this.#nextPiece = setImmediate(() => {
      this.#sendPiece()
    })
  }
}

function pieceBytesOf(faults: readonly UartFaultHooks[]): number | null {
  return faults.find(({ pieceBytes }) => pieceBytes !== undefined)?.pieceBytes ?? null
}

function piecesOf(bytes: Uint8Array, pieceBytes: number | null): Uint8Array[] {
  if (pieceBytes === null) return bytes.length === 0 ? [] : [bytes]
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes))
  return pieces
}
