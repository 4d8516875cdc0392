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

/** A receiver that asks so often in the middle of a file began anew; one that asks so after the file's name did not get it. */
const REQUESTS_OF_A_RESTART = 3
/** So many bytes of a block that come back are the line's own: no receiver sends any of it. */
const ECHO_BYTES = 16
/** A receiver acknowledges each block once, when it has it; a few may be late answers to a block that was sent twice. */
const MOST_UNASKED = 8
/** After the patient wait for a name or an end, it is sent so often again. */
const TRIES_AFTER_PATIENCE = 2
/** A line that is never quiet is written to all the same, after so many times the silence that was hoped for. */
const NOISE_SHARE = 6

type Answer = 'ack' | 'nak' | 'ask' | 'none'

export class BlockSender {
  readonly #world: SenderWorld
  readonly #check: Check
  #isAfterRepetition = false
  /** Whether a request of the receiver means that it lost the file. */
  #hasBegun = false
  /** How many blocks were acknowledged before they were sent. */
  #unasked = 0
  /** What was sent last, and how much of it came back. */
  #frame: Uint8Array = new Uint8Array()
  #echoedBytes = 0

  constructor(check: Check, world: SenderWorld) {
    this.#check = check
    this.#world = world
  }

  /** Name and size of the file, and the receiver's request for its first block. @throws {FlashproofError} as `sendBlock` */
  async sendHeader(fileName: string, sizeBytes: number): Promise<void> {
    await this.#sendPatiently(blockFrame(0, headerData(fileName, sizeBytes), this.#check), 'the file’s name')
    // Some receivers ask again, others take the acknowledgement for it.
    await this.#awaitAnswer(this.#world.times.blockMs, ['ask', 'nak'])
  }

  /**
   * @param number from 1
   * @throws {FlashproofError} device.rejected when the receiver cancels, device.session-lost when it asks for a new file,
   *   loader.refused when it refuses each try, loader.silent when it answers none, loader.no-answer when the line gives
   *   back what is sent, device.bad-answer when it acknowledges what was not sent
   */
  async sendBlock(number: number, data: Uint8Array): Promise<void> {
    // Behind the first block the request for it may still stand in the line.
    this.#hasBegun = number > 1
    const { blockMs, tries } = this.#world.times
    await this.#send(blockFrame(number, data, this.#check), `block ${String(number)}`, blockMs, tries)
  }

  /** The end of the file. @throws {FlashproofError} as `sendBlock` */
  async sendEnd(): Promise<void> {
    const frame = Uint8Array.of(CONTROL.eot)
    const { blockMs, patientMs, tries } = this.#world.times
    const what = 'the end of the file'
    // Receivers of YMODEM refuse the first one, to make sure that it is one.
    await this.#write(frame)
    const answer = await this.#awaitAnswer(patientMs, ['ack', 'nak'])
    if (answer === 'nak') await this.#send(frame, what, patientMs, tries)
    else if (answer !== 'ack') await this.#send(frame, what, blockMs, TRIES_AFTER_PATIENCE)
  }

