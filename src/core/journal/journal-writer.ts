/**
 * The journal's queue: writes of all jobs are collected and committed in one transaction a tick. A write that storage
 * refused stays queued, in order, until storage takes it.
 */
import type { JobSnapshot } from '../../shared/contract/models.ts'
import type { JobRecord } from '../../shared/contract/record.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { type DetailTable, detailTables } from './chain.ts'
import { type DetailValue, firstRowValues, RowInserter, RunningDigests } from './detail-rows.ts'
import type { Head } from './head-log.ts'
import type { Owner } from './owner.ts'
import { appendRecord } from './sealing.ts'
import { asJournalError, type Database, inTransaction, isBusy, numberColumn, type Statement } from './sqlite.ts'
import type { StationKey } from './station-key.ts'

export type JournalState = 'ok' | 'disk-full' | 'read-only'

interface NewJob {
  readonly snapshot: JobSnapshot
  readonly order: string
  readonly owner: string
}

interface QueuedRow {
  readonly jobId: string
  readonly table: DetailTable
  readonly values: readonly DetailValue[]
}

interface Waiter {
  resolve(): void
  reject(error: FlashproofError): void
}

interface QueuedSeal {
  readonly record: JobRecord
  resolve(head: Head): void
  reject(error: FlashproofError): void
}

interface WriterParts {
  readonly database: Database
  readonly path: string
  /** Called inside the transaction, right before COMMIT; what it throws fails the commit as storage would. */
  readonly beforeCommit?: (() => void) | undefined
  /** Asked at every seal, so that a key made meanwhile by another process is used from then on. */
  stationKey(): StationKey | null
  onSealed(heads: readonly Head[]): void
  onState(state: JournalState, text: string): void
}

const BUSY_PAUSE_MS = 20

export class JournalWriter {
  readonly #parts: WriterParts
  readonly #digests = new RunningDigests()
  readonly #jobKeys = new Map<string, number>()
  readonly #inserters: ReadonlyMap<DetailTable, RowInserter>
  readonly #insertJob: Statement
  readonly #updateJob: Statement
  readonly #releaseJob: Statement
  readonly #findJob: Statement

  #newJobs = new Map<string, NewJob>()
  #rows: QueuedRow[] = []
  #snapshots = new Map<string, JobSnapshot>()
  #releases = new Set<string>()
  #seals: QueuedSeal[] = []
  #waiters: Waiter[] = []
  #tick: Promise<void> | null = null
  #isScheduled = false
  #isClosed = false
  #state: JournalState = 'ok'

