/** The journal of one home: what was done to which device, durable before anybody is told that it was done. */
import { existsSync } from 'node:fs'
import type { EvidenceFact, JobLogLine, JobSnapshot, TelemetrySample } from '../../shared/contract/models.ts'
import type { JobRecord } from '../../shared/contract/record.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { type Clock, isoWithZone } from '../clock.ts'
import { storableNumber, storableText } from './detail-rows.ts'
import { appendHeads, type Head, headLogPath, lastLoggedSequence } from './head-log.ts'
import {
  type ChunkRow,
  JobReader,
  type JobQuery,
  type Ledger,
  type StoredJob,
  type TransferSession,
} from './job-reader.ts'
import { type JournalState, JournalWriter } from './journal-writer.ts'
import { claimLease, interruptAbandoned } from './leases.ts'
import { type JournalKind, openJournalDatabase } from './open-database.ts'
import type { Owner } from './owner.ts'
import { pruneDetails, type RetentionLimits, type RetentionResult } from './retention.ts'
import { asJournalError, type Database, nullableText, numberColumn, textColumn } from './sqlite.ts'
import { loadStationKey } from './station-key.ts'

export type { ChunkRow, JobQuery, Ledger, StoredJob, TransferSession } from './job-reader.ts'
export type { JournalState } from './journal-writer.ts'
export type { JournalKind } from './open-database.ts'
export type { RetentionLimits, RetentionResult } from './retention.ts'

export interface SealedRecord {
  readonly sequence: number
  readonly recordHash: string
  readonly headHash: string
}

export type JournalListener = (state: JournalState, text: string) => void

/**
 * Writes are queued and committed in one transaction a tick for all jobs; reads see what is committed. When storage is
 * full the queued writes stay queued, in order. Every write throws journal.newer-version when the file was written by a
 * newer program, and job.not-found for a job that was never inserted.
 */
export interface Journal {
  readonly kind: JournalKind
  readonly readOnly: boolean
  readonly path: string
  readonly state: JournalState

  /** @throws journal.wrong-kind when a simulated job comes to the station's journal or a real one to the practice one. */
  insertJob(row: { readonly snapshot: JobSnapshot; readonly order: unknown; readonly owner: Owner }): void
  /** The newest revision wins. Save the last snapshot of a job before sealing it. */
  saveSnapshot(snapshot: JobSnapshot): void
  addEvidence(jobId: string, fact: EvidenceFact): void
  addLogLine(jobId: string, line: JobLogLine): void
  addTelemetry(jobId: string, sample: TelemetrySample): void
  /** Counts a chunk that the device acknowledged. */
  addChunk(jobId: string, chunk: ChunkRow): void
  /** Begins a transfer session; its ledger is empty, also when the number was used before. */
  startSession(jobId: string, session: TransferSession): void
  /** The device has nothing of this session any more: its ledger is empty again. The rows stay as history. */
  clearLedger(jobId: string, session: number): void
  /** Resolves when everything queued before the call is committed. @throws journal.disk-full and other write failures. */
  commit(): Promise<void>
  /** Tries to write what is still queued. @throws as `commit` does. */
  retryPending(): Promise<void>

  ledger(jobId: string): Ledger | null
  getJob(jobId: string): StoredJob | null
  /** Newest first. */
  listJobs(query?: JobQuery): StoredJob[]
  /** Ids of live and interrupted jobs, and of all jobs of their batches and of the given ones; newest first. */
  benchJobIds(batchIds: readonly string[]): string[]
  evidence(jobId: string): EvidenceFact[]
  logLines(jobId: string): JobLogLine[]
  telemetry(jobId: string): TelemetrySample[]
  chunks(jobId: string): ChunkRow[]

  /** Takes a job's lease only if nobody alive holds it; true too when `owner` holds it already. */
  claimJob(jobId: string, owner: Owner): boolean
  /** Gives the lease back, after everything queued for the job before. */
  releaseJob(jobId: string): void
  /** Live jobs that no living process runs become `interrupted`, committed at once. */
  markInterrupted(isAlive: (owner: Owner) => boolean): JobSnapshot[]

