/** Shows what a monitor of a serial line hears: lines and events for people, or one JSON object each. */
import type { CrashPlace, DeviceEvent, EventOf, MonitorEntry, MonitorLine } from '../shared/contract/index.ts'
import type { ErrorCode } from '../shared/errors.ts'
import { formatAddress, stripControl } from '../shared/units.ts'
import { monitorWordsFor, type MonitorWords } from './monitor-words.ts'
import type { Report } from './report.ts'

const MOST_CHARACTERS = 20_000

export class MonitorReport {
  readonly #report: Report
  readonly #words: MonitorWords

  constructor(report: Report) {
    this.#report = report
    this.#words = monitorWordsFor(report.language)
  }

  heard({ target, entries }: EventOf<'monitor.heard'>): void {
    for (const entry of entries) this.#show(target, entry)
  }

  #show(target: string, entry: MonitorEntry): void {
    if (entry.type === 'line') this.#line(target, entry.line)
    else this.#event(target, entry.event)
  }

  #line(target: string, { at, from, text, level }: MonitorLine): void {
    this.#report.json({ type: 'device-log', target, at, text, from, level })
    this.#report.result(`${at}  ${from === 'sent' ? '> ' : ''}${stripControl(text, MOST_CHARACTERS)}`)
  }

  #event(target: string, event: DeviceEvent): void {
    this.#report.json({ type: 'device-event', target, ...event })
    // The state of the line is no part of what the board says; a pipe gets the board's lines alone.
    if (event.kind === 'opened') this.#report.people?.write(`${this.#words.opened}\n`)
    else if (event.kind === 'lost') this.#report.people?.write(`${this.#words.lost(this.#faultOf(event.error))}\n`)
    else for (const line of this.#linesOf(event)) this.#report.result(`${event.at}  -- ${line}`)
  }

  #faultOf(error: { readonly code: string; readonly message: string }): string {
    // The worker throws codes of the table alone.
    const { title, hint } = this.#report.messages.errors[error.code as ErrorCode]
    return `${title}: ${stripControl(error.message, 600)}. ${hint}`
  }

  #linesOf(event: Exclude<DeviceEvent, { kind: 'opened' | 'lost' }>): readonly string[] {
    const words = this.#words
    switch (event.kind) {
      case 'lent':
        return [words.lent(stripControl(event.usedFor, 200))]
      case 'not-restarted':
        return [words.notRestarted]
      case 'reset':
        return [words.reset(stripControl(event.reason, 80), stripControl(event.bootMode, 100))]
      // The board's own line says it already.
      case 'app':
      case 'panic':
        return []
      case 'brownout':
        return [words.brownout]
      case 'crash':
        return this.#crashLines(event)
      case 'skipped':
        return [words.skipped(event.lines)]
      case 'log-file-failed':
        return [words.logFileFailed(stripControl(event.error.message, 600))]
    }
  }

  #crashLines({ crash, decoding, decodingError }: Extract<DeviceEvent, { kind: 'crash' }>): readonly string[] {
    const words = this.#words
    const core = crash.core === null ? '' : ` (${words.core(crash.core)})`
    const head = `${words.crash[crash.kind]}${core}${crash.text === '' ? '' : `: ${stripControl(crash.text, 300)}`}`
    const isCorrupted = crash.backtraces.some(({ ending }) => ending === 'corrupted')
    const lines = [head, ...crash.details.map(detail => `  ${stripControl(detail, 300)}`)]
    if (isCorrupted) lines.push(`  ${words.corrupted}`)
    if (decodingError !== null) return [...lines, `  ${words.notDecoded(this.#faultOf(decodingError))}`]
    if (decoding === null) return lines
    if (decoding.build === 'other') return [...lines, `  ${words.otherBuild}`]
    lines.push(`  ${decoding.build === 'same' ? words.sameBuild : words.unknownBuild}`)
    const isStackOnly = decoding.places.some(({ role }) => role === 'stack')
    if (isStackOnly) lines.push(`  ${words.stackOnly}`)
    return [...lines, ...decoding.places.map(place => `  ${this.#placeLine(place)}`)]
  }

  #placeLine({ name, address, function: functionName, offset, file, line }: CrashPlace): string {
    const where = file === null ? '' : ` ${stripControl(file, 300)}:${String(line ?? 0)}`
    const what = functionName === null ? '?' : `${stripControl(functionName, 200)}+${String(offset ?? 0)}`
    return `${name.padEnd(5)} ${formatAddress(address)} ${this.#words.in(what)}${where}`
  }
}
