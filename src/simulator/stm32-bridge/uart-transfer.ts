/** The gateway's side of the UART: request, length, groups of eight bytes, sum; with its waits and its words for each failure. */
import type { VirtualBoard } from '../board/board.ts'
import type { BridgeFaultHooks, UartStep } from './bridge-faults.ts'
import {
  CHECKSUM_DATA,
  CHECKSUM_ERR,
  CHECKSUM_OK,
  FW_ERR,
  FW_LENGTH,
  FW_OK,
  FW_READY,
  FW_RECEIVED,
  FW_REQUEST,
  GROUP_BYTES,
} from './uart-bytes.ts'
import type { VirtualStm32 } from './virtual-stm32.ts'

export interface UartSettings {
  /** What a second on the bench takes here; 1 is real time, 0 takes none. */
  readonly timeScale: number
}

export interface UartProgress {
  readonly state: 'requesting' | 'sending' | 'verifying'
  readonly sentBytes: number
}

const SETTLE_MS = 20
const REQUEST_TRIES = 3
const READY_TIMEOUT_MS = 2000
const LENGTH_TIMEOUT_MS = 10_000
const GROUP_TIMEOUT_MS = 15_000
const CHECKSUM_TIMEOUT_MS = 10_000
/** Ten milliseconds of pause and the time of nine bytes at 115200 baud. */
const GROUP_MS = 11
/** Shorter waits are gathered: a timer of the host is not finer. */
const SHORTEST_WAIT_MS = 4

export class UartTransfer {
  readonly #board: VirtualBoard
  readonly #stm32: VirtualStm32
  readonly #timeScale: number
  readonly #onWifiLoss: () => void
  #owedMs = 0

  constructor(board: VirtualBoard, stm32: VirtualStm32, settings: UartSettings, onWifiLoss: () => void) {
    this.#board = board
    this.#stm32 = stm32
    this.#timeScale = settings.timeScale
    this.#onWifiLoss = onWifiLoss
  }

  /** Programs the STM32. @returns the gateway's text for what went wrong; null when the sum was right */
  async run(image: Uint8Array, onProgress: (progress: UartProgress) => void): Promise<string | null> {
    onProgress({ state: 'requesting', sentBytes: 0 })
    // Whatever an earlier attempt left it in, it has waited long since.
    this.#stm32.giveUpWaiting()
    await this.#wait(SETTLE_MS)
    if (!(await this.#requestUpdate())) return 'STM32 not ready for firmware update'
    const length = this.#send('length', 0, withNumber(FW_LENGTH, image.length))
    if (length === FW_ERR) return 'STM32 rejected firmware length (FW_ERR)'
    if (length !== FW_OK) return this.#timeOut(LENGTH_TIMEOUT_MS, 'STM32 length response timeout')
    let sum = 0
    for (let offset = 0; offset < image.length; offset += GROUP_BYTES) {
      onProgress({ state: 'sending', sentBytes: offset })
      const group = image.subarray(offset, offset + GROUP_BYTES)
      if (!(await this.#sendGroup(offset, group))) {
        return this.#timeOut(GROUP_TIMEOUT_MS, 'STM32 did not acknowledge data byte')
      }
      for (const byte of group) sum = (sum + byte) & 0xff
    }
    onProgress({ state: 'verifying', sentBytes: image.length })
    const verdict = this.#send('checksum', 0, withNumber(CHECKSUM_DATA, sum))
    if (verdict === CHECKSUM_OK) return null
    if (verdict === CHECKSUM_ERR) return 'Firmware transfer failed - checksum error'
    return this.#timeOut(CHECKSUM_TIMEOUT_MS, 'Checksum verification timeout')
  }

  async #requestUpdate(): Promise<boolean> {
    for (let attempt = 0; attempt < REQUEST_TRIES; attempt++) {
      if (this.#send('request', 0, Uint8Array.of(FW_REQUEST)) === FW_READY) return true
      await this.#wait(READY_TIMEOUT_MS)
    }
    return false
  }

  async #sendGroup(offset: number, group: Uint8Array): Promise<boolean> {
    const index = offset / GROUP_BYTES
    for (const hooks of this.#hooks()) {
      const event = hooks.beforeGroup?.(index) ?? null
      if (event === 'power-loss') {
        void this.#board.panic()
        await new Promise(() => undefined)
      } else if (event === 'wifi-loss') this.#onWifiLoss()
    }
    await this.#wait(GROUP_MS)
    const sent = this.#hooks().reduce((bytes, hooks) => hooks.onWire?.(offset, bytes) ?? bytes, group)
    return this.#send('group', index, sent) === FW_RECEIVED
  }

  /** @returns what arrives of the answer; null for silence */
  #send(step: UartStep, group: number, bytes: Uint8Array): number | null {
    return this.#hooks().reduce(
      (answer, hooks) => (hooks.answerInstead === undefined ? answer : hooks.answerInstead(step, group, answer)),
      this.#stm32.receive(bytes),
    )
  }

  async #timeOut(afterMs: number, text: string): Promise<string> {
    await this.#wait(afterMs)
    return text
  }

  async #wait(durationMs: number): Promise<void> {
    this.#owedMs += durationMs * this.#timeScale
    if (this.#owedMs < SHORTEST_WAIT_MS) return
    const waitMs = this.#owedMs
    this.#owedMs = 0
    await this.#board.pause(waitMs)
  }

  #hooks(): BridgeFaultHooks[] {
    return this.#board.faults.all.flatMap(({ stm32Bridge }) => (stm32Bridge === undefined ? [] : [stm32Bridge]))
  }
}

/** A command with a number of four bytes, the highest first. */
function withNumber(command: number, value: number): Uint8Array {
  const packet = new DataView(new ArrayBuffer(5))
  packet.setUint8(0, command)
  packet.setUint32(1, value)
  return new Uint8Array(packet.buffer)
}
