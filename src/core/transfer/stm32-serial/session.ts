/**
 * The conversation with the STM32 bootloader: one command after the other, each answered by ACK or NACK, and the way back
 * into step when a byte was lost. An ACK proves nothing of the flash: protected places acknowledge without effect.
 * Source: ST AN3155 Rev 20; timings of stm32flash.
 */
import { FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import type { ByteLink } from '../../links/byte-link.ts'
import {
  ACK,
  addressFrame,
  BUSY,
  COMMAND,
  COMMAND_NAMES,
  commandFrame,
  eraseFrame,
  extendedEraseFrame,
  EXTENDED_MASS_ERASE_FRAME,
  MASS_ERASE_FRAME,
  NACK,
  readLengthFrame,
  SYNC,
  writeFrame,
  type Command,
} from './frames.ts'
import type { LoaderTimes } from './times.ts'

/** What GET answers: from here alone it is known what this loader can. */
export interface LoaderCommands {
  /** High nibble before the point, low nibble behind it. */
  readonly version: number
  readonly codes: ReadonlySet<number>
}

/** No loader knows more. */
const MOST_COMMANDS = 31
const SYNC_TRIES = 3
/** The longest thing that a loader can be waiting for: a block with its length and its sum. */
const LONGEST_FRAME_BYTES = 258
const FILL_BYTES = 32
const RESYNC_FRAME = Uint8Array.of(0xff, 0x00)

export class Stm32Session {
  readonly times: LoaderTimes
  readonly #link: ByteLink
  readonly #signal: AbortSignal
  /**
   * Some products answer one refusal with two NACKs, and one loader sends an ACK too many after its first. The very first
   * command does not wait for that: hardly any loader does it, and a wrong answer shows.
   */
  #mayHaveStray = false
  #hasSpoken = false

  constructor(link: ByteLink, times: LoaderTimes, signal: AbortSignal) {
    this.#link = link
    this.times = times
    this.#signal = signal
  }

  /**
   * Wakes the loader after a reset, or finds one that is awake already. A loader that was awake takes the byte for the
   * first half of a command, so the second one is answered by NACK.
   * @param fills whether a loader that stands in the middle of a block is brought out of it
   * @returns whether anything answered as the loader does
   */
  async sync(fills: boolean): Promise<boolean> {
    this.#link.takeAll()
    this.#mayHaveStray = this.#hasSpoken
    for (let attempt = 0; attempt < SYNC_TRIES; attempt++) {
      await this.#send(Uint8Array.of(SYNC))
      const answer = await this.#waitFor([ACK, NACK], this.times.syncMs)
      if (answer !== null) return true
      this.#mayHaveStray = true
    }
    return fills && (await this.#fill())
  }

  /** GET. @throws {FlashproofError} loader.refused, loader.broken-frame, network.* */
  async get(): Promise<LoaderCommands> {
    await this.#command(COMMAND.get)
    const count = await this.#byte()
    if (count === 0 || count > MOST_COMMANDS) throw this.#nonsense('get', count)
    const [version = 0, ...codes] = await this.#read(count + 1)
    await this.#ack('get', this.times.replyMs)
    if (codes[0] !== COMMAND.get) throw this.#nonsense('get', codes[0] ?? 0)
    return { version, codes: new Set(codes) }
  }

  /** GET ID. @throws {FlashproofError} loader.refused, loader.broken-frame, network.* */
  async productId(): Promise<number> {
    await this.#command(COMMAND.getId)
    const count = await this.#byte()
    if (count !== 1) throw this.#nonsense('get-id', count)
    const [high = 0, low = 0] = await this.#read(2)
    await this.#ack('get-id', this.times.replyMs)
    return high * 256 + low
  }

  /** @param sizeBytes 1 to 256 @throws {FlashproofError} loader.refused, loader.broken-frame, network.* */
  async read(address: number, sizeBytes: number): Promise<Uint8Array> {
    await this.#command(COMMAND.read)
    await this.#exchange('read', addressFrame(address), this.times.replyMs)
    await this.#exchange('read', readLengthFrame(sizeBytes), this.times.replyMs)
    return await this.#read(sizeBytes)
  }

  /** @param bytes 4 to 256, a multiple of 4 @throws {FlashproofError} loader.refused, loader.broken-frame, network.* */
  async write(address: number, bytes: Uint8Array): Promise<void> {
    await this.#command(COMMAND.write)
    await this.#exchange('write', addressFrame(address), this.times.replyMs)
    await this.#exchange('write', writeFrame(bytes), this.times.writeMs)
  }

  /**
   * @param command the one of the two that this loader has
   * @throws {FlashproofError} loader.refused, loader.broken-frame, network.*
   */
  async erase(command: typeof COMMAND.erase | typeof COMMAND.extendedErase, pages: readonly number[]): Promise<void> {
    const { erasePageMs, massEraseMs } = this.times
    const timeoutMs = Math.min(Math.max(massEraseMs, erasePageMs), erasePageMs * pages.length)
    const frame = command === COMMAND.erase ? eraseFrame(pages) : extendedEraseFrame(pages)
    await this.#command(command)
    await this.#exchange('erase', frame, timeoutMs)
  }

  /** The whole chip. L0 and L1 refuse it. @throws {FlashproofError} loader.refused, loader.broken-frame, network.* */
  async massErase(command: typeof COMMAND.erase | typeof COMMAND.extendedErase): Promise<void> {
    const frame = command === COMMAND.erase ? MASS_ERASE_FRAME : EXTENDED_MASS_ERASE_FRAME
    await this.#command(command)
    await this.#exchange('mass-erase', frame, this.times.massEraseMs)
  }

  /** Starts what lies at `address`; the loader is gone then. @throws {FlashproofError} loader.refused, network.* */
  async go(address: number): Promise<void> {
    await this.#command(COMMAND.go)
    await this.#exchange('go', addressFrame(address), this.times.replyMs)
  }

  /**
   * Takes a protection away; the chip restarts afterwards, with most products. The second ACK comes after the work; taking
   * away the readout protection erases the whole chip, which may go on after it.
   * @throws {FlashproofError} loader.refused, loader.broken-frame, network.*
   */
  async unprotect(command: typeof COMMAND.writeUnprotect | typeof COMMAND.readoutUnprotect): Promise<void> {
    await this.#command(command)
    await this.#ack('unprotect', this.times.massEraseMs)
  }

  /**
   * Comes back into step after an answer that was refused, lost or damaged. Where the loader may have restarted, the byte
   * that wakes it comes first: by any other one it would find a wrong rate.
   * @throws {FlashproofError} loader.silent when the loader is not heard again
   */
  async resync(isRefused = false): Promise<void> {
    const untilMs = performance.now() + this.times.resyncMs
    if (isRefused && (await this.#isInStep())) return
    const steps = [
      () => this.#provoke(Uint8Array.of(SYNC)),
      () => this.#provoke(Uint8Array.of(SYNC)),
      () => this.#provoke(RESYNC_FRAME),
      () => this.#fill(),
    ]
    for (let attempt = 0; performance.now() < untilMs; attempt++) {
      this.#mayHaveStray = true
      const step = steps[attempt % steps.length]
      if (step !== undefined && (await step()) && (await this.#isInStep())) return
    }
    throw new FlashproofError('loader.silent', 'the bootloader is not heard any more', {})
  }

  /** @returns whether it answered by NACK, as it does to what is no command, or by ACK, as it does after a restart */
  async #provoke(bytes: Uint8Array): Promise<boolean> {
    await this.#quiet()
    await this.#send(bytes)
    return (await this.#waitFor([ACK, NACK], this.times.syncMs)) !== null
  }

  async #isInStep(): Promise<boolean> {
    try {
      await this.get()
      return true
    } catch (error) {
      if (this.#isMisunderstanding(error)) return false
      throw error
    }
  }

  /** Ends a block that the loader still waits for, and then the half of a command that may be left over. */
  async #fill(): Promise<boolean> {
    for (let sent = 0; sent < LONGEST_FRAME_BYTES; sent += FILL_BYTES) {
      await this.#send(new Uint8Array(FILL_BYTES).fill(SYNC))
      if ((await this.#waitFor([NACK], 2 * this.times.quietMs)) !== null) break
    }
    for (let attempt = 0; attempt < 2; attempt++) if (await this.#provoke(Uint8Array.of(SYNC))) return true
    return false
  }

  #isMisunderstanding(error: unknown): boolean {
    if (this.#signal.aborted) return false
    return hasErrorCode(error, 'loader.refused', 'loader.broken-frame', 'network.timeout')
  }

  async #command(code: Command): Promise<void> {
    if (this.#mayHaveStray) await this.#quiet()
    this.#hasSpoken = true
    this.#link.takeAll()
    await this.#exchange(COMMAND_NAMES.get(code) ?? `command ${String(code)}`, commandFrame(code), this.times.replyMs)
    this.#mayHaveStray = false
  }

  async #exchange(name: string, frame: Uint8Array, timeoutMs: number): Promise<void> {
    await this.#send(frame)
    await this.#ack(name, timeoutMs + this.#lineMs(frame.length))
  }

  async #ack(name: string, timeoutMs: number): Promise<void> {
    const untilMs = performance.now() + Math.max(timeoutMs, this.times.massEraseMs)
    for (;;) {
      const [answer = 0] = await this.#link.read(1, { timeoutMs, signal: this.#signal })
      if (answer === ACK) return
      if (answer === BUSY && performance.now() < untilMs) continue
      if (answer !== NACK) throw this.#nonsense(name, answer)
      this.#mayHaveStray = true
      throw new FlashproofError('loader.refused', `the bootloader refused ${name}`, { command: name })
    }
  }

  #nonsense(command: string, found: number): FlashproofError {
    this.#mayHaveStray = true
    const message = `an answer of the bootloader to ${command} makes no sense (0x${found.toString(16)})`
    return new FlashproofError('loader.broken-frame', message, { command, found })
  }

  /** Waits until nothing more comes, and forgets what came. */
  async #quiet(): Promise<void> {
    const untilMs = performance.now() + this.times.replyMs
    while ((await this.#heard(this.times.quietMs)) !== null && performance.now() < untilMs);
  }

  /** @returns the first of `wanted` that comes in time; everything else is passed over */
  async #waitFor(wanted: readonly number[], timeoutMs: number): Promise<number | null> {
    const untilMs = performance.now() + timeoutMs
    for (let restMs = timeoutMs; restMs > 0; restMs = untilMs - performance.now()) {
      const bytes = await this.#heard(restMs)
      const found = bytes?.find(byte => wanted.includes(byte))
      if (found !== undefined) return found
    }
    return null
  }

  /** @returns null when nothing came */
  async #heard(timeoutMs: number): Promise<Uint8Array | null> {
    try {
      return await this.#link.readSome({ timeoutMs, signal: this.#signal })
    } catch (error) {
      if (hasErrorCode(error, 'network.timeout') && !this.#signal.aborted) return null
      throw error
    }
  }

  async #byte(): Promise<number> {
    const [byte = 0] = await this.#read(1)
    return byte
  }

  async #read(sizeBytes: number): Promise<Uint8Array> {
    const timeoutMs = this.times.replyMs + this.#lineMs(sizeBytes)
    return await this.#link.read(sizeBytes, { timeoutMs, signal: this.#signal })
  }

  /** How long bytes are on the line: eight bits with start, parity and stop. */
  #lineMs(sizeBytes: number): number {
    return (sizeBytes * 11_000) / this.#link.settings.baudRate
  }

  async #send(bytes: Uint8Array): Promise<void> {
    await this.#link.write(bytes, { timeoutMs: this.times.replyMs + this.times.writeMs, signal: this.#signal })
  }
}

/** Whether the loader said no; every other failure may be a damaged or lost answer. */
export function isRefusal(error: unknown): boolean {
  return hasErrorCode(error, 'loader.refused')
}
