/** One request and its answer at a time over a byte link: skips what is no answer to it, and knows damage from silence. */
import { FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import type { ByteLink } from '../../links/byte-link.ts'
import {
  OPCODES,
  SYNC_DATA,
  SYNC_TIMEOUT_MS,
  TIMEOUT_MS,
  commandNames,
  encodeBlock,
  encodeRequest,
  errorName,
  isUnsupported,
  readAnswer,
  readStatus,
  words,
  type EspAnswer,
  type OpcodeName,
} from './commands.ts'
import { SlipDecoder, encodeSlip } from './slip.ts'

/** After a damaged answer a whole one may still come; nothing is sent again before the line was quiet so long. */
const SETTLE_MS = 200
/** A ROM repeats the refusal of an unknown command up to eight times. */
const DRAIN_QUIET_MS = 100
const DRAIN_LIMIT_MS = 600
const WRITE_TIMEOUT_MS = 10_000
const SYNC_ANSWERS = 8
/** With its start and its stop. */
const BITS_A_BYTE = 10
const RESPONSE = 0x01

export interface Asking {
  /** How many bytes the answer gives before its status. */
  readonly dataBytes?: number
  readonly timeoutMs?: number
  /** How often a question that changes nothing is asked when its answer is lost or damaged. */
  readonly attempts?: number
}

export interface BlockSending {
  readonly timeoutMs: number
  readonly attempts: number
  readonly mayRepeat: (error: unknown) => boolean
}

export interface EspReply {
  readonly value: number
  readonly data: Uint8Array
}

export class EspChannel {
  readonly link: ByteLink
  readonly #signal: AbortSignal | undefined
  readonly #decoder = new SlipDecoder()
  #repeats = 0
  /** Numbers of commands that the loader does not know. */
  readonly #refused = new Set<number>()
  /** Hears all that comes, frames or not: what a chip prints while it starts. */
  onReceived: ((bytes: Uint8Array) => void) | null = null

  constructor(link: ByteLink, signal?: AbortSignal) {
    this.link = link
    this.#signal = signal
  }

  /** What had to be sent again so far. */
  get repeats(): number {
    return this.#repeats
  }

  /**
   * Sends a command and waits for its answer.
   * @throws {FlashproofError} loader.refused (`details.error` is the code of the loader), loader.broken-frame,
   *   loader.silent; what the link throws
   */
  async ask(command: OpcodeName, data: Uint8Array, asking: Asking = {}): Promise<EspReply> {
    const { dataBytes = 0, timeoutMs = TIMEOUT_MS, attempts = 1 } = asking
    const frame = encodeRequest(OPCODES[command], data)
    return this.#repeated(attempts, async () =>
      this.#judge(command, await this.#exchange(command, frame, timeoutMs), dataBytes),
    )
  }

  /** Sends a command and gives the answer unjudged: GET_SECURITY_INFO has several lengths. */
  async askForBody(command: OpcodeName, data: Uint8Array, attempts = 1): Promise<Uint8Array> {
    const frame = encodeRequest(OPCODES[command], data)
    return (await this.#repeated(attempts, () => this.#exchange(command, frame, TIMEOUT_MS))).body
  }

  /**
   * Sends one block, in one frame and one write, and waits for its acknowledgement; sends it up to `attempts` times.
   * @param mayRepeat whether it can be sent again after this error
   */
  async sendBlock(
    command: OpcodeName,
    block: { readonly payload: Uint8Array; readonly sequence: number },
    { timeoutMs, attempts, mayRepeat }: BlockSending,
  ): Promise<void> {
    const frame = encodeBlock(OPCODES[command], block.payload, block.sequence)
    await this.#repeated(
      attempts,
      async () => this.#judge(command, await this.#exchange(command, frame, timeoutMs), 0),
      mayRepeat,
    )
  }

  /** Sends a command that is not answered. */
  async tell(command: OpcodeName, data: Uint8Array): Promise<void> {
    this.clear()
    await this.#write(encodeRequest(OPCODES[command], data))
  }

  /** Sends a bare word: the acknowledgement of READ_FLASH. */
  async sendWord(value: number): Promise<void> {
    await this.#write(encodeSlip(words(value)))
  }

  /** Sends a frame that ends what the loader is sending, and drops what is still on its way. */
  async abandon(frame: Uint8Array): Promise<void> {
    await this.#write(frame)
    await this.drain()
  }

  /**
   * Waits for a frame, whatever it holds: `OHAI`, or bytes of flash.
   * @throws {FlashproofError} loader.silent, loader.broken-frame
   */
  async nextFrame(timeoutMs: number, what: string): Promise<Uint8Array> {
    const frame = await this.#frame(performance.now() + timeoutMs)
    if (frame === null) throw silent(what, timeoutMs)
    if (frame.isBroken) throw broken(what)
    return frame.bytes
  }

  /**
   * Waits for a frame with a text, which a program in RAM sends when it begins; the answer to the command that began it may
   * come before, or not at all.
   * @throws {FlashproofError} loader.refused, loader.silent
   */
  async greeting(command: OpcodeName, text: string, timeoutMs: number): Promise<void> {
    const endMs = performance.now() + timeoutMs
    for (;;) {
      const frame = await this.#frame(endMs)
      if (frame === null) throw silent(`${text} after ${commandNames[command]}`, timeoutMs)
      if (Buffer.from(frame.bytes).toString('latin1') === text) return
      const answer = readAnswer(frame.bytes)
      if (answer?.opcode === OPCODES[command]) await this.#judge(command, answer, 0)
    }
  }

  /**
   * Says hello, as the loader measures the rate by it.
   * @returns who answered; null when nobody did
   */
  async sync(): Promise<'rom' | 'stub' | null> {
    this.clear()
    await this.#write(encodeRequest(OPCODES.sync, SYNC_DATA))
    let isStub = true
    let answers = 0
    while (answers < SYNC_ANSWERS) {
      const frame = await this.#frame(performance.now() + SYNC_TIMEOUT_MS)
      if (frame === null) break
      const answer = frame.isBroken ? null : readAnswer(frame.bytes)
      if (answer?.opcode !== OPCODES.sync) continue
      answers += 1
      if (answer.value !== 0) isStub = false
    }
    if (answers === 0) return null
    return isStub ? 'stub' : 'rom'
  }

  /** Drops what came so far. */
  clear(): void {
    const dropped = this.link.takeAll()
    if (dropped.length > 0) this.onReceived?.(dropped)
    this.#decoder.clear()
  }

  /** Drops the refusals that a ROM sends of a command that it does not know, also those that come later. */
  async forget(command: OpcodeName): Promise<void> {
    this.#refused.add(OPCODES[command])
    await this.drain()
  }

  /** Drops what comes until the line is quiet. */
  async drain(): Promise<void> {
    const endMs = performance.now() + DRAIN_LIMIT_MS
    do {
      this.clear()
    } while (performance.now() < endMs && (await this.#receive(performance.now() + DRAIN_QUIET_MS)))
    this.clear()
  }

  /** An answer that was only late comes beside that to the repetition: it must not pass for the answer to what is asked next. */
  async #repeated<Result>(
    attempts: number,
    attempt: () => Promise<Result>,
    mayRepeat: (error: unknown) => boolean = isLost,
  ): Promise<Result> {
    let wasLost = false
    for (let left = attempts - 1; ; left--) {
      try {
        const result = await attempt()
        if (wasLost) await this.drain()
        return result
      } catch (error) {
        if (left <= 0 || !mayRepeat(error)) throw error
        this.#repeats += 1
        wasLost ||= isLost(error)
      }
    }
  }

  async #exchange(command: OpcodeName, frame: Uint8Array, timeoutMs: number): Promise<EspAnswer> {
    this.clear()
    await this.#write(frame)
    const what = `the answer to ${commandNames[command]}`
    const opcode = OPCODES[command]
    // The system takes a block at once; at low rates it then takes seconds to leave.
    let endMs = performance.now() + timeoutMs + this.#leavesWithinMs(frame)
    let isDamaged = false
    for (;;) {
      const got = await this.#frame(endMs)
      if (got === null) throw isDamaged ? broken(what) : silent(what, timeoutMs)
      const answer = got.isBroken ? null : readAnswer(got.bytes)
      if (answer?.opcode === opcode) return answer
      if (answer !== null) {
        // A ROM may refuse what it does not know under another number; and it repeats refusals, however late.
        const { isFailure, error } = readStatus(answer.body, 0)
        if (isFailure && isUnsupported(error) && !this.#refused.has(answer.opcode)) await this.#refuse(command, error)
      } else if (got.isBroken || got.bytes[0] === RESPONSE) {
        isDamaged = true
        endMs = Math.min(endMs, performance.now() + SETTLE_MS)
      }
    }
  }

  async #judge(command: OpcodeName, answer: EspAnswer, dataBytes: number): Promise<EspReply> {
    const { isFailure, error, data } = readStatus(answer.body, dataBytes)
    if (isFailure) return this.#refuse(command, error)
    if (data === null) throw broken(`the answer to ${commandNames[command]}`)
    return { value: answer.value, data }
  }

  async #refuse(command: OpcodeName, error: number): Promise<never> {
    if (isUnsupported(error)) await this.forget(command)
    const message = `the loader refused ${commandNames[command]}: ${errorName(error)}`
    throw new FlashproofError('loader.refused', message, {
      command: commandNames[command],
      error,
      isUnsupported: isUnsupported(error),
    })
  }

  /** The next frame; null when there is none in time. */
  async #frame(endMs: number): Promise<ReturnType<SlipDecoder['next']>> {
    for (;;) {
      const frame = this.#decoder.next()
      if (frame !== null) return frame
      if (!(await this.#receive(endMs))) return null
    }
  }

  async #receive(endMs: number): Promise<boolean> {
    const timeoutMs = Math.max(1, endMs - performance.now())
    try {
      const bytes = await this.link.readSome(this.#waiting(timeoutMs))
      this.onReceived?.(bytes)
      this.#decoder.push(bytes)
      return true
    } catch (error) {
      if (hasErrorCode(error, 'network.timeout')) return false
      throw error
    }
  }

  async #write(frame: Uint8Array): Promise<void> {
    await this.link.write(frame, this.#waiting(WRITE_TIMEOUT_MS + this.#leavesWithinMs(frame)))
  }

  #leavesWithinMs(frame: Uint8Array): number {
    return (frame.length * BITS_A_BYTE * 1000) / this.link.settings.baudRate
  }

  #waiting(timeoutMs: number): { timeoutMs: number; signal?: AbortSignal } {
    return this.#signal === undefined ? { timeoutMs } : { timeoutMs, signal: this.#signal }
  }
}

/** Whether an answer was lost or damaged on its way, and the loader may be well. */
export function isLost(error: unknown): boolean {
  return hasErrorCode(error, 'loader.silent', 'loader.broken-frame')
}

/** The code with which the loader refused; null for any other error. */
export function refusalOf(error: unknown): number | null {
  if (!hasErrorCode(error, 'loader.refused')) return null
  return typeof error.details['error'] === 'number' ? error.details['error'] : null
}

function silent(what: string, timeoutMs: number): FlashproofError {
  return new FlashproofError('loader.silent', `${what} did not come within ${String(timeoutMs)} ms`, { timeoutMs })
}

function broken(what: string): FlashproofError {
  return new FlashproofError('loader.broken-frame', `${what} arrived damaged`, { what })
}
