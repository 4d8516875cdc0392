/** Makes lines, events, figures and crash reports out of the bytes that a board sends. Pure but for the times it is given. */
import type { CrashReport, DeviceEvent, MonitorLine, TelemetrySample } from '../../../shared/contract/models.ts'
import { CrashCollector } from './crash-collector.ts'
import { parseDeviceLine, type DeviceFact } from './device-line.ts'
import { LineSplitter, type SplitLine } from './line-splitter.ts'
import { SerialLogState } from './log-state.ts'

export interface LogListeners {
  onLine(line: MonitorLine): void
  onEvent(event: DeviceEvent): void
  onCrash(crash: CrashReport, appElfSha256: string | null): void
  /** Something that a sample shows changed; `isRestart`: it belongs to another run of the board. */
  onNews(isRestart: boolean): void
}

export class LogReader {
  readonly #splitter = new LineSplitter()
  readonly #state = new SerialLogState()
  readonly #crash = new CrashCollector()
  readonly #listeners: LogListeners

  constructor(listeners: LogListeners) {
    this.#listeners = listeners
  }

  /** @param nowMs monotonic */
  take(bytes: Uint8Array, at: string, nowMs: number): void {
    this.endCrashIfOver(nowMs)
    for (const line of this.#splitter.push(bytes)) this.#takeLine(line, at, nowMs)
  }

  /** Nothing came for a moment: a prompt is shown although its line has not ended. */
  showBeginning(at: string): void {
    const line = this.#splitter.flush()
    if (line !== null) this.#listeners.onLine({ at, from: 'board', text: line.text, level: null })
  }

  /** Completes the report of a crash of which nothing came for long. @param nowMs monotonic */
  endCrashIfOver(nowMs: number): void {
    this.#report(this.#crash.finishIfOver(nowMs))
  }

  /** The line broke: what comes next is a new beginning. */
  breakOff(at: string): void {
    this.showBeginning(at)
    this.#splitter.clear()
    this.#report(this.#crash.finish())
    this.#state.forget()
  }

  sample(stamp: { readonly at: string; readonly elapsedMs: number }): TelemetrySample {
    return this.#state.sample(stamp)
  }

  #takeLine({ text, whole }: SplitLine, at: string, nowMs: number): void {
    const line = parseDeviceLine(whole)
    this.#listeners.onLine({ at, from: 'board', text, level: line.log?.level ?? null })
    const wasCrashing = this.#crash.isCollecting
    // Before the state takes a restart: the hash of the run that crashed counts.
    this.#report(this.#crash.take(line, at, nowMs))
    const isNew = this.#state.take(line)
    if (line.fact !== null) this.#tell(line.fact, wasCrashing, whole, at)
    if (isNew) this.#listeners.onNews(line.fact?.kind === 'reset')
  }

  #tell(fact: DeviceFact, wasCrashing: boolean, text: string, at: string): void {
    switch (fact.kind) {
      case 'reset':
        this.#listeners.onEvent({ kind: 'reset', at, reason: fact.reason, bootMode: fact.bootMode })
        return
      case 'app':
        // At the end of a crash the hash is part of its report.
        if (!wasCrashing) this.#listeners.onEvent({ kind: 'app', at, field: fact.field, value: fact.value })
        return
      case 'brownout':
        this.#listeners.onEvent({ kind: 'brownout', at })
        return
      default:
        if (!wasCrashing && this.#crash.isCollecting) this.#listeners.onEvent({ kind: 'panic', at, text })
    }
  }

  #report(crash: CrashReport | null): void {
    if (crash !== null) this.#listeners.onCrash(crash, this.#state.appElfSha256)
  }
}
