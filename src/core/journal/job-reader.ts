/** Reads jobs and their detail rows; works on the writer's connection and on a read-only one in a thread alike. */
import {
  liveStates,
  type EvidenceFact,
  type JobLogLine,
  type JobSnapshot,
  type JobState,
  type TelemetrySample,
} from '../../shared/contract/models.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { type DetailPage, type DetailValue, readDetailRows, readNewestRows } from './detail-rows.ts'
import type { ChainEntry, DetailTable } from './chain.ts'
import { type Owner, parseOwner } from './owner.ts'
import { type Database, nullableNumber, nullableText, numberColumn, type Row, textColumn } from './sqlite.ts'

export interface StoredJob {
  readonly snapshot: JobSnapshot
  /** All that is needed to resume, as the engine gave it. */
  readonly order: unknown
  readonly owner: Owner | null
  /** Of the newest record; null while none was sealed. */
  readonly sequence: number | null
  readonly recordHash: string | null
}

export interface ChunkRow {
  readonly session: number
  readonly index: number
  readonly sizeBytes: number
  readonly attempt: number
  readonly elapsedMs: number
  readonly durationMs: number
}

export interface TransferSession {
  readonly session: number
  readonly chunkBytes: number
  readonly totalChunks: number
  readonly imageSha256: string
  readonly deviceKey: string | null
  readonly targetPath: string
}

export interface Ledger extends TransferSession {
  /** Bitmap of acknowledged chunks, chunk 0 is the lowest bit of byte 0. */
  readonly have: Uint8Array
  readonly acknowledged: number
}

export interface JobQuery {
  readonly states?: readonly JobState[]
  readonly batchId?: string
  readonly limit?: number
}

/** Where a page of a trace ends: the rows before these are asked for. 0: there are no older ones. */
export interface TracePosition {
  readonly line: number
  readonly sample: number
}

export interface TracePage {
  readonly lines: JobLogLine[]
  readonly samples: TelemetrySample[]
  /** Null when there is nothing older. */
  readonly next: TracePosition | null
}

const JOB_COLUMNS = `
  SELECT jobs.snapshot AS snapshot, job_order, owner, records.sequence AS sequence, records.record_hash AS record_hash
  FROM jobs
  LEFT JOIN records ON records.sequence = (SELECT max(sequence) FROM records AS newest WHERE newest.job = jobs.id)`

export class JobReader {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** The row key of a job, or null when there is no such job. */
  jobKey(jobId: string): number | null {
    const row = this.#database.prepare('SELECT id FROM jobs WHERE job_id = ?').get(jobId)
    return row === undefined ? null : numberColumn(row, 'id')
  }

  getJob(jobId: string): StoredJob | null {
    const row = this.#database.prepare(`${JOB_COLUMNS} WHERE jobs.job_id = ?`).get(jobId)
    return row === undefined ? null : toStoredJob(row)
  }

  /** Newest first. */
  listJobs(query: JobQuery = {}): StoredJob[] {
    const conditions: string[] = []
    const values: (string | number)[] = []
    if (query.states !== undefined) {
      conditions.push(`jobs.state IN (${query.states.map(() => '?').join(', ')})`)
      values.push(...query.states)
    }
    if (query.batchId !== undefined) {
      conditions.push('jobs.batch_id = ?')
      values.push(query.batchId)
    }
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
    const limit = query.limit === undefined ? '' : 'LIMIT ?'
    if (query.limit !== undefined) values.push(query.limit)
    const statement = this.#database.prepare(`${JOB_COLUMNS} ${where} ORDER BY jobs.id DESC ${limit}`)
    return statement.all(...values).map(toStoredJob)
  }

  /** Ids of live and interrupted jobs, and of all jobs of their batches and of the given ones; newest first. */
  benchJobIds(batchIds: readonly string[]): string[] {
    const unfinished = [...liveStates, 'interrupted']
    const places = unfinished.map(() => '?').join(', ')
    return this.#database
      .prepare(
        `SELECT job_id FROM jobs
         WHERE batch_id IN (SELECT batch_id FROM jobs WHERE state IN (${places}))
            OR batch_id IN (SELECT value FROM json_each(?))
         ORDER BY id DESC`,
      )
      .all(...unfinished, JSON.stringify(batchIds))
      .map(row => textColumn(row, 'job_id'))
  }

  evidence(jobId: string): EvidenceFact[] {
    return this.#rows(jobId, 'evidence').map(row => parseStored('fact', row[0]))
  }

  telemetry(jobId: string): TelemetrySample[] {
    return this.#rows(jobId, 'telemetry').map(row => parseStored('sample', row[0]))
  }

  logLines(jobId: string): JobLogLine[] {
    return this.#rows(jobId, 'log_lines').map(toLogLine)
  }

