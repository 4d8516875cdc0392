/**
 * Waits until a bootloader asks for the first block, and makes it ask: by the board's lines, by a text after its prompt, or
 * by a text that is repeated. A request is a byte with silence behind it, or one after the other; a letter in a text is none.
 */
import { FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import type { Clock } from '../../clock.ts'
import type { ByteLink } from '../../links/byte-link.ts'
import { runLineSequence } from '../../links/line-sequence.ts'
import { CONTROL } from './blocks.ts'
import type { YmodemOptions } from './options.ts'
import type { PrintedText } from './texts.ts'

/** A text goes on sooner than this: at 1200 baud a letter takes 9 ms, and adapters hold bytes back for 16 ms. */
const SILENCE_MS = 40
const REPEAT_MS = 500
/** A receiver that refuses as often without asking for a CRC stands in the middle of an earlier file. */
const REFUSALS_OF_A_LEFTOVER = 2

export interface AwaitWorld {
  readonly link: ByteLink
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly printed: PrintedText
  /** Whether an earlier try may have left the receiver in the middle of the file. */
  readonly mayBeLeftover: boolean
  readonly log: (text: string) => void
}

/** @throws {FlashproofError} loader.no-answer when nothing asked in time, saying what was heard instead; serial.*, network.* */
export async function awaitReceiver(options: YmodemOptions, world: AwaitWorld): Promise<void> {
  const { link, clock, signal, printed, log } = world
  const wanted = options.check === 'crc' ? CONTROL.c : CONTROL.nak
  const untilMs = performance.now() + options.waitMs
  if (options.lines !== null && (await runLineSequence(link, options.lines, { clock, signal })) === null) {
    log('DTR and RTS cannot be set here: reset the board by hand')
  }
  const repeats = options.waitFor === null && options.trigger.length > 0
  let triggerAtMs = repeats ? performance.now() : Infinity
  let last: number | null = null
  let refusals = 0
  while (performance.now() < untilMs) {
    if (performance.now() >= triggerAtMs) {
      triggerAtMs = performance.now() + REPEAT_MS
      await trigger(options, world)
    }
    const bytes = await heard(
      link,
      last === null ? Math.min(REPEAT_MS, untilMs - performance.now()) : SILENCE_MS,
      signal,
    )
    if (bytes !== null) {
      printed.add(bytes)
      if (last === wanted && bytes.every(byte => byte === wanted)) return
      last = bytes.at(-1) ?? null
      if (options.waitFor?.(printed.tail) !== true) continue
      printed.clear()
      await trigger(options, world)
      continue
    }
    if (last === wanted) return
    if (last === CONTROL.nak && world.mayBeLeftover && ++refusals % REFUSALS_OF_A_LEFTOVER === 0) {
      log('the bootloader still waits for the rest of an earlier file: it is told to give that up')
      await cancelReceiver(link)
    }
    last = null
  }
  throw noRequest(options, link, printed)
}

/** Two cancels end whatever the receiver waits for. Never rejects: a line that is gone ends it too. */
export async function cancelReceiver(link: ByteLink): Promise<void> {
  await link.write(Uint8Array.of(CONTROL.can, CONTROL.can), { timeoutMs: 1000 }).catch(() => undefined)
}

async function trigger({ trigger: bytes }: YmodemOptions, { link, signal }: AwaitWorld): Promise<void> {
  if (bytes.length > 0) await link.write(bytes, { timeoutMs: 5000, signal })
}

/** @returns null when nothing came */
async function heard(link: ByteLink, timeoutMs: number, signal: AbortSignal): Promise<Uint8Array | null> {
  try {
    return await link.readSome({ timeoutMs: Math.max(1, timeoutMs), signal })
  } catch (error) {
    if (hasErrorCode(error, 'network.timeout') && !signal.aborted) return null
    throw error
  }
}

function noRequest(options: YmodemOptions, link: ByteLink, { tail }: PrintedText): FlashproofError {
  const other = options.check === 'crc' ? CONTROL.nak : CONTROL.c
  const seconds = String(Math.round(options.waitMs / 1000))
  const isOther = tail.endsWith(String.fromCharCode(other))
  const hint = isOther
    ? options.check === 'crc'
      ? '; it asks for a checksum, which the variant xmodem has'
      : '; it asks for a CRC, which the other variants have'
    : ''
  const message = `no bootloader asked for a file within ${seconds} s${hint}`
  return new FlashproofError('loader.no-answer', message, { baudRate: link.settings.baudRate, heard: tail.slice(-80) })
}
