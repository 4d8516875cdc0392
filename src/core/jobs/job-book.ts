/**
 * What is known of one running job: its snapshot, its log and its ledger, shown to listeners and journaled together.
 * Leaves deciding what happens to `job-run.ts`.
 */
import type {
  BoardNow,
  EvidenceFact,
  JobLogLine,
  JobSnapshot,
  JobState,
  TelemetrySample,
  Unplug,
} from '../../shared/contract/models.ts'
import { stripControl } from '../../shared/units.ts'
import { isoWithZone } from '../clock.ts'
import type { Journal } from '../journal/journal.ts'
import { ProgressMeter } from '../transfer/progress-meter.ts'
import type { CompletionState, LedgerSession } from '../transfer/transfer-protocol.ts'
import type { JobWorld } from './job-world.ts'
import type { Redaction } from './redact.ts'

/** A snapshot goes to the journal at every change of state, and this often while only the progress moves. */
const SAVE_PROGRESS_EVERY_MS = 500
/** People see progress this often at most; the ledger counts every chunk, and an end shows the last byte. */
const SHOW_PROGRESS_EVERY_MS = 50

export class JobBook {
  readonly jobId: string
  readonly #journal: Journal
  readonly #world: JobWorld
  readonly #redact: Redaction
  readonly #meter: ProgressMeter
  readonly #durationsMs: Partial<Record<JobState, number>> = {}
  #snapshot: JobSnapshot
  /** Of the newest snapshot that anybody was given, an end that could not be written included. */
  #revision: number
  #session: { number: number; ledger: LedgerSession | null }
  #lastTelemetry: TelemetrySample | null = null
  #startedMs: number
  #stateSinceMs: number
  #doneBytes: number
  #savedProgressMs = 0
  #shownProgressMs = 0

  /** @param redact takes secrets out of everything that is shown or journaled */
  constructor(snapshot: JobSnapshot, journal: Journal, world: JobWorld, redact: Redaction = value => value) {
    this.#redact = redact
    this.jobId = snapshot.jobId
    this.#snapshot = snapshot
    this.#revision = snapshot.revision
    this.#doneBytes = snapshot.doneBytes
    this.#journal = journal
    this.#world = world
    this.#meter = new ProgressMeter(snapshot.totalBytes)
    this.#startedMs = world.clock.monotonicMs()
    this.#stateSinceMs = this.#startedMs
    const stored = journal.ledger(this.jobId)
    this.#session = { number: stored?.session ?? 0, ledger: stored }
  }

  get snapshot(): JobSnapshot {
    return this.#snapshot
  }

  /** Takes the job's secrets out of something that a device said and that leaves the job another way. */
  redact<Value>(value: Value): Value {
    return this.#redact(value)
  }

  /** Bytes that the device acknowledged; may be ahead of the snapshot that was shown last. */
  get doneBytes(): number {
    return this.#doneBytes
  }

  /** The latest session's ledger; null when nothing was acknowledged yet. */
  get ledger(): LedgerSession | null {
    return this.#session.ledger
  }

  /** Monotonic time at which this run of the job began. */
  get startedMs(): number {
    return this.#startedMs
  }

  /** Monotonic milliseconds that this run spent in each state so far. */
  get durationsMs(): Readonly<Record<string, number>> {
    return this.#durationsMs
  }

