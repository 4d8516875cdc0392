/** A virtual board as the Web Serial port that esptool-js takes: only the members that it uses. */
import type { BenchBoard } from '../simulator/esp-serial/memory-wire.ts'

interface Signals {
  readonly dataTerminalReady?: boolean | undefined
  readonly requestToSend?: boolean | undefined
}

export class WebSerialPort {
  readable: ReadableStream<Uint8Array> | null = null
  writable: WritableStream<Uint8Array> | null = null
  readonly #board: BenchBoard
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null
  #lines = { dtr: false, rts: false }

  constructor(board: BenchBoard) {
    this.#board = board
    board.wire.onBytes = bytes => {
      this.#controller?.enqueue(Uint8Array.from(bytes))
    }
  }

  getInfo(): { usbVendorId: number; usbProductId: number } {
    return { usbVendorId: 0x10c4, usbProductId: 0xea60 }
  }

  open(): Promise<void> {
    this.readable = new ReadableStream({
      start: controller => {
        this.#controller = controller
      },
      cancel: () => {
        this.#controller = null
      },
    })
    this.writable = new WritableStream({
      write: bytes => {
        this.#board.sendBytes(bytes)
      },
    })
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.readable = null
    this.writable = null
    this.#controller = null
    return Promise.resolve()
  }

  setSignals({ dataTerminalReady, requestToSend }: Signals): Promise<void> {
    this.#lines = { dtr: dataTerminalReady ?? this.#lines.dtr, rts: requestToSend ?? this.#lines.rts }
    this.#board.chip.onLines(this.#lines)
    return Promise.resolve()
  }

  /** The wire has no rate of its own; with this member esptool-js does not close the port to change it. */
  setBaudRate(): Promise<void> {
    return Promise.resolve()
  }
}
