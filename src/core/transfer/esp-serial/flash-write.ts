/** Writes blocks through a loader, plain or compressed. Source: esptool, `loader.py` and `cmds.py`; esp-flasher-stub. */
import { isLost, refusalOf, type EspChannel } from './channel.ts'
import { MAGIC_REGISTER } from './chips.ts'
import { eraseTimeoutMs, isDamage, words } from './commands.ts'
import type { EspWrite } from './esp-loader.ts'
import { readRegister } from './registers.ts'

const BLOCK_ATTEMPTS = 3
const SECTOR_BYTES = 4096
const SECTORS_A_BLOCK = 16
const ERASED = 0xff

/** What the loader at hand wants of a write. */
export interface WriteManner {
  readonly isStub: boolean
  /** Data bytes a command. */
  readonly blockBytes: number
  /** The ESP8266's ROM erases more than it is told. */
  readonly isEsp8266Rom: boolean
  /** A fifth word, whether the loader is to encrypt: not known to the ROMs of ESP8266 and ESP32. */
  readonly hasEncryptionWord: boolean
  /**
   * Whether a block is sent again after silence. The loader may have taken it, and then takes it twice, because it does not
   * look at the number: that only an MD5 of flash finds.
   */
  readonly repeatsAfterSilence: boolean
}

/** @throws {FlashproofError} what `EspLoader.beginWrite` throws */
export async function beginPlain(
  channel: EspChannel,
  manner: WriteManner,
  offset: number,
  sizeBytes: number,
): Promise<EspWrite> {
  const { blockBytes, isStub, isEsp8266Rom } = manner
  const blocks = Math.ceil(sizeBytes / blockBytes)
  const eraseBytes = isEsp8266Rom ? esp8266EraseBytes(offset, sizeBytes) : sizeBytes
  const request = words(eraseBytes, blocks, blockBytes, offset, ...encryptionWord(manner))
  // The ROM erases all of it before it answers, the stub as it goes.
  await channel.ask('flashBegin', request, isStub ? {} : { timeoutMs: eraseTimeoutMs(sizeBytes) })
  return new BlockWrite(channel, manner, { command: 'flashData', sizeBytes })
}

export async function beginCompressed(
  channel: EspChannel,
  manner: WriteManner,
  offset: number,
  sizes: { readonly sizeBytes: number; readonly compressedBytes: number },
): Promise<EspWrite> {
  const { blockBytes, isStub } = manner
  const { sizeBytes, compressedBytes } = sizes
  const blocks = Math.ceil(compressedBytes / blockBytes)
  const wholeBytes = isStub ? sizeBytes : Math.ceil(sizeBytes / blockBytes) * blockBytes
  const request = words(wholeBytes, blocks, blockBytes, offset, ...encryptionWord(manner))
  await channel.ask('deflateBegin', request, isStub ? {} : { timeoutMs: eraseTimeoutMs(wholeBytes) })
  return new BlockWrite(channel, manner, { command: 'deflateData', sizeBytes })
}

/** The ROM of the ESP8266 erases too much when a write begins inside a block of 64 KiB; told less, it erases what is meant. */
export function esp8266EraseBytes(offset: number, sizeBytes: number): number {
  const sectors = Math.ceil(sizeBytes / SECTOR_BYTES)
  const firstSector = Math.floor(offset / SECTOR_BYTES)
  const head = Math.min(sectors, SECTORS_A_BLOCK - (firstSector % SECTORS_A_BLOCK))
  const told = sectors < 2 * head ? Math.floor((sectors + 1) / 2) : sectors - head
  return told * SECTOR_BYTES
}

class BlockWrite implements EspWrite {
  readonly #channel: EspChannel
  readonly #manner: WriteManner
  readonly #kind: { readonly command: 'flashData' | 'deflateData'; readonly sizeBytes: number }
  #sequence = 0
  /** Plain bytes of the block before: the stub writes them while the next one arrives. */
  #pendingBytes = 0

  constructor(
    channel: EspChannel,
    manner: WriteManner,
    kind: { command: 'flashData' | 'deflateData'; sizeBytes: number },
  ) {
    this.#channel = channel
    this.#manner = manner
    this.#kind = kind
  }

  async block(bytes: Uint8Array, plainBytes?: number): Promise<void> {
    const isPlain = this.#kind.command === 'flashData'
    const ownBytes = isPlain ? bytes.length : (plainBytes ?? this.#kind.sizeBytes)
    const timeoutMs = eraseTimeoutMs(ownBytes + this.#pendingBytes)
    await this.#send(isPlain ? this.#padded(bytes) : bytes, timeoutMs)
    this.#sequence += 1
    this.#pendingBytes = ownBytes
  }

  async end(): Promise<void> {
    // The stub acknowledges a block when it has it; it answers the next question when the block lies in flash.
    const timeoutMs = eraseTimeoutMs(this.#pendingBytes)
    if (this.#manner.isStub) await readRegister(this.#channel, MAGIC_REGISTER, { timeoutMs })
  }

  async #send(payload: Uint8Array, timeoutMs: number): Promise<void> {
    const block = { payload, sequence: this.#sequence }
    await this.#channel.sendBlock(this.#kind.command, block, {
      timeoutMs,
      attempts: BLOCK_ATTEMPTS,
      mayRepeat: error => this.#mayRepeat(error),
    })
  }

  #mayRepeat(error: unknown): boolean {
    const refusal = refusalOf(error)
    return refusal === null ? isLost(error) && this.#manner.repeatsAfterSilence : isDamage(refusal)
  }

  #padded(bytes: Uint8Array): Uint8Array {
    const { blockBytes } = this.#manner
    if (bytes.length === blockBytes) return bytes
    if (bytes.length > blockBytes) throw new RangeError(`a block holds ${String(blockBytes)} bytes`)
    const block = new Uint8Array(blockBytes).fill(ERASED)
    block.set(bytes)
    return block
  }
}

function encryptionWord({ hasEncryptionWord }: WriteManner): readonly number[] {
  return hasEncryptionWord ? [0] : []
}