  now(): string {
    return isoWithZone(this.#world.clock.nowMs())
  }

  /** The job's turn has come: times count from here, and what an earlier end left is taken back. */
  begin(): void {
    this.#startedMs = this.#world.clock.monotonicMs()
    this.update({ startedAt: this.#snapshot.startedAt ?? this.now(), endedAt: null, error: null, reason: null })
  }

  /** Changes the snapshot and shows it; `save` or a change of state journals it. */
  update(change: Partial<JobSnapshot>): void {
    const clean = this.#redact(change)
    this.#snapshot = { ...this.#snapshot, doneBytes: this.#doneBytes, ...clean, revision: ++this.#revision }
    this.#world.onSnapshot(this.#snapshot)
  }

  save(): void {
    this.#savedProgressMs = this.#world.clock.monotonicMs()
    this.#journal.saveSnapshot(this.#snapshot)
  }

  /** Everything journaled so far is on the disk when it resolves. @throws {FlashproofError} journal.* */
  commit(): Promise<void> {
    return this.#journal.commit()
  }

  setState(state: JobState): void {
    if (state === this.#snapshot.state) {
      this.save()
      return
    }
    this.#noteDuration()
    this.update({ state })
    this.log('debug', 'job.state', state)
    this.save()
  }

  enter(state: JobState, board: { readonly boardNow: BoardNow; readonly unplug: Unplug }): void {
    this.update(board)
    this.setState(state)
  }

  /** Ends the job without a record. */
  end(state: JobState, change: Partial<JobSnapshot> = {}): void {
    this.showEnd(this.prepareEnd(state, change))
    this.save()
  }

  /** The last snapshot as it will be, journaled but not shown yet: nobody sees an end that is not written. */
  prepareEnd(state: JobState, change: Partial<JobSnapshot>): JobSnapshot {
    this.#noteDuration()
    return {
      ...this.#snapshot,
      doneBytes: this.#doneBytes,
      ...this.#redact(change),
      state,
      endedAt: this.now(),
      bytesPerSecond: null,
      remainingMs: null,
      cannotUndo: null,
      revision: ++this.#revision,
    }
  }

  showEnd(last: JobSnapshot): void {
    this.#snapshot = last
    this.#world.onSnapshot(last)
  }

  progress(doneBytes: number): void {
    const nowMs = this.#world.clock.monotonicMs()
    this.#meter.add(nowMs, doneBytes)
    this.#doneBytes = doneBytes
    const isShownLater = nowMs - this.#shownProgressMs < SHOW_PROGRESS_EVERY_MS
    if (isShownLater && doneBytes < this.#snapshot.totalBytes) return
    this.#shownProgressMs = nowMs
    this.update({
      bytesPerSecond: rounded(this.#meter.bytesPerSecond),
      remainingMs: rounded(this.#meter.remainingMs),
    })
    if (nowMs - this.#savedProgressMs >= SAVE_PROGRESS_EVERY_MS) this.save()
  }

  /** Forgets the speed so far: after a pause it says nothing. */
  restartMeter(): void {
    this.#meter.restart()
  }

  warn(text: string): void {
    if (!this.#snapshot.warnings.includes(text)) this.update({ warnings: [...this.#snapshot.warnings, text] })
  }

  /** @param level how much the line matters; `text` may come from a device and is cleaned here */
  log(level: JobLogLine['level'], code: string, text: string): void {
    const line: JobLogLine = {
      at: this.now(),
      elapsedMs: this.#elapsedMs(),
      level,
      code,
      text: stripControl(this.#redact(text), 500),
    }
    this.#journal.addLogLine(this.jobId, line)
    this.#world.onLog(this.jobId, line)
  }

  addEvidence(fact: Omit<EvidenceFact, 'at'>): void {
    const { value, ...rest } = this.#redact(fact)
    const stamped: EvidenceFact = { ...rest, value: stripControl(value, 200), at: this.now() }
    this.update({ evidence: [...this.#snapshot.evidence, stamped] })
    this.#journal.addEvidence(this.jobId, stamped)
    this.save()
  }

  addTelemetry(sample: TelemetrySample): void {
    const stamped = { ...this.#redact(sample), elapsedMs: this.#elapsedMs() }
    this.#lastTelemetry = stamped
    this.#journal.addTelemetry(this.jobId, stamped)
    this.#world.onTelemetry(this.jobId, this.#snapshot.target, stamped)
  }

  startSession(told: Omit<LedgerSession, 'have'>): void {
    const session = this.#redact(told)
    const number = this.#session.number + 1
    this.#session = { number, ledger: { ...session, have: new Uint8Array(Math.ceil(session.totalChunks / 8)) } }
    this.#journal.startSession(this.jobId, { session: number, ...session })
  }

  /** Counts a chunk that the device acknowledged; on the disk after the next commit. */
  acknowledge(chunk: { index: number; sizeBytes: number; attempt: number; durationMs: number }): void {
    const { ledger, number } = this.#session
    if (ledger !== null) ledger.have[chunk.index >> 3] = (ledger.have[chunk.index >> 3] ?? 0) | (1 << (chunk.index & 7))
    this.#journal.addChunk(this.jobId, { session: number, elapsedMs: this.#elapsedMs(), ...chunk })
  }

  noteCompletion(completion: CompletionState): void {
    if (completion === 'failed' && this.#session.ledger !== null) {
      // The device dropped its parts with the failure, so no chunk of this session counts any more.
      this.#session.ledger.have.fill(0)
      this.#journal.clearLedger(this.jobId, this.#session.number)
    }
    this.update(completion === 'sent' ? { completion, telemetryBefore: this.#lastTelemetry } : { completion })
    this.log('info', `completion.${completion}`, `completion ${completion}`)
    this.save()
  }

  #noteDuration(): void {
    const nowMs = this.#world.clock.monotonicMs()
    const { state } = this.#snapshot
    this.#durationsMs[state] = Math.round((this.#durationsMs[state] ?? 0) + nowMs - this.#stateSinceMs)
    this.#stateSinceMs = nowMs
  }

  #elapsedMs(): number {
    return Math.round(this.#world.clock.monotonicMs() - this.#startedMs)
  }
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value)
}