  /**
   * Commits the job's queued rows and its record in one transaction that also survives a loss of power. Each end of a
   * job is a record of its own: a resumed job gets another one at its next end. When storage refuses, nothing was sealed:
   * the rows stay queued, and the caller asks again after the state is `ok`.
   * @throws journal.disk-full, journal.wrong-kind, job.not-found.
   */
  sealRecord(record: JobRecord): Promise<SealedRecord>
  head(): { readonly sequence: number; readonly hash: string | null }
  /** What happened to the file itself, such as an unreadable journal that was set aside. */
  notes(): string[]
  /** Removes telemetry and log lines of old sealed jobs; their digests stay in the chain. */
  prune(limits: RetentionLimits): RetentionResult

  onState(listener: JournalListener): () => void
  /** Writes what is queued and closes. @throws when storage refuses the rest; the file is closed nevertheless. */
  close(): void
}

export interface JournalOptions {
  /** The folder that holds all state; created when missing. */
  readonly home: string
  readonly kind: JournalKind
  readonly clock: Clock
  /** Called right before every COMMIT; what it throws fails the commit as a full disk would. For tests of that. */
  readonly beforeCommit?: () => void
}

/** @throws journal.unavailable when this runtime has no SQLite, journal.disk-full when the home takes no file. */
export function openJournal(options: JournalOptions): Journal {
  const { home, kind, clock } = options
  try {
    const opened = openJournalDatabase(home, kind, () => clock.nowMs())
    return new SqliteJournal(options, opened.database, opened.path, opened.isNewer)
  } catch (error) {
    throw asJournalError(error, home)
  }
}

class SqliteJournal implements Journal {
  readonly kind: JournalKind
  readonly readOnly: boolean
  readonly path: string
  readonly #database: Database
  readonly #clock: Clock
  readonly #reader: JobReader
  readonly #writer: JournalWriter | null
  readonly #listeners = new Set<JournalListener>()