  /** An empty name: no other file follows. What comes of it changes nothing any more. */
  async endBatch(): Promise<void> {
    const { times, log } = this.#world
    this.#hasBegun = false
    if ((await this.#awaitAnswer(times.blockMs, ['ask', 'nak'])) === 'none') return
    await this.#write(blockFrame(0, new Uint8Array(128), this.#check))
    if ((await this.#awaitAnswer(times.blockMs, ['ack'])) !== 'ack') log('the end of the batch was not acknowledged')
  }

  /** With the time that a bootloader takes to erase: what comes only then is no lost answer, and silence after it is one. */
  async #sendPatiently(frame: Uint8Array, what: string): Promise<void> {
    const { blockMs, patientMs, tries } = this.#world.times
    this.#takeEarlier()
    await this.#write(frame)
    const answer = await this.#awaitAnswer(patientMs, ['ack', 'nak'])
    if (answer === 'ack') return
    this.#noteRepetition(what, answer)
    await this.#send(
      frame,
      what,
      answer === 'nak' ? patientMs : blockMs,
      answer === 'nak' ? tries : TRIES_AFTER_PATIENCE,
    )
  }

  async #send(frame: Uint8Array, what: string, timeoutMs: number, tries: number): Promise<void> {
    let last: Answer = 'none'
    for (let attempt = 1; attempt <= tries; attempt++) {
      // An answer to an earlier try would pass for one to this block.
      if (this.#isAfterRepetition) await this.#quiet()
      this.#takeEarlier()
      this.#isAfterRepetition = attempt > 1
      await this.#write(frame)
      last = await this.#awaitAnswer(timeoutMs, ['ack', 'nak'])
      if (last === 'ack') return
      this.#noteRepetition(what, last)
    }
    const times = String(tries)
    throw last === 'nak'
      ? new FlashproofError('loader.refused', `the bootloader refused ${what} ${times} times`, { command: what })
      : new FlashproofError('loader.silent', `the bootloader did not answer to ${what}, ${times} times`, {})
  }

  #noteRepetition(what: string, answer: Answer): void {
    this.#world.countRetry()
    this.#world.log(`${what} is sent again: ${answer === 'nak' ? 'the bootloader did not get it whole' : 'no answer'}`)
    this.#isAfterRepetition = true
  }

  /** What came before a frame was sent is no answer to it. @throws {FlashproofError} device.bad-answer */
  #takeEarlier(): void {
    const { link, printed } = this.#world
    for (const byte of link.takeAll()) {
      const answer = answerOf(byte)
      if (answer === 'ack') this.#unasked++
      else if (answer === null && byte !== CONTROL.can) printed.add(Uint8Array.of(byte))
    }
    if (this.#unasked < MOST_UNASKED) return
    const message = 'what answers acknowledges blocks that were not sent yet: its word says nothing'
    throw new FlashproofError('device.bad-answer', message, { unasked: this.#unasked })
  }

  /** @throws {FlashproofError} device.rejected after two cancels in a row, loader.no-answer where the line echoes */
  async #awaitAnswer(timeoutMs: number, wanted: readonly Answer[]): Promise<Answer> {
    const untilMs = performance.now() + timeoutMs
    let isCancelling = false
    let requests = 0
    for (let restMs = timeoutMs; restMs > 0; restMs = untilMs - performance.now()) {
      const byte = await this.#byte(restMs)
      if (byte === null) return 'none'
      this.#noteEcho(byte)
      if (byte === CONTROL.can && isCancelling) {
        throw new FlashproofError('device.rejected', 'the bootloader cancelled the transfer', { answer: 'CAN' })
      }
      isCancelling = byte === CONTROL.can
      const answer = answerOf(byte)
      if (answer !== null && wanted.includes(answer)) return answer
      requests = answer === 'ask' ? requests + 1 : 0
      if (requests >= REQUESTS_OF_A_RESTART) {
        if (!this.#hasBegun) return 'nak'
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
    const untilMs = performance.now() + NOISE_SHARE * times.quietMs
    for (;;) {
      if (performance.now() > untilMs || (await this.#byte(times.quietMs)) === null) break
      link.takeAll()
    }
    signal.throwIfAborted()
  }

  #noteEcho(byte: number): void {
    const frame = this.#frame
    if (byte === frame[this.#echoedBytes]) this.#echoedBytes++
    else this.#echoedBytes = byte === frame[0] ? 1 : 0
    if (this.#echoedBytes < ECHO_BYTES) return
    const message =
      'the line gives back what is sent, and no bootloader answers: look for RX and TX that are joined, or an echo that is on'
    throw new FlashproofError('loader.no-answer', message, {})
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const { link, signal, times } = this.#world
    this.#frame = bytes
    this.#echoedBytes = 0
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
