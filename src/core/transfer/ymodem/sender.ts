/**
 * Sends one file by XMODEM or YMODEM: each block until the receiver acknowledges it, then the end. What stands between
 * answers (texts, noise, the receiver's repeated request) is passed over.
 */
import { FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import type { ByteLink } from '../../links/byte-link.ts'
import { blockFrame, CONTROL, headerData, type Check } from './blocks.ts'
import type { PrintedText } from './texts.ts'

export interface SenderTimes {
  /** For the answer to a block. */
  readonly blockMs: number
  /** For the answer to the name of the file, when bootloaders erase, and to the end, when they check. */
  readonly patientMs: number
  /** After this much silence nothing more of an answer comes. */
  readonly quietMs: number
  readonly tries: number
}

export interface SenderWorld {
  readonly link: ByteLink
  readonly signal: AbortSignal
  readonly times: SenderTimes
  readonly printed: PrintedText
  readonly countRetry: () => void
  readonly log: (text: string) => void
}

/** A receiver that asks so often in the middle of a file began anew. */
const REQUESTS_OF_A_RESTART = 3

type Answer = 'ack' | 'nak' | 'ask' | 'none'

export class BlockSender {
  readonly #world: SenderWorld
  readonly #check: Check
  #isAfterRepetition = false
  /** Whether a request of the receiver means that it lost the file. */
  #hasBegun = false

  constructor(check: Check, world: SenderWorld) {
    this.#check = check
    this.#world = world
  }

  /** Name and size of the file, and the receiver's request for its first block. @throws {FlashproofError} as `sendBlock` */
  async sendHeader(fileName: string, sizeBytes: number): Promise<void> {
    const { patientMs, blockMs } = this.#world.times
    await this.#send(blockFrame(0, headerData(fileName, sizeBytes), this.#check), 'the file’s name', patientMs)
    // Some receivers ask again, others take the acknowledgement for it.
    await this.#awaitAnswer(blockMs, ['ask', 'nak'])
  }

  /**
   * @param number from 1
   * @throws {FlashproofError} device.rejected when the receiver cancels, device.session-lost when it asks for a new file,
   *   loader.refused when it refuses each try, loader.silent when it answers none
   */
  async sendBlock(number: number, data: Uint8Array): Promise<void> {
    // Behind the first block the request for it may still stand in the line.
    this.#hasBegun = number > 1
    await this.#send(blockFrame(number, data, this.#check), `block ${String(number)}`, this.#world.times.blockMs)
  }

  /** The end of the file. @throws {FlashproofError} as `sendBlock` */
  async sendEnd(): Promise<void> {
    const frame = Uint8Array.of(CONTROL.eot)
    const { patientMs } = this.#world.times
    // Receivers of YMODEM refuse the first one, to make sure that it is one.
    await this.#write(frame)
    if ((await this.#awaitAnswer(patientMs, ['ack', 'nak'])) === 'ack') return
    await this.#send(frame, 'the end of the file', patientMs)
  }

  /** An empty name: no other file follows. What comes of it changes nothing any more. */
  async endBatch(): Promise<void> {
    const { times, log } = this.#world
    this.#hasBegun = false
    if ((await this.#awaitAnswer(times.blockMs, ['ask', 'nak'])) === 'none') return
    await this.#write(blockFrame(0, new Uint8Array(128), this.#check))
    if ((await this.#awaitAnswer(times.blockMs, ['ack'])) !== 'ack') log('the end of the batch was not acknowledged')
  }

  async #send(frame: Uint8Array, what: string, timeoutMs: number): Promise<void> {
    const { times, countRetry, log } = this.#world
    let last: Answer = 'none'
    for (let attempt = 1; attempt <= times.tries; attempt++) {
      // An answer to an earlier try would pass for one to this block.
      if (this.#isAfterRepetition) await this.#quiet()
      this.#isAfterRepetition = attempt > 1
      await this.#write(frame)
      last = await this.#awaitAnswer(timeoutMs, ['ack', 'nak'])
      if (last === 'ack') return
      countRetry()
      log(`${what} is sent again: ${last === 'nak' ? 'the bootloader did not get it whole' : 'no answer'}`)
      this.#isAfterRepetition = true
    }
    const tries = String(times.tries)
    throw last === 'nak'
      ? new FlashproofError('loader.refused', `the bootloader refused ${what} ${tries} times`, { command: what })
      : new FlashproofError('loader.silent', `the bootloader did not answer to ${what}, ${tries} times`, {})
  }

  /** @throws {FlashproofError} device.rejected after two cancels in a row */
  async #awaitAnswer(timeoutMs: number, wanted: readonly Answer[]): Promise<Answer> {
    const untilMs = performance.now() + timeoutMs
    let isCancelling = false
    let requests = 0
    for (let restMs = timeoutMs; restMs > 0; restMs = untilMs - performance.now()) {
      const byte = await this.#byte(restMs)
      if (byte === null) return 'none'
      if (byte === CONTROL.can && isCancelling) {
        throw new FlashproofError('device.rejected', 'the bootloader cancelled the transfer', { answer: 'CAN' })
      }
      isCancelling = byte === CONTROL.can
      const answer = answerOf(byte)
      if (answer !== null && wanted.includes(answer)) return answer
      requests = answer === 'ask' ? requests + 1 : 0
      if (this.#hasBegun && requests >= REQUESTS_OF_A_RESTART) {
        throw new FlashproofError('device.session-lost', 'the bootloader began anew in the middle of the file', {})
      }
      if (answer === null && !isCancelling) this.#world.printed.add(Uint8Array.of(byte))
    }
    return 'none'
  }

  async #byte(timeoutMs: number): Promise<number | null> {
    const { link, signal } = this.#world
    try {
      const [byte = null] = await link.read(1, { timeoutMs, signal })
      return byte
    } catch (error) {
      if (hasErrorCode(error, 'network.timeout') && !signal.aborted) return null
      throw error
    }
  }

  async #quiet(): Promise<void> {
    const { link, signal, times } = this.#world
    const untilMs = performance.now() + times.blockMs
    for (;;) {
      if (performance.now() > untilMs || (await this.#byte(times.quietMs)) === null) break
      link.takeAll()
    }
    signal.throwIfAborted()
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const { link, signal, times } = this.#world
    await link.write(bytes, { timeoutMs: times.patientMs, signal })
  }
}

function answerOf(byte: number): Answer | null {
  switch (byte) {
    case CONTROL.ack:
      return 'ack'
    case CONTROL.nak:
      return 'nak'
    case CONTROL.c:
      return 'ask'
    default:
      return null
  }
}
