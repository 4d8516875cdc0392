/** Something on a virtual serial port that writes down what it is told, and answers where a test wants it. */
import type { UartLines, UartPeripheral, UartWire } from '../../../src/simulator/uart/uart.ts'

export class RecordingDevice implements UartPeripheral {
  readonly heard: number[] = []
  /** Sizes of the pieces in which it came. */
  readonly pieceBytes: number[] = []
  readonly events: string[] = []
  readonly #answer: (bytes: Uint8Array, wire: UartWire) => void
  #wire: UartWire | null = null

  constructor(answer: (bytes: Uint8Array, wire: UartWire) => void = () => undefined) {
    this.#answer = answer
  }

  get wire(): UartWire {
    if (this.#wire === null) throw new Error('no wire is attached')
    return this.#wire
  }

  attach(wire: UartWire): void {
    this.#wire = wire
  }

  onBytes(bytes: Uint8Array): void {
    this.heard.push(...bytes)
    this.pieceBytes.push(bytes.length)
    this.events.push(`bytes ${String(bytes.length)}`)
    this.#answer(bytes, this.wire)
  }

  onLines({ dtr, rts }: UartLines): void {
    this.events.push(`lines ${String(Number(dtr))}${String(Number(rts))}`)
  }

  onPower(isOn: boolean): void {
    this.events.push(isOn ? 'power on' : 'power off')
  }
}