  constructor(options: JournalOptions, database: Database, path: string, isNewer: boolean) {
    this.kind = options.kind
    this.readOnly = isNewer
    this.path = path
    this.#database = database
    this.#clock = options.clock
    this.#reader = new JobReader(database)
    this.#writer = isNewer
      ? null
      : new JournalWriter({
          database,
          path,
          beforeCommit: options.beforeCommit,
          stationKey: () => loadStationKey(options.home),
          onSealed: heads => {
            this.#logHeads(heads)
          },
          onState: (state, text) => {
            for (const listener of this.#listeners) listener(state, text)
          },
        })
    if (!isNewer) this.#logMissingHeads()
  }

  get state(): JournalState {
    return this.#writer === null ? 'read-only' : this.#writer.state
  }

  insertJob(row: { readonly snapshot: JobSnapshot; readonly order: unknown; readonly owner: Owner }): void {
    this.#requireKind(row.snapshot.simulated, row.snapshot.jobId)
    this.#write().insertJob(row.snapshot, JSON.stringify(row.order ?? null), row.owner)
  }

  saveSnapshot(snapshot: JobSnapshot): void {
    this.#requireKind(snapshot.simulated, snapshot.jobId)
    this.#write().saveSnapshot(snapshot)
  }

  addEvidence(jobId: string, fact: EvidenceFact): void {
    this.#write().addRow(jobId, 'evidence', [JSON.stringify(fact)])
  }

  addLogLine(jobId: string, line: JobLogLine): void {
    const { at, level, code } = line
    this.#write().addRow(jobId, 'log_lines', [
      storableText(at),
      storableNumber(line.elapsedMs),
      level,
      storableText(code),
      storableText(line.text),
    ])
  }

  addTelemetry(jobId: string, sample: TelemetrySample): void {
    this.#write().addRow(jobId, 'telemetry', [JSON.stringify(sample)])
  }

  addChunk(jobId: string, chunk: ChunkRow): void {
    this.#write().addRow(jobId, 'chunks', [
      chunk.session,
      chunk.index,
      chunk.sizeBytes,
      chunk.attempt,
      storableNumber(chunk.elapsedMs),
      storableNumber(chunk.durationMs),
    ])
  }

  startSession(jobId: string, session: TransferSession): void {
    this.#write().addRow(jobId, 'sessions', [
      session.session,
      'start',
      session.chunkBytes,
      session.totalChunks,
      session.imageSha256,
      session.deviceKey === null ? null : storableText(session.deviceKey),
      storableText(session.targetPath),
    ])
  }

  clearLedger(jobId: string, session: number): void {
    this.#write().addRow(jobId, 'sessions', [session, 'clear', null, null, null, null, null])
  }

  commit(): Promise<void> {
    return this.#writer === null ? Promise.resolve() : this.#writer.commit()
  }

  retryPending(): Promise<void> {
    return this.commit()
  }

  ledger(jobId: string): Ledger | null {
    return this.#reader.ledger(jobId)
  }

  getJob(jobId: string): StoredJob | null {
    return this.#reader.getJob(jobId)
  }

  listJobs(query: JobQuery = {}): StoredJob[] {
    return this.#reader.listJobs(query)
  }

  benchJobIds(batchIds: readonly string[]): string[] {
    return this.#reader.benchJobIds(batchIds)
  }

  evidence(jobId: string): EvidenceFact[] {
    return this.#reader.evidence(jobId)
  }

  logLines(jobId: string): JobLogLine[] {
    return this.#reader.logLines(jobId)
  }

  telemetry(jobId: string): TelemetrySample[] {
    return this.#reader.telemetry(jobId)
  }

  chunks(jobId: string): ChunkRow[] {
    return this.#reader.chunks(jobId)
  }

  claimJob(jobId: string, owner: Owner): boolean {
    const writer = this.#write()
    const isClaimed = this.#writeNow(() => claimLease(this.#database, jobId, owner))
    if (!isClaimed) return false
    writer.keepLease(jobId)
    writer.forgetDigest(jobId)
    return true
  }

  releaseJob(jobId: string): void {
    this.#write().releaseJob(jobId)
  }

  markInterrupted(isAlive: (owner: Owner) => boolean): JobSnapshot[] {
    this.#write()
    return this.#writeNow(() => interruptAbandoned(this.#database, isAlive, () => isoWithZone(this.#clock.nowMs())))
  }

  async sealRecord(record: JobRecord): Promise<SealedRecord> {
    this.#requireKind(record.simulated, record.jobId)
    const head = await this.#write().seal(record)
    return { sequence: head.sequence, recordHash: head.hash, headHash: head.hash }
  }

  head(): { readonly sequence: number; readonly hash: string | null } {
    return this.#reader.head()
  }

  notes(): string[] {
    return this.#reader.notes()
  }

  prune(limits: RetentionLimits): RetentionResult {
    this.#write()
    return this.#writeNow(() => pruneDetails(this.#database, limits, this.#clock.nowMs()))
  }

  onState(listener: JournalListener): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  close(): void {
    if (!this.#database.isOpen) return
    const failure = this.#writer?.close() ?? null
    this.#database.close()
    if (failure !== null) throw failure
  }

  #write(): JournalWriter {
    if (this.#writer !== null) return this.#writer
    throw new FlashproofError(
      'journal.newer-version',
      `${this.path} was written by a newer Flashproof; this one only reads it`,
      { path: this.path },
    )
  }

  #writeNow<Result>(work: () => Result): Result {
    try {
      return work()
    } catch (error) {
      throw asJournalError(error, this.path)
    }
  }

  #requireKind(isSimulated: boolean, jobId: string): void {
    if (isSimulated === (this.kind === 'practice')) return
    throw new FlashproofError(
      'journal.wrong-kind',
      isSimulated
        ? `Job ${jobId} is simulated and never enters the station's journal`
        : `Job ${jobId} is real and never enters the practice journal`,
      { jobId, kind: this.kind },
    )
  }

  #logHeads(heads: readonly Head[]): void {
    try {
      appendHeads(headLogPath(this.path), heads)
    } catch {
      // The records are committed; a line that found no room is written at the next start, from the table.
    }
  }

  // A crash between a commit and its line leaves the text file behind the table.
  #logMissingHeads(): void {
    const path = headLogPath(this.path)
    const logged = existsSync(path) ? lastLoggedSequence(path) : 0
    const rows = this.#database
      .prepare('SELECT sequence, record_hash, signature FROM records WHERE sequence > ? ORDER BY sequence')
      .all(logged)
    this.#logHeads(
      rows.map(row => ({
        sequence: numberColumn(row, 'sequence'),
        hash: textColumn(row, 'record_hash'),
        signature: nullableText(row, 'signature'),
      })),
    )
  }
}
