/** The detail rows of a job (evidence, log lines, telemetry, sessions, chunks): how they are stored, read and digested. */
import { createHash, type Hash } from 'node:crypto'
import { type DetailTable, type RowsDigest, rowText } from './chain.ts'
import { ROW_BLOCK_BITS } from './schema.ts'
import { type Database, type Statement, numberColumn } from './sqlite.ts'

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

/** Adds rows to one detail table, many with one statement where there are many. */
export class RowInserter {
  readonly #table: DetailTable
  readonly #one: Statement
  readonly #many: Statement
  #waiting: (readonly [jobKey: number, ...values: DetailValue[]])[] = []

  constructor(database: Database, table: DetailTable) {
    this.#table = table
    this.#one = prepareInsert(database, table, 1)
    this.#many = prepareInsert(database, table, ROWS_A_STATEMENT)
  }

  add(jobKey: number, values: readonly DetailValue[]): void {
    this.#waiting.push([jobKey, ...values])
    if (this.#waiting.length < ROWS_A_STATEMENT) return
    const rows = this.#waiting
    this.#waiting = []
    this.#many.run(...rows.flat())
  }

  /** Writes what is left; must be called before the transaction commits. */
  finish(): void {
    const rows = this.#waiting
    this.#waiting = []
    for (const row of rows) this.#one.run(...row)
  }

  /** Drops what was not written, after a transaction that failed. */
  reset(): void {
    this.#waiting = []
  }

  /** A session's row tells after which chunk row it stands: rows must be written in their order. */
  get dependsOnOrder(): boolean {
    return this.#table === 'sessions'
  }
}

const ROWS_A_STATEMENT = 16

function prepareInsert(database: Database, table: DetailTable, rows: number): Statement {
  const columns = detailColumns[table]
  // What `after_chunk` holds is known to the database alone, inside the transaction.
  const values = [
    '?',
    ...columns.map(column => (column === 'after_chunk' ? '(SELECT coalesce(max(id), 0) FROM chunks)' : '?')),
  ]
  const row = `(${values.join(', ')})`
  return database.prepare(
    `INSERT INTO ${table} (job, ${columns.join(', ')}) VALUES ${Array.from({ length: rows }, () => row).join(', ')}`,
  )
}

/** The large tables, whose rows are found block by block; the column of the job that tells where its first can be. */
const firstRowColumns: Readonly<Partial<Record<DetailTable, string>>> = {
  log_lines: 'after_log_line',
  telemetry: 'after_telemetry',
  chunks: 'after_chunk',
}

/** The columns of a new job that say after which rows its own begin, and the expressions that give their values. */
export const firstRowValues = {
  columns: Object.values(firstRowColumns).join(', '),
  values: Object.keys(firstRowColumns)
    .map(table => `(SELECT coalesce(max(id), 0) FROM ${table})`)
    .join(', '),
} as const

/**
 * Runs `statementText` for a job's rows of a table: once, or once a block for the large tables. The text asks for
 * `WHERE ${rowsOfJob(table)}`; `visit` gets the statement and the values of that condition.
 */
function visitRows(
  database: Database,
  table: DetailTable,
  jobKey: number,
  lastId: number,
  statementText: string,
): { readonly statement: Statement; readonly conditions: readonly (readonly number[])[] } {
  const statement = database.prepare(statementText)
  const firstColumn = firstRowColumns[table]
  if (firstColumn === undefined) return { statement, conditions: [[jobKey, lastId]] }
  const range = database
    .prepare(
      `SELECT ${firstColumn} AS first, (SELECT coalesce(max(id), 0) FROM ${table}) AS last FROM jobs WHERE id = ?`,
    )
    .get(jobKey)
  if (range === undefined) return { statement, conditions: [] }
  const firstBlock = blockOf(numberColumn(range, 'first'))
  const lastBlock = blockOf(Math.min(lastId, numberColumn(range, 'last')))
  const conditions = Array.from({ length: Math.max(0, lastBlock - firstBlock + 1) }, (_, index) => [
    jobKey,
    lastId,
    firstBlock + index,
  ])
  return { statement, conditions }
}

// Not JavaScript's shift, which has 32 bits.
function blockOf(rowId: number): number {
  return Math.floor(rowId / 2 ** ROW_BLOCK_BITS)
}

function rowsOfJob(table: DetailTable): string {
  const block = firstRowColumns[table] === undefined ? '' : ` AND id >> ${String(ROW_BLOCK_BITS)} = ?`
  return `job = ? AND id <= ?${block}`
}

/** Reads a job's rows in the order in which they were written, as arrays of `detailColumns`, one at a time. */
export function* readDetailRows(
  database: Database,
  table: DetailTable,
  jobKey: number,
  lastId = Number.MAX_SAFE_INTEGER,
  afterId = 0,
): Generator<DetailValue[]> {
  const columns = detailColumns[table].join(', ')
  const text = `SELECT ${columns} FROM ${table} WHERE ${rowsOfJob(table)} AND id > ${String(afterId)} ORDER BY id`
  const { statement, conditions } = visitRows(database, table, jobKey, lastId, text)
  statement.setReturnArrays(true)
  for (const condition of conditions) {
    for (const row of statement.iterate(...condition)) {
      // With setReturnArrays a row is an array of columns; the library's type describes the object form only.
      yield row as unknown as DetailValue[]
    }
  }
}

export interface DetailPage {
  /** As arrays of `detailColumns`, in the order in which they were written. */
  readonly rows: readonly DetailValue[][]
  /** Id of the first of them when there are older ones, to ask for those before it; 0 when there are none. */
  readonly olderBefore: number
}

/**
 * Reads the newest rows of a job that lie before a row.
 * @param limit at most this many rows
 */
export function readNewestRows(
  database: Database,
  table: DetailTable,
  jobKey: number,
  { before, limit }: { readonly before: number; readonly limit: number },
): DetailPage {
  const columns = detailColumns[table].join(', ')
  const text = `SELECT id, ${columns} FROM ${table} WHERE ${rowsOfJob(table)} ORDER BY id DESC LIMIT ${String(limit + 1)}`
  const { statement, conditions } = visitRows(database, table, jobKey, before - 1, text)
  statement.setReturnArrays(true)
  const found: DetailValue[][] = []
  for (const condition of conditions.toReversed()) {
    if (found.length > limit) break
    // As in `readDetailRows`: the library's type describes the object form only.
    for (const row of statement.iterate(...condition)) found.push(row as unknown as DetailValue[])
  }
  const rows = found.slice(0, limit).reverse()
  const olderBefore = found.length > limit ? Number(rows[0]?.[0] ?? 0) : 0
  return { rows: rows.map(row => row.slice(1)), olderBefore }
}

/** Counts a job's rows and finds the id of the last one. */
export function countRows(
  database: Database,
  table: DetailTable,
  jobKey: number,
): { readonly count: number; readonly lastId: number } {
  const text = `SELECT count(*) AS row_count, coalesce(max(id), 0) AS last_id FROM ${table} WHERE ${rowsOfJob(table)}`
  const { statement, conditions } = visitRows(database, table, jobKey, Number.MAX_SAFE_INTEGER, text)
  let count = 0
  let lastId = 0
  for (const condition of conditions) {
    const row = statement.get(...condition)
    if (row === undefined) continue
    count += numberColumn(row, 'row_count')
    lastId = Math.max(lastId, numberColumn(row, 'last_id'))
  }
  return { count, lastId }
}

export function deleteRows(database: Database, table: DetailTable, jobKey: number): void {
  const text = `DELETE FROM ${table} WHERE ${rowsOfJob(table)}`
  const { statement, conditions } = visitRows(database, table, jobKey, Number.MAX_SAFE_INTEGER, text)
  for (const condition of conditions) statement.run(...condition)
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
    const { count, lastId } = countRows(database, table, jobKey)
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
