/**
 * Puts the lines of a crash together into one report: what happened, registers, backtraces, the hash of the application.
 * Lines of other tasks in between do no harm, nor does a lost beginning.
 */
import type { CrashReport } from '../../../shared/contract/models.ts'
import type { DeviceFact, DeviceLine } from './device-line.ts'

/** A report is complete when nothing of a crash came for this long, whatever else the board prints. */
export const CRASH_SILENCE_MS = 2000

const MOST_LINES = 400
const MOST_DETAILS = 12
const MOST_BACKTRACES = 4
const MOST_FRAMES = 128
const MOST_REGISTERS = 64
/** A page of stack: what ESP-IDF prints on RISC-V is 1 KiB. */
const MOST_STACK_WORDS = 512

type Cause = CrashReport['kind']

export class CrashCollector {
  #report: CrashReport | null = null
  #lines = 0
  /** When the last line of the crash came. */
  #heardMs = 0

  /** Whether lines of a crash came and its end did not. */
  get isCollecting(): boolean {
    return this.#report !== null
  }

  /**
   * Takes a line.
   * @param at wall time of the line
   * @param nowMs monotonic
   * @returns the report that ended with it; null while there is none
   */
  take(line: DeviceLine, at: string, nowMs: number): CrashReport | null {
    const { fact } = line
    if (fact !== null && (fact.kind === 'reset' || fact.kind === 'rebooting')) return this.finish()
    const before = this.#report
    const cause = fact === null ? null : causeOf(fact)
    if (before === null) {
      if (cause === null || fact === null) return null
      this.#report = emptyReport(cause, textOf(fact, line.message), at)
      this.#lines = 0
    }
    if (this.#report === null) return null
    if (before !== null) this.#report = withCause(before, fact, cause, line.message)
    if (fact !== null) this.#report = withFact(this.#report, fact)
    if (fact !== null && fact.kind !== 'heap') this.#heardMs = nowMs
    return ++this.#lines > MOST_LINES ? this.finish() : null
  }

  /** Ends the report when the board has said nothing more of it for a while. @param nowMs monotonic */
  finishIfOver(nowMs: number): CrashReport | null {
    return this.#report !== null && nowMs - this.#heardMs >= CRASH_SILENCE_MS ? this.finish() : null
  }

  /** Ends the report that is being collected: the board fell silent, restarted, or went away. */
  finish(): CrashReport | null {
    const report = this.#report
    this.#report = null
    return report
  }
}

/** What begins a report. A backtrace does too: the lines before it may be lost, or a program printed it itself. */
function causeOf(fact: DeviceFact): Cause | null {
  switch (fact.kind) {
    case 'panic':
    case 'abort':
    case 'assert':
    case 'stack-overflow':
    case 'heap-corruption':
    case 'task-watchdog':
    case 'backtrace':
      return fact.kind
    case 'register-dump':
      return 'panic'
    default:
      return null
  }
}

function textOf(fact: DeviceFact, message: string): string {
  switch (fact.kind) {
    case 'panic':
      return fact.cause === '' ? message : fact.cause
    case 'assert':
    case 'heap-corruption':
    case 'task-watchdog':
      return fact.text
    case 'stack-overflow':
      return `stack overflow in task ${fact.task}`
    case 'backtrace':
    case 'register-dump':
      return ''
    default:
      return message
  }
}

function emptyReport(kind: Cause, text: string, at: string): CrashReport {
  return {
    at,
    kind,
    text,
    core: null,
    details: [],
    abortPc: null,
    registers: {},
    backtraces: [],
    stackWords: [],
    elfSha256: null,
  }
}

/** Later causes of one crash are details: after an `assert failed` comes the `abort()` that it calls. */
function withCause(report: CrashReport, fact: DeviceFact | null, cause: Cause | null, message: string): CrashReport {
  if (fact === null || cause === null || cause === 'backtrace' || fact.kind === 'register-dump') {
    const isDetail = fact?.kind === 'watchdog-task' || message.startsWith('Debug exception reason: ')
    return isDetail ? withDetail(report, message.trim()) : report
  }
  // The panic says more than a watchdog's warning or a bare backtrace before it.
  if (cause === 'panic' && (report.text === '' || report.kind === 'task-watchdog')) {
    const renamed = { ...report, kind: cause, text: textOf(fact, message) }
    return report.text === '' ? renamed : withDetail(renamed, report.text)
  }
  return withDetail(report, textOf(fact, message))
}

function withDetail(report: CrashReport, detail: string): CrashReport {
  if (report.details.length >= MOST_DETAILS || report.details.includes(detail) || detail === report.text) return report
  return { ...report, details: [...report.details, detail] }
}

function withFact(report: CrashReport, fact: DeviceFact): CrashReport {
  switch (fact.kind) {
    case 'abort':
      return { ...report, abortPc: report.abortPc ?? fact.pc, core: report.core ?? fact.core }
    case 'panic':
    case 'register-dump':
      return fact.core === null || report.core !== null ? report : { ...report, core: fact.core }
    case 'registers': {
      // Of two cores the first one is the one that crashed.
      const registers = { ...fact.registers, ...report.registers }
      return Object.keys(registers).length > MOST_REGISTERS ? report : { ...report, registers }
    }
    case 'backtrace': {
      if (report.backtraces.length >= MOST_BACKTRACES) return report
      const frames = fact.frames.slice(0, MOST_FRAMES).map(({ pc, sp }) => ({ pc, sp }))
      return { ...report, backtraces: [...report.backtraces, { frames, ending: fact.ending }] }
    }
    case 'stack-words': {
      const room = MOST_STACK_WORDS - report.stackWords.length
      return { ...report, stackWords: [...report.stackWords, ...fact.words.slice(0, room)] }
    }
    case 'app':
      return fact.field === 'elf-sha256' ? { ...report, elfSha256: fact.value } : report
    default:
      return report
  }
}
