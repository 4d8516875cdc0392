/** Long work on the journal (exports, checks, history queries) on a read-only connection; runs in a thread or anywhere. */
import { existsSync } from 'node:fs'
import type { ChainReport, ExportFormat, LogFilter } from '../../shared/contract/commands.ts'
import type { JobSnapshot } from '../../shared/contract/models.ts'
import type { ChainEntry } from './chain.ts'
import { exportEventsCsv } from './exports/events-csv.ts'
import { exportRecords, type ExportResult } from './exports/index.ts'
import { readSealedJobs } from './exports/record-source.ts'
import { headLogPath, lastLoggedSequence } from './head-log.ts'
import { JobReader, parseStored, type TracePage, type TracePosition } from './job-reader.ts'
import { type JournalKind, journalPath } from './open-database.ts'
import { prepareSchema, schemaVersion } from './schema.ts'
import { asJournalError, type Database, openDatabase, textColumn } from './sqlite.ts'
import { loadStationKey } from './station-key.ts'
import { verifyExport, verifyJournal } from './verify.ts'

/** A task and what it resolves with. */
export interface HistoryTasks {
  readonly export: {
    readonly task: {
      readonly type: 'export'
      readonly format: ExportFormat
      readonly outputPath: string
      readonly filter?: LogFilter
      /** ISO 8601 with zone. */
      readonly generatedAt: string
    }
    readonly result: ExportResult
  }
  readonly 'export-events': {
    readonly task: { readonly type: 'export-events'; readonly outputPath: string }
    readonly result: { readonly outputPath: string; readonly events: number }
  }
  readonly verify: { readonly task: { readonly type: 'verify' }; readonly result: ChainReport }
  readonly 'verify-export': {
    readonly task: { readonly type: 'verify-export'; readonly path: string }
    readonly result: ChainReport
  }
  readonly list: {
    readonly task: { readonly type: 'list'; readonly filter: LogFilter }
    readonly result: { readonly entries: HistoryEntry[]; readonly headHash: string | null }
  }
  readonly record: {
    readonly task: { readonly type: 'record'; readonly jobId: string }
    /** Null when the job has no record. */
    readonly result: ChainEntry | null
  }
  readonly trace: {
    readonly task: {
      readonly type: 'trace'
      readonly jobId: string
      readonly limit: number
      readonly before?: TracePosition
    }
    /** Empty for a job that the retention has thinned. */
    readonly result: TracePage
  }
}

export interface HistoryEntry {
  readonly sequence: number
  readonly recordHash: string
  /** The snapshot that was sealed with this record. */
  readonly snapshot: JobSnapshot
  readonly operator: string | null
  readonly order: string | null
}

export type HistoryTask = HistoryTasks[keyof HistoryTasks]['task']
export type HistoryResult<Task extends HistoryTask> = HistoryTasks[Task['type']]['result']

/**
 * Does a task here and now.
 * @throws what the task meets, with its code.
 */
export function doHistoryTask(home: string, kind: JournalKind, task: HistoryTask): HistoryResult<HistoryTask> {
  if (task.type === 'verify-export') return verifyExport(task.path)
  const path = journalPath(home, kind)
  if (!existsSync(path)) return withoutJournal(home, kind, path, task)
  const database = openReadOnly(path)
  try {
    return doDatabaseTask(database, home, kind, path, task)
  } finally {
    database.close()
  }
}

type DatabaseTask = Exclude<HistoryTask, { readonly type: 'verify-export' }>

function doDatabaseTask(
  database: Database,
  home: string,
  kind: JournalKind,
  path: string,
  task: DatabaseTask,
): HistoryResult<DatabaseTask> {
  switch (task.type) {
    case 'export':
      return exportRecords(database, { ...task, kind, stationKey: loadStationKey(home) })
    case 'export-events':
      return exportEventsCsv(database, task.outputPath)
    case 'verify':
      return verifyJournal(database, { path, publicKey: loadStationKey(home)?.publicKey ?? null })
    case 'list':
      return listEntries(database, task.filter)
    case 'record':
      return newestRecord(database, task.jobId)
    case 'trace':
      return new JobReader(database).trace(task.jobId, task.limit, task.before)
  }
}

function openReadOnly(path: string): Database {
  try {
    const database = openDatabase(path, { readOnly: true })
    schemaVersion(database)
    return database
  } catch (error) {
    throw asJournalError(error, path)
  }
}

// Nothing was ever written, or the file is gone: the log of heads beside it tells which.
function withoutJournal(
  home: string,
  kind: JournalKind,
  path: string,
  task: DatabaseTask,
): HistoryResult<DatabaseTask> {
  const logged = lastLoggedSequence(headLogPath(path))
  if (task.type === 'verify') {
    const text = `The journal ${path} is missing, and ${String(logged)} records were logged`
    return {
      valid: logged === 0,
      records: 0,
      headHash: null,
      headSequence: 0,
      signature: 'none',
      problems: logged === 0 ? [] : [{ sequence: logged, jobId: null, text }],
      notes: logged === 0 ? ['There is no journal yet'] : [],
    }
  }
  const empty = openDatabase(':memory:')
  try {
    prepareSchema(empty, () => undefined)
    return doDatabaseTask(empty, home, kind, path, task)
  } finally {
    empty.close()
  }
}

function listEntries(database: Database, filter: LogFilter): HistoryResult<HistoryTasks['list']['task']> {
  const snapshotOf = database.prepare('SELECT snapshot FROM records WHERE sequence = ?')
  const entries: HistoryEntry[] = []
  for (const { link, entry } of readSealedJobs(database, filter)) {
    const row = snapshotOf.get(link.sequence)
    if (row === undefined) continue
    const snapshot = parseStored('snapshot', textColumn(row, 'snapshot'))
    const { operator, order } = entry.record
    entries.push({ sequence: link.sequence, recordHash: link.recordHash, snapshot, operator, order })
  }
  return { entries, headHash: new JobReader(database).head().hash }
}

function newestRecord(database: Database, jobId: string): ChainEntry | null {
  const row = database
    .prepare(
      `SELECT entry FROM records JOIN jobs ON jobs.id = records.job WHERE jobs.job_id = ? ORDER BY sequence DESC LIMIT 1`,
    )
    .get(jobId)
  return row === undefined ? null : parseStored('entry', textColumn(row, 'entry'))
}
