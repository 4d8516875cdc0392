/**
 * The STM32 behind the gateway: the bootloader that speaks its UART protocol, and its flash, which outlives the gateway's
 * restarts.
 */
import type { FlashStorage } from '../board/flash-storage.ts'
import { CHECKSUM_ERR, CHECKSUM_OK, FW_ERR, FW_OK, FW_READY, FW_RECEIVED } from './uart-bytes.ts'

const FLASH_FILE = 'stm32.bin'
const STATE_FILE = 'stm32.json'

interface FlashState {
  readonly sizeBytes: number
  /** Whether the sum was right: only then the application is started. */
  readonly isComplete: boolean
}

export class VirtualStm32 {
  readonly #storage: FlashStorage
  readonly #flashBytes: number
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

  onRequest(): number {
    return FW_READY
  }

  /** Erases what it has. */
  onLength(lengthBytes: number): number {
    if (lengthBytes === 0 || lengthBytes > this.#flashBytes) return FW_ERR
    this.#lengthBytes = lengthBytes
    this.#receivedBytes = 0
    this.#sum = 0
    this.#storage.write(FLASH_FILE, new Uint8Array())
    this.#remember({ sizeBytes: lengthBytes, isComplete: false })
    return FW_OK
  }

  /** Programs up to eight bytes and adds them to its sum. */
  onGroup(bytes: Uint8Array): number {
    this.#storage.writeAt(FLASH_FILE, this.#receivedBytes, bytes)
    this.#receivedBytes += bytes.length
    for (const byte of bytes) this.#sum = (this.#sum + byte) & 0xff
    return FW_RECEIVED
  }

  /** The sum of eight bits is all that it compares. */
  onChecksum(sum: number): number {
    this.#storage.settle(FLASH_FILE)
    if (sum !== this.#sum || this.#receivedBytes !== this.#lengthBytes) return CHECKSUM_ERR
    this.#remember({ sizeBytes: this.#lengthBytes, isComplete: true })
    return CHECKSUM_OK
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
