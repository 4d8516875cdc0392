/**
 * The connection by which the device takes the image: pieces of 1024 bytes, each followed by a sign of life, and one final
 * word. The device answers with the number of bytes that it took, without anything between two of them, and the word may
 * be glued to the last one. Source: arduino-esp32, `ArduinoOTA.cpp`; esp8266, `ArduinoOTA.cpp`.
 */
import { FlashproofError } from '../../../shared/errors.ts'
import { stripControl } from '../../../shared/units.ts'
import type { TcpLink } from '../../links/tcp-link.ts'
import { updateRefusal } from '../update-refusal.ts'

export const PIECE_BYTES = 1024
const LONGEST_WORD = 200
const SUCCESS = 'OK'
/** A text that drips in is read this many times as long as one piece of it may take. */
const LONGEST_RESTS = 4

export interface DataTimes {
  /** For a sign of life; the device itself gives up after about four seconds without data. */
  readonly idleMs: number
  /** For the final word, while the device checks what it has. */
  readonly finishMs: number
  /** For the rest of an error text, once it began. */
  readonly restMs: number
}

export class DataPhase {
  readonly #link: TcpLink
  readonly #times: DataTimes
  readonly #signal: AbortSignal
  /** What is neither a number nor space, and everything after it. */
  #word = ''

  constructor(link: TcpLink, times: DataTimes, signal: AbortSignal) {
    this.#link = link
    this.#times = times
    this.#signal = signal
  }

  /**
   * Sends a piece that is not the last and waits for a sign of life.
   * @throws {FlashproofError} device.* when the device refuses, device.bad-answer when it speaks of its end already,
   *   network.*
   */
  async sendPiece(bytes: Uint8Array): Promise<void> {
    this.#send(bytes)
    if (this.#word === '') await this.#listen(this.#times.idleMs)
    if (this.#word === '') return
    await this.#assertRefusalIsWhole()
    const message = 'the device says that it is done before it has the image'
    throw new FlashproofError('device.bad-answer', message, { answer: stripControl(this.#word, LONGEST_WORD) })
  }

  /**
   * Sends the last piece and waits for the final word.
   * @throws {FlashproofError} device.* when the device refuses, network.* when nothing was heard
   */
  async sendLast(bytes: Uint8Array): Promise<void> {
    this.#send(bytes)
    const untilMs = performance.now() + this.#times.finishMs
    while (!this.#isSuccess) {
      await this.#assertRefusalIsWhole()
      // A device that counts on without end says nothing either.
      await this.#listen(this.#timeUntil(untilMs))
    }
  }

  get #isSuccess(): boolean {
    return this.#word === SUCCESS
  }

  /** Throws the refusal once the text is more than the beginning of `OK`; waits for its rest first. */
  async #assertRefusalIsWhole(): Promise<void> {
    if (SUCCESS.startsWith(this.#word)) return
    const untilMs = performance.now() + LONGEST_RESTS * this.#times.restMs
    try {
      while (this.#word.length < LONGEST_WORD) {
        await this.#listen(Math.min(this.#times.restMs, this.#timeUntil(untilMs)))
      }
    } catch (error) {
      if (!(error instanceof FlashproofError) || this.#signal.aborted) throw error
      // Nothing more comes: that was the whole text.
    }
    throw updateRefusal(this.#word.replace(/^ERROR\[\d+\]:?\s*/, ''))
  }

  #timeUntil(untilMs: number): number {
    const restMs = untilMs - performance.now()
    if (restMs > 0) return restMs
    throw new FlashproofError('network.timeout', 'the device talks on and says neither success nor why not', {})
  }

  /** What came unasked is read first, so that what follows is about this piece. */
  #send(bytes: Uint8Array): void {
    if (this.#link.bufferedBytes > 0) this.#read(this.#link.takeAll())
    if (this.#word === '') this.#link.send(bytes)
  }

  async #listen(timeoutMs: number): Promise<void> {
    const piece = await this.#link.readSome({ timeoutMs, signal: this.#signal })
    if (piece === null) throw new FlashproofError('network.reset', 'the device ended the connection', {})
    this.#read(piece)
  }

  #read(piece: Uint8Array): void {
    const text = Buffer.from(piece).toString('latin1')
    const word = this.#word === '' ? text.replace(/^[\d\s]+/, '') : this.#word + text
    this.#word = word.slice(0, LONGEST_WORD).trimEnd()
  }
}