  /**
   * A page of what a job logged and measured, the newest one without `before`; within it the oldest first.
   * @param limit at most this many lines, and as many samples
   */
  trace(jobId: string, limit: number, before?: TracePosition): TracePage {
    const key = this.jobKey(jobId)
    if (key === null) return { lines: [], samples: [], next: null }
    const page = (table: DetailTable, position = Number.MAX_SAFE_INTEGER): DetailPage =>
      readNewestRows(this.#database, table, key, { before: position, limit })
    const lines = page('log_lines', before?.line)
    const samples = page('telemetry', before?.sample)
    const next = { line: lines.olderBefore, sample: samples.olderBefore }
    return {
      lines: lines.rows.map(toLogLine),
      samples: samples.rows.map(row => parseStored('sample', row[0])),
      next: next.line === 0 && next.sample === 0 ? null : next,
    }
  }

  chunks(jobId: string): ChunkRow[] {
    return this.#rows(jobId, 'chunks').map(toChunk)
  }

  /** What the latest session of a job has acknowledged, as far as it is committed. */
  ledger(jobId: string): Ledger | null {
    const row = this.#database
      .prepare(
        `SELECT sessions.* FROM sessions JOIN jobs ON jobs.id = sessions.job
         WHERE jobs.job_id = ? AND kind = 'start' ORDER BY sessions.id DESC LIMIT 1`,
      )
      .get(jobId)
    if (row === undefined) return null
    const totalChunks = numberColumn(row, 'total_chunks')
    const session = numberColumn(row, 'session')
    const { have, acknowledged } = this.#bitmap(numberColumn(row, 'job'), session, numberColumn(row, 'id'), totalChunks)
    return {
      session,
      chunkBytes: numberColumn(row, 'chunk_bytes'),
      totalChunks,
      imageSha256: textColumn(row, 'image_sha256'),
      deviceKey: nullableText(row, 'device_key'),
      targetPath: textColumn(row, 'target_path'),
      have,
      acknowledged,
    }
  }

  // Rows are never deleted: the start of a session and every clearing say after which chunk row counting begins.
  #bitmap(
    jobKey: number,
    session: number,
    startId: number,
    totalChunks: number,
  ): Pick<Ledger, 'have' | 'acknowledged'> {
    const from = this.#database
      .prepare('SELECT max(after_chunk) AS after_chunk FROM sessions WHERE job = ? AND session = ? AND id >= ?')
      .get(jobKey, session, startId)
    const after = from === undefined ? 0 : (nullableNumber(from, 'after_chunk') ?? 0)
    const have = new Uint8Array(Math.ceil(totalChunks / 8))
    let acknowledged = 0
    for (const row of readDetailRows(this.#database, 'chunks', jobKey, Number.MAX_SAFE_INTEGER, after)) {
      const { session: number, index } = toChunk(row)
      if (number !== session) continue
      if (index < 0 || index >= totalChunks) continue
      const bit = 1 << (index & 7)
      const byte = have[index >> 3] ?? 0
      if ((byte & bit) !== 0) continue
      have[index >> 3] = byte | bit
      acknowledged++
    }
    return { have, acknowledged }
  }

  /** Number and hash of the chain's newest record; 0 and null when it is empty. */
  head(): { readonly sequence: number; readonly hash: string | null } {
    const row = this.#database.prepare("SELECT value FROM meta WHERE key = 'head'").get()
    if (row === undefined) return { sequence: 0, hash: null }
    const [sequence, hash] = textColumn(row, 'value').split(' ')
    return { sequence: Number(sequence), hash: hash ?? null }
  }

  /** What happened to this database itself, such as an unreadable one that was set aside. */
  notes(): string[] {
    return this.#database
      .prepare('SELECT at, text FROM notes ORDER BY id')
      .all()
      .map(row => `${textColumn(row, 'at')} ${textColumn(row, 'text')}`)
  }

  #rows(jobId: string, table: DetailTable): DetailValue[][] {
    const key = this.jobKey(jobId)
    return key === null ? [] : [...readDetailRows(this.#database, table, key)]
  }
}

function toStoredJob(row: Row): StoredJob {
  return {
    snapshot: parseStored('snapshot', textColumn(row, 'snapshot')),
    // Read when somebody asks: a listing of thousands needs none of them.
    get order() {
      return parseStored('order', textColumn(row, 'job_order'))
    },
    owner: parseOwner(nullableText(row, 'owner')),
    sequence: nullableNumber(row, 'sequence'),
    recordHash: nullableText(row, 'record_hash'),
  }
}

/** A log line from its columns, in the order of `detailColumns`. */
export function toLogLine(row: readonly DetailValue[]): JobLogLine {
  const level = String(row[2])
  return {
    at: String(row[0]),
    elapsedMs: Number(row[1]),
    level: level === 'debug' || level === 'warning' || level === 'error' ? level : 'info',
    code: String(row[3]),
    text: String(row[4]),
  }
}

/** A chunk from its columns, in the order of `detailColumns`. */
export function toChunk(row: readonly DetailValue[]): ChunkRow {
  const [session, index, sizeBytes, attempt, elapsedMs, durationMs] = row.map(Number)
  return {
    session: session ?? 0,
    index: index ?? 0,
    sizeBytes: sizeBytes ?? 0,
    attempt: attempt ?? 0,
    elapsedMs: elapsedMs ?? 0,
    durationMs: durationMs ?? 0,
  }
}

/** What the journal keeps as JSON. */
interface StoredValues {
  readonly snapshot: JobSnapshot
  readonly fact: EvidenceFact
  readonly sample: TelemetrySample
  readonly entry: ChainEntry
  readonly order: unknown
}

/**
 * Reads JSON that this program wrote.
 * @throws journal.unreadable when it is damaged.
 */
export function parseStored<Kind extends keyof StoredValues>(
  kind: Kind,
  text: DetailValue | undefined,
): StoredValues[Kind] {
  try {
    // The journal is written by this program alone, from values of exactly this type, under a schema version.
    return JSON.parse(String(text)) as StoredValues[Kind]
  } catch (error) {
    throw new FlashproofError('journal.unreadable', `The journal holds a damaged ${kind}`, { kind }, { cause: error })
  }
}
