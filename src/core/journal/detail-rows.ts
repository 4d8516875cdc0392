/** The detail rows of a job (evidence, log lines, telemetry, sessions, chunks): how they are stored, read and digested. */
import { createHash, type Hash } from 'node:crypto'
import { type DetailTable, detailTables, type RowsDigest, rowText } from './chain.ts'
import { type Database, type SqlValue, type Statement, numberColumn } from './sqlite.ts'

/** What a detail row holds besides its id and its job, in the order in which it is digested. */
export const detailColumns: Readonly<Record<DetailTable, readonly string[]>> = {
  evidence: ['fact'],
  log_lines: ['at', 'elapsed_ms', 'level', 'code', 'text'],
  telemetry: ['sample'],
  sessions: [
    'session',
    'kind',
    'chunk_bytes',
    'total_chunks',
    'image_sha256',
    'device_key',
    'target_path',
    'after_chunk',
  ],
  chunks: ['session', 'chunk_index', 'size_bytes', 'attempt', 'elapsed_ms', 'duration_ms'],
}

export type DetailValue = string | number | null

/** Prepares the statement that adds one row: the job's key first, then the columns' values. */
export function prepareInsert(database: Database, table: DetailTable): Statement {
  const columns = detailColumns[table]
  // A session's row tells after which chunk row it stands; only the database knows that, inside the transaction.
  const values = columns.map((column, index) =>
    column === 'after_chunk' ? '(SELECT coalesce(max(id), 0) FROM chunks WHERE job = ?1)' : `?${String(index + 2)}`,
  )
  return database.prepare(`INSERT INTO ${table} (job, ${columns.join(', ')}) VALUES (?1, ${values.join(', ')})`)
}

/** Reads a job's rows in the order in which they were written, as arrays of `detailColumns`, one at a time. */
export function* readDetailRows(
  database: Database,
  table: DetailTable,
  jobKey: number,
  lastId = Number.MAX_SAFE_INTEGER,
): Generator<DetailValue[]> {
  const statement = database.prepare(
    `SELECT ${detailColumns[table].join(', ')} FROM ${table} WHERE job = ? AND id <= ? ORDER BY id`,
  )
  statement.setReturnArrays(true)
  for (const row of statement.iterate(jobKey, lastId)) {
    // With setReturnArrays a row is an array of columns; the library's type describes the object form only.
    yield row as unknown as DetailValue[]
  }
}

/** Digests a job's rows up to and including row `lastId` from the database. */
export function digestStoredRows(
  database: Database,
  table: DetailTable,
  jobKey: number,
  lastId = Number.MAX_SAFE_INTEGER,
): { readonly count: number; readonly sha256: string } {
  const hash = createHash('sha256')
  let count = 0
  for (const row of readDetailRows(database, table, jobKey, lastId)) {
    hash.update(rowText(row))
    count++
  }
  return { count, sha256: hash.digest('hex') }
}

interface Running {
  readonly hash: Hash
  count: number
  text: string
}

const UPDATE_CHARACTERS = 8_192

/**
 * Digests rows as they are queued, so that sealing a job does not read all its rows again on the event loop. Only jobs
 * that began in this process are followed; a resumed job is digested from the database.
 */
export class RunningDigests {
  readonly #jobs = new Map<string, Map<DetailTable, Running>>()

  begin(jobId: string): void {
    this.#jobs.set(jobId, new Map())
  }

  forget(jobId: string): void {
    this.#jobs.delete(jobId)
  }

  add(jobId: string, table: DetailTable, values: readonly DetailValue[]): void {
    const tables = this.#jobs.get(jobId)
    if (tables === undefined) return
    let running = tables.get(table)
    if (running === undefined) {
      running = { hash: createHash('sha256'), count: 0, text: '' }
      tables.set(table, running)
    }
    running.count++
    running.text += rowText(values)
    if (running.text.length > UPDATE_CHARACTERS) {
      running.hash.update(running.text)
      running.text = ''
    }
  }

  /** The digest so far, or null when this job is not followed or another number of rows is stored. */
  digest(jobId: string, table: DetailTable, storedCount: number): string | null {
    const tables = this.#jobs.get(jobId)
    if (tables === undefined) return null
    const running = tables.get(table)
    if (running === undefined) return storedCount === 0 ? createHash('sha256').digest('hex') : null
    if (running.count !== storedCount) return null
    return running.hash.copy().update(running.text).digest('hex')
  }
}

/** Digests every detail table of a job, from the running digests where they fit what is stored. */
export function digestJobRows(
  database: Database,
  jobKey: number,
  jobId: string,
  running: RunningDigests,
): Readonly<Record<DetailTable, RowsDigest>> {
  const digestOf = (table: DetailTable): RowsDigest => {
    const row = database
      .prepare(`SELECT count(*) AS row_count, coalesce(max(id), 0) AS last_id FROM ${table} WHERE job = ?`)
      .get(jobKey)
    const count = row === undefined ? 0 : numberColumn(row, 'row_count')
    const lastId = row === undefined ? 0 : numberColumn(row, 'last_id')
    // A session's row holds a value that only the database knew, and there are few of them.
    const known = table === 'sessions' ? null : running.digest(jobId, table, count)
    return { count, lastId, sha256: known ?? digestStoredRows(database, table, jobKey, lastId).sha256 }
  }
  return {
    evidence: digestOf('evidence'),
    log_lines: digestOf('log_lines'),
    telemetry: digestOf('telemetry'),
    sessions: digestOf('sessions'),
    chunks: digestOf('chunks'),
  }
}

/** Makes text storable as it will be read again: no lone surrogates, and no NUL, which SQL functions stop at. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd')
}

/** A measured number as a REAL column keeps it; a value that is none becomes 0. */
export function storableNumber(value: number): number {
  return Number.isFinite(value) ? value : 0
}

export function toSqlValues(values: readonly DetailValue[]): SqlValue[] {
  return [...values]
}

export function prepareInserts(database: Database): ReadonlyMap<DetailTable, Statement> {
  return new Map(detailTables.map(table => [table, prepareInsert(database, table)]))
}
