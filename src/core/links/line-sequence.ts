/**
 * Sequences of modem lines and pauses as data: what resets a board, and what holds its boot pins. A person can write one as
 * the text of an option. Knows no chip.
 */
import { FlashproofError } from '../../shared/errors.ts'
import type { Clock } from '../clock.ts'
import type { ByteLink, ModemLines } from './byte-link.ts'

/** What is not named keeps the value that it had. Both lines of one step change in one call. */
export interface LineStep {
  readonly kind: 'lines'
  readonly dtr?: boolean
  readonly rts?: boolean
}

export interface PauseStep {
  readonly kind: 'pause'
  /** 1 to 10,000. */
  readonly pauseMs: number
}

export type LineSequence = readonly (LineStep | PauseStep)[]

export const RELEASED: ModemLines = { dtr: false, rts: false }

const LONGEST_PAUSE_MS = 10_000
const MOST_STEPS = 64

/**
 * Reads a sequence such as `D0 R1 | 100 | D1 R0 | 50 | D0`: steps between bars; `D1` asserts DTR (the pin is low), `D0`
 * releases it, `R` is RTS; a number is a pause in milliseconds. Sequences of esptool's settings are read too: `W0.1` is a
 * pause in seconds, `U1,0` sets DTR and RTS at once.
 * @throws {FlashproofError} option.invalid naming the step that cannot be read
 */
export function parseLineSequence(text: string): LineSequence {
  const parts = text.split('|').map(part => part.trim())
  if (text.trim() === '') throw invalid('it is empty')
  if (parts.length > MOST_STEPS) throw invalid(`it has more than ${String(MOST_STEPS)} steps`)
  const steps = parts.map((part, index) => parseStep(part, index + 1))
  if (!steps.some(step => step.kind === 'lines')) throw invalid('it changes no line')
  return steps
}

/** Writes a sequence as `parseLineSequence` reads it. */
export function formatLineSequence(sequence: LineSequence): string {
  return sequence
    .map(step => {
      if (step.kind === 'pause') return String(step.pauseMs)
      const dtr = step.dtr === undefined ? [] : [`D${step.dtr ? '1' : '0'}`]
      const rts = step.rts === undefined ? [] : [`R${step.rts ? '1' : '0'}`]
      return [...dtr, ...rts].join(' ')
    })
    .join(' | ')
}

/**
 * Sets the lines and waits, step by step.
 * @param from how the lines stand before; a link that was just opened has both released
 * @returns how the lines stand afterwards; null where they cannot be set (raw TCP, a pty), and then nothing was waited for
 * @throws {FlashproofError} what the link throws; the signal's reason when it aborts
 */
export async function runLineSequence(
  link: ByteLink,
  sequence: LineSequence,
  { clock, signal, from = RELEASED }: { clock: Clock; signal?: AbortSignal | undefined; from?: ModemLines },
): Promise<ModemLines | null> {
  let lines = from
  for (const step of sequence) {
    if (step.kind === 'pause') {
      await clock.delay(step.pauseMs, signal)
      continue
    }
    signal?.throwIfAborted()
    lines = { dtr: step.dtr ?? lines.dtr, rts: step.rts ?? lines.rts }
    if ((await link.setLines(lines)) === 'unavailable') return null
  }
  return lines
}

/**
 * Writes DTR again after each step that changes RTS alone: the driver of Windows for USB serial devices sends the state of
 * the lines with a change of DTR only.
 */
export function withDtrRepeated(sequence: LineSequence): LineSequence {
  let dtr = false
  return sequence.flatMap((step): LineSequence => {
    if (step.kind === 'pause') return [step]
    dtr = step.dtr ?? dtr
    return step.rts === undefined ? [step] : [step, { kind: 'lines', dtr }]
  })
}

function parseStep(part: string, number: number): LineStep | PauseStep {
  const where = `step ${String(number)} “${part}”`
  if (part === '') throw invalid(`step ${String(number)} is empty`)
  const seconds = /^W(\d+(?:\.\d+)?)$/i.exec(part)?.[1]
  if (seconds !== undefined) return pause(Math.round(Number(seconds) * 1000), where)
  if (/^\d+$/.test(part)) return pause(Number(part), where)
  const both = /^U([01])\s*,\s*([01])$/i.exec(part)
  if (both !== null) return { kind: 'lines', dtr: both[1] === '1', rts: both[2] === '1' }
  const step: { dtr?: boolean; rts?: boolean } = {}
  for (const word of part.split(/\s+/)) {
    const match = /^([DR])([01])$/i.exec(word)
    if (match === null) throw invalid(`${where}: a step is D0, D1, R0, R1, two of them, or a pause in milliseconds`)
    const line = match[1]?.toUpperCase() === 'D' ? 'dtr' : 'rts'
    if (step[line] !== undefined) throw invalid(`${where} sets ${line.toUpperCase()} twice`)
    step[line] = match[2] === '1'
  }
  return { kind: 'lines', ...step }
}

function pause(pauseMs: number, where: string): PauseStep {
  if (pauseMs < 1 || pauseMs > LONGEST_PAUSE_MS) {
    throw invalid(`${where}: a pause is 1 to ${String(LONGEST_PAUSE_MS)} ms`)
  }
  return { kind: 'pause', pauseMs }
}

function invalid(reason: string): FlashproofError {
  const message = `the sequence of lines cannot be read: ${reason}; a right one is D0 R1 | 100 | D1 R0 | 50 | D0`
  return new FlashproofError('option.invalid', message, { reason })
}
