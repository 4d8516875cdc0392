/** A wire of a virtual chip without a port: bytes pass at once, and rates are the same on both sides. */
import { afterEach } from 'vitest'
import { EspBoard, type EspSerialOptions } from '../../../src/simulator/esp-serial/esp-board.ts'
import { encodeSlip, SlipDecoder } from '../../../src/simulator/esp-serial/slip.ts'
import type { UartLine, UartWire } from '../../../src/simulator/uart/uart.ts'

export class MemoryWire implements UartWire {
  line: UartLine = { baudRate: 115_200, parity: 'none' }
  onBytes: (bytes: Uint8Array) => void = () => undefined

  setLine(line: UartLine): void {
    this.line = line
  }

  followRate(): void {
    return
  }

  send(bytes: Uint8Array): void {
    this.onBytes(bytes)
  }

  drained(): Promise<void> {
    return Promise.resolve()
  }
}

export interface Answer {
  readonly op: number
  readonly value: number
  readonly body: Uint8Array
}

/** A board on the bench, with what a test asks of it. */
export class BenchBoard extends EspBoard {
  readonly wire = new MemoryWire()
  /** All that it wrote outside of frames. */
  text = ''
  readonly #decoder: SlipDecoder
  readonly #frames: Uint8Array[] = []
  #wake: () => void = () => undefined

  constructor(options: EspSerialOptions = {}) {
    super({ timeScale: 0, bootMs: 0, confirmMs: 0, heapEveryMs: 0, enDelayMs: 0, ...options })
    this.#decoder = new SlipDecoder(frame => {
      this.#frames.push(frame)
      this.#wake()
    })
    this.wire.onBytes = bytes => {
      if (this.chip.mode === 'download' || this.chip.mode === 'stub') this.#decoder.receive(bytes)
      else this.text += new TextDecoder().decode(bytes)
    }
    this.chip.attach(this.wire)
  }

  /** Asserts lines as the classic reset into the loader does, without its pauses where EN has no delay. */
  async enterLoader(): Promise<void> {
    this.chip.onLines({ dtr: false, rts: true })
    this.chip.onLines({ dtr: true, rts: false })
    await this.chip.nextBoot()
    this.chip.onLines({ dtr: false, rts: false })
  }

  sendBytes(bytes: Uint8Array): void {
    this.chip.onBytes(bytes)
  }

  send(op: number, data: Uint8Array, checksum = 0): void {
    const frame = new Uint8Array(8 + data.length)
    const view = new DataView(frame.buffer)
    frame[1] = op
    view.setUint16(2, data.length, true)
    view.setUint32(4, checksum, true)
    frame.set(data, 8)
    this.sendBytes(encodeSlip(frame))
  }

  async frame(): Promise<Uint8Array> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame !== undefined) return frame
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new Error('no frame came within ten seconds'))
        }, 10_000)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  get waitingFrames(): number {
    return this.#frames.length
  }

  async answer(): Promise<Answer> {
    const frame = await this.frame()
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
    return { op: view.getUint8(1), value: view.getUint32(4, true), body: frame.subarray(8) }
  }

  /** Sends a command and waits for one answer. */
  ask(op: number, data: Uint8Array, checksum = 0): Promise<Answer> {
    this.send(op, data, checksum)
    return this.answer()
  }

  /** Sends a block of an image or of RAM, with its header and check sum. */
  askBlock(op: number, bytes: Uint8Array, sequence = 0): Promise<Answer> {
    return this.ask(op, joined(words(bytes.length, sequence, 0, 0), bytes), checksumOf(bytes))
  }

  /** Loads something into RAM and starts it, as esptool starts its stub. */
  async startStub(): Promise<void> {
    await this.ask(0x05, words(8, 1, 0x1800, 0x4009_0000))
    await this.askBlock(0x07, new Uint8Array(8))
    await this.ask(0x06, words(0, 0x4009_0000))
    const greeting = await this.frame()
    if (Buffer.from(greeting).toString('latin1') !== 'OHAI') throw new Error('the stub did not say OHAI')
  }
}

/** @returns what remembers a board and gives it back; boards are switched off after each test */
export function boardsOfThisFile(): <Board extends EspBoard>(board: Board) => Board {
  const running: EspBoard[] = []
  afterEach(() => {
    for (const board of running.splice(0)) board.close()
  })
  return board => {
    running.push(board)
    return board
  }
}

export function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4)
  const view = new DataView(bytes.buffer)
  values.forEach((value, index) => {
    view.setUint32(index * 4, value, true)
  })
  return bytes
}

export function checksumOf(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => sum ^ byte, 0xef)
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts))
}
