/** A loader that answered: ROM or stub, one and the same from the outside. */
import { FlashproofError } from '../../../shared/errors.ts'
import type { Clock } from '../../clock.ts'
import { runLineSequence } from '../../links/line-sequence.ts'
import { isLost, refusalOf, type EspChannel } from './channel.ts'
import { MAGIC_REGISTER, type EspTarget } from './chips.ts'
import { CHIP_ERASE_TIMEOUT_MS, eraseTimeoutMs, words } from './commands.ts'
import type { EspAbilities, EspFacts, EspLoader, EspWrite } from './esp-loader.ts'
import { askMd5, readFlash } from './flash-read.ts'
import { readMacOf } from './identify.ts'
import { beginCompressed, beginPlain, type WriteManner } from './flash-write.ts'
import { rateForRom, releaseForcedDownload } from './quirks.ts'
import { readRegister } from './registers.ts'
import { isUsbOtg, programSequence, type UsbId } from './reset-sequences.ts'
import { loadStub, runStub, type StubImage } from './stub.ts'

/** At which a ROM starts, and programs print their log. */
export const ROM_BAUD_RATE = 115_200

const ROM_BLOCK_BYTES = 0x400
const STUB_BLOCK_BYTES = 0x4000
const USB_OTG_BLOCK_BYTES = 0x800
const RATE_SETTLE_MS = 50
/** Silence is what a rate that does not hold looks like. */
const RATE_PROBE = { timeoutMs: 250, attempts: 2 }
const ERASE_BLOCK_BYTES = 64 * 1024
const SECTOR_BYTES = 4096
const PAGE_BYTES = 256
const STATUS_MASK = 0xffff
const RUN_PROGRAM = 1
const STUB_ATTEMPTS = 2

/** What ROMs of these two do not have. */
const withoutEncryptionWord = ['ESP8266', 'ESP32']

export interface LoaderParts {
  readonly channel: EspChannel
  readonly target: EspTarget
  readonly facts: EspFacts
  readonly isStub: boolean
  readonly usb: UsbId | null
  readonly platform: NodeJS.Platform
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Brings the chip into its loader again, whatever state it is in; at `ROM_BAUD_RATE` afterwards. */
  readonly enterAgain: () => Promise<'rom' | 'stub'>
  readonly log: (text: string) => void
}

export class SerialEspLoader implements EspLoader {
  readonly facts: EspFacts
  readonly #parts: LoaderParts
  readonly #channel: EspChannel
  #isStub: boolean
  #flashBytes: number | null = null

  constructor(parts: LoaderParts) {
    this.#parts = parts
    this.#channel = parts.channel
    this.facts = parts.facts
    this.#isStub = parts.isStub
  }

  get isStub(): boolean {
    return this.#isStub
  }

  get baudRate(): number {
    return this.#channel.link.settings.baudRate
  }

  get repeats(): number {
    return this.#channel.repeats
  }

  get abilities(): EspAbilities {
    // Secure Download Mode leaves plain writes alone, the ESP8266's ROM registers besides.
    const isFull = !this.#isSecure && !this.#isEsp8266Rom
    return {
      hasMd5: isFull,
      canReadFlash: isFull,
      canCompress: isFull,
      canErase: this.#isStub,
      blockBytes: this.#blockBytes,
    }
  }

  async mac(): Promise<string | null> {
    return this.#isSecure ? null : await readMacOf(this.#channel, this.#parts.target)
  }

