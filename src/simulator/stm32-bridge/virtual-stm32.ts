/**
 * The STM32 behind the gateway: the bootloader that speaks its UART protocol byte by byte, and its flash, which outlives the
 * gateway's restarts.
 */
import type { FlashStorage } from '../board/flash-storage.ts'
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

const FLASH_FILE = 'stm32.bin'
const STATE_FILE = 'stm32.json'
const NUMBER_BYTES = 4

interface FlashState {
  readonly sizeBytes: number
  /** Whether the sum was right: only then the application is started. */
  readonly isComplete: boolean
}

/** What it waits for. */
type Expectation = 'request' | 'command' | 'length' | 'data' | 'sum'

export class VirtualStm32 {
  readonly #storage: FlashStorage
  readonly #flashBytes: number
  #expects: Expectation = 'request'
  /** What has arrived of a number or of a group. */
  #buffer: number[] = []
  #lengthBytes = 0
  #receivedBytes = 0
  #sum = 0

  constructor(storage: FlashStorage, flashBytes: number) {
    this.#storage = storage
    this.#flashBytes = flashBytes
  }

  /** The application in its flash; null when there is none that it would start. */
  application(): Uint8Array | null {
    const state = this.#state()
    if (state?.isComplete !== true) return null
    return this.#storage.read(FLASH_FILE)?.subarray(0, state.sizeBytes) ?? null
  }

  /** Nothing came for long: it waits for a request again. */
  giveUpWaiting(): void {
    this.#expects = 'request'
    this.#buffer = []
  }

  /** @returns what it answers to these bytes; null for nothing */
  receive(bytes: Uint8Array): number | null {
    let answer: number | null = null
    for (const byte of bytes) answer = this.#take(byte) ?? answer
    return answer
  }

  #take(byte: number): number | null {
    switch (this.#expects) {
      case 'request':
        return byte === FW_REQUEST ? this.#expect('command', FW_READY) : null
      case 'command':
        // A request that is repeated is answered again.
        if (byte === FW_REQUEST) return FW_READY
        if (byte === FW_LENGTH) return this.#expect('length')
        return byte === CHECKSUM_DATA ? this.#expect('sum') : null
      case 'length':
        return this.#gather(byte, NUMBER_BYTES, length => this.#begin(bigEndian(length)))
      case 'data':
        return this.#gather(byte, Math.min(GROUP_BYTES, this.#lengthBytes - this.#receivedBytes), group =>
          this.#program(group),
        )
      case 'sum':
        return this.#gather(byte, NUMBER_BYTES, sum => this.#finish(bigEndian(sum)))
    }
  }

  #expect(expectation: Expectation, answer: number | null = null): number | null {
    this.#expects = expectation
    return answer
  }

  #gather(byte: number, wanted: number, use: (bytes: readonly number[]) => number | null): number | null {
    this.#buffer.push(byte)
    if (this.#buffer.length < wanted) return null
    const bytes = this.#buffer
    this.#buffer = []
    return use(bytes)
  }

  /** Erases what it has. */
  #begin(lengthBytes: number): number | null {
    if (lengthBytes === 0 || lengthBytes > this.#flashBytes) return this.#expect('request', FW_ERR)
    this.#lengthBytes = lengthBytes
    this.#receivedBytes = 0
    this.#sum = 0
    this.#storage.write(FLASH_FILE, new Uint8Array())
    this.#remember({ sizeBytes: lengthBytes, isComplete: false })
    return this.#expect('data', FW_OK)
  }

  #program(group: readonly number[]): number | null {
    this.#storage.writeAt(FLASH_FILE, this.#receivedBytes, Uint8Array.from(group))
    this.#receivedBytes += group.length
    for (const byte of group) this.#sum = (this.#sum + byte) & 0xff
    return this.#expect(this.#receivedBytes < this.#lengthBytes ? 'data' : 'command', FW_RECEIVED)
  }

  /** The sum of eight bits is all that it compares. */
  #finish(sum: number): number | null {
    this.#storage.settle(FLASH_FILE)
    const isRight = sum === this.#sum && this.#receivedBytes === this.#lengthBytes
    if (isRight) this.#remember({ sizeBytes: this.#lengthBytes, isComplete: true })
    return this.#expect('request', isRight ? CHECKSUM_OK : CHECKSUM_ERR)
  }

  #state(): FlashState | null {
    const bytes = this.#storage.read(STATE_FILE)
    // Written by `#remember` alone, into a folder of ours.
    return bytes === null ? null : (JSON.parse(new TextDecoder().decode(bytes)) as FlashState)
  }

  #remember(state: FlashState): void {
    this.#storage.write(STATE_FILE, new TextEncoder().encode(JSON.stringify(state)))
  }
}

function bigEndian(bytes: readonly number[]): number {
  return bytes.reduce((value, byte) => value * 0x100 + byte, 0)
}