  constructor(parts: WriterParts) {
    this.#parts = parts
    const { database } = parts
    this.#inserters = new Map(detailTables.map(table => [table, new RowInserter(database, table)]))
    this.#insertJob = database.prepare(
      `INSERT INTO jobs (job_id, batch_id, state, revision, snapshot, job_order, owner, ${firstRowValues.columns})
       VALUES (?, ?, ?, ?, ?, ?, ?, ${firstRowValues.values})`,
    )
    // An older revision never replaces a newer one, whichever process wrote that. A job that goes on after its record
    // is no longer described by it.
    this.#updateJob = database.prepare(
      `UPDATE jobs SET batch_id = ?2, state = ?3, revision = ?4, snapshot = ?5, sealed_sequence = NULL
       WHERE job_id = ?1 AND revision < ?4`,
    )
    this.#releaseJob = database.prepare('UPDATE jobs SET owner = NULL WHERE job_id = ?')
    this.#findJob = database.prepare('SELECT id FROM jobs WHERE job_id = ?')
  }

  get state(): JournalState {
    return this.#state
  }

  insertJob(snapshot: JobSnapshot, order: string, owner: Owner): void {
    if (this.#isKnown(snapshot.jobId)) {
      throw new FlashproofError('job.wrong-state', `There is a job ${snapshot.jobId} already`, {
        jobId: snapshot.jobId,
      })
    }
    this.#newJobs.set(snapshot.jobId, { snapshot, order, owner: JSON.stringify(owner) })
    this.#digests.begin(snapshot.jobId)
    this.#schedule()
  }

  saveSnapshot(snapshot: JobSnapshot): void {
    this.#requireKnown(snapshot.jobId)
    const queued = this.#snapshots.get(snapshot.jobId)
    if (queued !== undefined && queued.revision >= snapshot.revision) return
    this.#snapshots.set(snapshot.jobId, snapshot)
    this.#schedule()
  }

  addRow(jobId: string, table: DetailTable, values: readonly DetailValue[]): void {
    this.#requireKnown(jobId)
    this.#rows.push({ jobId, table, values })
    this.#digests.add(jobId, table, values)
    this.#schedule()
  }

  releaseJob(jobId: string): void {
    this.#requireKnown(jobId)
    this.#releases.add(jobId)
    this.#schedule()
  }

  /** The lease was taken anew before its release was written. */
  keepLease(jobId: string): void {
    this.#releases.delete(jobId)
  }

  /** Another process may have written rows of this job: its digest is taken from the database when it is sealed. */
  forgetDigest(jobId: string): void {
    this.#digests.forget(jobId)
  }

  /** Resolves when everything that was queued before this call is committed. */
  commit(): Promise<void> {
    if (!this.#hasWork()) return Promise.resolve()
    // Every caller of one tick waits for the same commit.
    this.#tick ??= new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
    })
    this.#schedule()
    return this.#tick
  }

  seal(record: JobRecord): Promise<Head> {
    this.#requireKnown(record.jobId)
    return new Promise((resolve, reject) => {
      this.#seals.push({ record, resolve, reject })
      this.#schedule()
    })
  }

  /** Writes what is queued now, without waiting for the tick. @throws what the commit met. */
  flushNow(): void {
    const failure = this.#flush()
    if (failure !== null) throw failure
  }

  /** Writes what is queued and takes no more; what storage refuses is lost with the process. */
  close(): FlashproofError | null {
    const failure = this.#hasWork() ? this.#flush() : null
    this.#isClosed = true
    return failure
  }

  #isKnown(jobId: string): boolean {
    if (this.#newJobs.has(jobId) || this.#jobKeys.has(jobId)) return true
    const row = this.#findJob.get(jobId)
    if (row === undefined) return false
    this.#jobKeys.set(jobId, numberColumn(row, 'id'))
    return true
  }

  #requireKnown(jobId: string): void {
    if (this.#isKnown(jobId)) return
    throw new FlashproofError('job.not-found', `The journal has no job ${jobId}`, { jobId })
  }

  #hasWork(): boolean {
    return (
      this.#newJobs.size > 0 ||
      this.#rows.length > 0 ||
      this.#snapshots.size > 0 ||
      this.#releases.size > 0 ||
      this.#seals.length > 0
    )
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isClosed) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      if (!this.#isClosed) this.#flush()
    })
  }

  #flush(): FlashproofError | null {
    let heads: Head[]
    try {
      heads = this.#write()
    } catch (error) {
      if (isBusy(error) && !this.#isClosed) {
        // Another process held the file longer than SQLite waits: nothing is wrong with storage, so try again.
        setTimeout(() => {
          this.#schedule()
        }, BUSY_PAUSE_MS)
        return asJournalError(error, this.#parts.path)
      }
      return this.#fail(asJournalError(error, this.#parts.path))
    }
    const seals = this.#seals
    const waiters = this.#waiters
    this.#newJobs = new Map()
    this.#rows = []
    this.#snapshots = new Map()
    this.#releases = new Set()
    this.#seals = []
    this.#waiters = []
    this.#tick = null
    if (heads.length > 0) this.#parts.onSealed(heads)
    seals.forEach((seal, index) => {
      this.#digests.forget(seal.record.jobId)
      const head = heads[index]
      if (head !== undefined) seal.resolve(head)
    })
    for (const waiter of waiters) waiter.resolve()
    this.#setState('ok', 'The journal is written')
    return null
  }

  #write(): Head[] {
    const { database, beforeCommit } = this.#parts
    if (this.#seals.length === 0) {
      inTransaction(
        database,
        () => {
          this.#writeRows()
        },
        beforeCommit,
      )
      return []
    }
    // A sealed record is said to be kept, so it survives a loss of power too; ordinary rows may lag after one.
    database.exec('PRAGMA synchronous = FULL')
    try {
      const stationKey = this.#parts.stationKey()
      return inTransaction(
        database,
        () => {
          this.#writeRows()
          return this.#seals.map(seal => appendRecord(database, seal.record, this.#digests, stationKey))
        },
        beforeCommit,
      )
    } finally {
      database.exec('PRAGMA synchronous = NORMAL')
    }
  }

  #writeRows(): void {
    for (const [jobId, job] of this.#newJobs) {
      const { snapshot } = job
      const result = this.#insertJob.run(
        jobId,
        snapshot.batchId,
        snapshot.state,
        snapshot.revision,
        JSON.stringify(snapshot),
        job.order,
        job.owner,
      )
      this.#jobKeys.set(jobId, Number(result.lastInsertRowid))
    }
    const inserters = [...this.#inserters.values()]
    for (const inserter of inserters) inserter.reset()
    for (const row of this.#rows) {
      const jobKey = this.#jobKeys.get(row.jobId)
      const inserter = this.#inserters.get(row.table)
      if (jobKey === undefined || inserter === undefined) continue
      if (inserter.dependsOnOrder) for (const other of inserters) other.finish()
      inserter.add(jobKey, row.values)
      if (inserter.dependsOnOrder) inserter.finish()
    }
    for (const inserter of inserters) inserter.finish()
    for (const snapshot of this.#snapshots.values()) {
      this.#updateJob.run(snapshot.jobId, snapshot.batchId, snapshot.state, snapshot.revision, JSON.stringify(snapshot))
    }
    for (const jobId of this.#releases) this.#releaseJob.run(jobId)
  }

  #fail(error: FlashproofError): FlashproofError {
    // The keys of jobs that were rolled back are void.
    for (const jobId of this.#newJobs.keys()) this.#jobKeys.delete(jobId)
    const seals = this.#seals
    const waiters = this.#waiters
    // A seal is the caller's to ask for again; its rows stay queued.
    this.#seals = []
    this.#waiters = []
    this.#tick = null
    for (const seal of seals) seal.reject(error)
    for (const waiter of waiters) waiter.reject(error)
    this.#setState(error.code === 'journal.disk-full' ? 'disk-full' : 'read-only', error.message)
    return error
  }

  #setState(state: JournalState, text: string): void {
    if (state === this.#state) return
    this.#state = state
    this.#parts.onState(state, text)
  }
}