  async startStub(): Promise<void> {
    if (this.#isStub) return
    const stub = await loadStub(this.facts)
    for (let attempt = 1; stub !== null && attempt <= STUB_ATTEMPTS && !this.#isStub; attempt++) {
      this.#isStub = await this.#tryStub(stub)
    }
    if (this.#isStub) await attachFlash(this.#channel, this.facts, true)
  }

  async setFlashSize(flashBytes: number): Promise<void> {
    this.#flashBytes = flashBytes
    if (this.#isEsp8266Rom) return
    const geometry = words(0, flashBytes, ERASE_BLOCK_BYTES, SECTOR_BYTES, PAGE_BYTES, STATUS_MASK)
    await this.#channel.ask('spiSetParameters', geometry, { attempts: 2 })
  }

  async changeBaudRate(baudRate: number): Promise<number> {
    const before = this.baudRate
    if (baudRate === before || !this.#canChangeRate) return before
    const told = this.#isStub ? baudRate : await rateForRom(this.#channel, this.facts, baudRate, before)
    try {
      await this.#channel.ask('changeBaudRate', words(told, this.#isStub ? before : 0))
    } catch (error) {
      if (refusalOf(error) !== null) return before
      // Its answer alone may be lost: who answers at which rate tells.
      if (!isLost(error)) throw error
    }
    await this.#setRate(baudRate)
    if (await this.#isThere()) return baudRate
    return this.#returnToRate(before)
  }

  md5(offset: number, sizeBytes: number): Promise<string> {
    return askMd5(this.#channel, this.#isStub, offset, sizeBytes)
  }

  read(offset: number, sizeBytes: number): AsyncIterable<Uint8Array> {
    return readFlash(this.#channel, this.#isStub, offset, sizeBytes)
  }

  beginWrite(offset: number, sizeBytes: number): Promise<EspWrite> {
    return beginPlain(this.#channel, this.#manner, offset, sizeBytes)
  }

  beginCompressedWrite(offset: number, sizeBytes: number, compressedBytes: number): Promise<EspWrite> {
    return beginCompressed(this.#channel, this.#manner, offset, { sizeBytes, compressedBytes })
  }

  async eraseRegion(offset: number, sizeBytes: number): Promise<void> {
    await this.#channel.ask('eraseRegion', words(offset, sizeBytes), { timeoutMs: eraseTimeoutMs(sizeBytes) })
  }

  async eraseChip(): Promise<void> {
    await this.#channel.ask('eraseFlash', new Uint8Array(), { timeoutMs: CHIP_ERASE_TIMEOUT_MS })
  }

  async startProgram(): Promise<'lines' | 'command' | 'unknown'> {
    const { usb, platform, clock, signal } = this.#parts
    const { link } = this.#channel
    if (link.modemLines === 'no') return this.#startByCommand()
    await releaseForcedDownload(this.#channel, this.facts).catch((error: unknown) => {
      // Without it the reset nearly always works, and it is the reset that was asked for.
      if (refusalOf(error) === null && !isLost(error)) throw error
    })
    await link.configure({ baudRate: ROM_BAUD_RATE })
    const lines = await runLineSequence(link, programSequence(usb, platform).steps, { clock, signal })
    return lines === null ? this.#startByCommand() : 'lines'
  }

  /** @returns whether it runs; where it does not, the ROM's loader was started anew, and can do the work too */
  async #tryStub(stub: StubImage): Promise<boolean> {
    try {
      await runStub(this.#channel, stub, this.facts, isUsbOtg(this.#parts.usb))
      return true
    } catch (error) {
      if (!isLost(error)) throw error
      // It may run, and its greeting alone was lost.
      if ((await this.#channel.sync()) === 'stub') return true
      this.#parts.log(`the stub did not start: ${error instanceof Error ? error.message : ''}`)
      await this.#enterAgain()
      return this.#isStub
    }
  }

  async #enterAgain(): Promise<void> {
    this.#isStub = (await this.#parts.enterAgain()) === 'stub'
    await attachFlash(this.#channel, this.facts, this.#isStub)
  }

  /**
   * The ROM runs the program from flash when it is told to. The stub cannot: it stays, or comes back as the ROM's loader,
   * because the boot pins are not looked at again.
   */
  async #startByCommand(): Promise<'command' | 'unknown'> {
    if (this.#isStub || this.#isSecure) return 'unknown'
    try {
      const begin = words(0, 0, ROM_BLOCK_BYTES, 0, ...(this.#manner.hasEncryptionWord ? [0] : []))
      await this.#channel.ask('flashBegin', begin)
      await this.#channel.ask('flashEnd', words(RUN_PROGRAM))
      return 'command'
    } catch (error) {
      if (refusalOf(error) === null && !isLost(error)) throw error
      return 'unknown'
    }
  }

  get #isSecure(): boolean {
    return this.facts.security?.isSecureDownloadMode === true
  }

  get #isEsp8266Rom(): boolean {
    return !this.#isStub && this.facts.chip.name === 'ESP8266'
  }

  get #blockBytes(): number {
    if (!this.#isStub) return ROM_BLOCK_BYTES
    return isUsbOtg(this.#parts.usb) ? USB_OTG_BLOCK_BYTES : STUB_BLOCK_BYTES
  }

  get #manner(): WriteManner {
    return {
      isStub: this.#isStub,
      blockBytes: this.#blockBytes,
      isEsp8266Rom: this.#isEsp8266Rom,
      hasEncryptionWord: this.#isStub || !withoutEncryptionWord.includes(this.facts.chip.name),
      repeatsAfterSilence: this.abilities.hasMd5,
    }
  }

  get #canChangeRate(): boolean {
    if (!this.#channel.link.canConfigure || this.#isEsp8266Rom) return false
    return !this.#isSecure || this.#parts.target.changesRateWhenSecure
  }

  async #setRate(baudRate: number): Promise<void> {
    const { clock, signal } = this.#parts
    await this.#channel.link.configure({ baudRate })
    // What arrives while both sides change is noise.
    await clock.delay(RATE_SETTLE_MS, signal)
    this.#channel.clear()
  }

  /** Whether the loader answers at the rate of the link. */
  async #isThere(): Promise<boolean> {
    if (this.#isSecure) return (await this.#channel.sync()) !== null
    try {
      await readRegister(this.#channel, MAGIC_REGISTER, RATE_PROBE)
      return true
    } catch (error) {
      if (isLost(error)) return false
      throw error
    }
  }

  /** At a rate that does not hold, the loader may be at either: it is asked at the old one, and else started anew. */
  async #returnToRate(before: number): Promise<number> {
    await this.#channel.tell('changeBaudRate', words(before, this.#isStub ? this.baudRate : 0))
    await this.#setRate(before)
    if (await this.#isThere()) return before
    const wasStub = this.#isStub
    await this.#enterAgain()
    if (wasStub) await this.startStub()
    if (this.#flashBytes !== null) await this.setFlashSize(this.#flashBytes)
    return this.baudRate
  }
}

/** Connects the loader with the flash. The ESP8266's ROM does so at the beginning of a write. */
export async function attachFlash(
  channel: EspChannel,
  { chip }: Pick<EspFacts, 'chip'>,
  isStub: boolean,
): Promise<void> {
  if (isStub) await channel.ask('spiAttach', words(0), { attempts: 2 })
  else if (chip.name === 'ESP8266') await channel.ask('flashBegin', words(0, 0, ROM_BLOCK_BYTES, 0), { attempts: 2 })
  else await channel.ask('spiAttach', words(0, 0), { attempts: 2 })
}

/** Whose MAC differs is another board: nothing may go on as if it were the one before. */
export function assertSameBoard(before: string | null, after: string | null): void {
  if (before === null || after === null || before === after) return
  throw new FlashproofError('device.identity-changed', `the board at this port is ${after} now, and was ${before}`, {
    before,
    after,
  })
}
