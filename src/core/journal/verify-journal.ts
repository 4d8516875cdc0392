/** Checks a journal against its own chain: the file, the links, every row of every finished job, and the logged heads. */
import type { ChainReport } from '../../shared/contract/commands.ts'
import type { JobSnapshot } from '../../shared/contract/models.ts'
import { type ChainEntry, detailTables, sha256Hex } from './chain.ts'
import { ChainChecker } from './chain-checker.ts'
import { countRows, digestStoredRows } from './detail-rows.ts'
import { headLogPath, readHeads } from './head-log.ts'
import { JobReader } from './job-reader.ts'
import { prunableTables } from './retention.ts'
import {
  type Database,
  inSnapshot,
  nullableNumber,
  nullableText,
  numberColumn,
  type Row,
  textColumn,
} from './sqlite.ts'

export interface VerifyJournalOptions {
  /** The journal's file: the log of heads lies beside it. */
  readonly path: string
  /** The station's public key, raw, in hex; null leaves signatures unchecked. */
  readonly publicKey: string | null
}

const PAGE_RECORDS = 100

/** Reads the whole journal in one unchanging view; nothing is written. Runs as long as the journal is large. */
export function verifyJournal(database: Database, options: VerifyJournalOptions): ChainReport {
  return inSnapshot(database, () => {
    const checker = new ChainChecker({ isWhole: true, publicKey: options.publicKey })
    try {
      checkFile(database, checker)
      checkRecords(database, checker)
      checkHeads(database, checker, options.path)
      checkUnsealed(database, checker)
      for (const note of new JobReader(database).notes()) checker.note(note)
    } catch (error) {
      checker.problem(
        `The journal cannot be read to its end: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
    const { sequence, hash } = checker.last
    return checker.report({ sequence, hash: sequence === 0 ? null : hash })
  })
}

function checkFile(database: Database, checker: ChainChecker): void {
  for (const row of database.prepare('PRAGMA integrity_check(20)').all()) {
    const text = textColumn(row, 'integrity_check')
    if (text !== 'ok') checker.problem(`The database file is damaged: ${text}`)
  }
  for (const row of database.prepare('PRAGMA foreign_key_check').all()) {
    checker.problem(`A row of ${textColumn(row, 'table')} belongs to a job that is not there`)
  }
}

function checkRecords(database: Database, checker: ChainChecker): void {
  const statement = database.prepare(
    `SELECT records.sequence, records.job, records.previous_hash, records.record_hash, records.entry,
            records.snapshot AS sealed_snapshot, records.signature, jobs.job_id, jobs.batch_id, jobs.state, jobs.revision,
            jobs.snapshot, jobs.job_order, jobs.sealed_sequence, jobs.pruned_at,
            (SELECT max(sequence) FROM records AS newest WHERE newest.job = records.job) AS newest
     FROM records LEFT JOIN jobs ON jobs.id = records.job WHERE records.sequence > ? ORDER BY records.sequence LIMIT ?`,
  )
  const pruned = new Set<string>()
  const goingOn = new Set<string>()
  let last = Number.MIN_SAFE_INTEGER
  for (;;) {
    const rows = statement.all(last, PAGE_RECORDS)
    for (const row of rows) {
      last = numberColumn(row, 'sequence')
      const entry = checker.follow({
        sequence: last,
        previousHash: textColumn(row, 'previous_hash'),
        recordHash: textColumn(row, 'record_hash'),
        entry: textColumn(row, 'entry'),
        signature: nullableText(row, 'signature'),
      })
      if (entry === null) continue
      const finding = checkJob(database, checker, row, entry)
      if (finding.isPruned) pruned.add(entry.record.jobId)
      if (finding.goesOn) goingOn.add(entry.record.jobId)
    }
    if (rows.length < PAGE_RECORDS) break
  }
  if (pruned.size > 0) {
    checker.note(`Telemetry and log lines of ${String(pruned.size)} old jobs were pruned: only their digests are left`)
  }
  if (goingOn.size > 0) checker.note(`${String(goingOn.size)} jobs went on after their last record`)
}

function checkJob(
  database: Database,
  checker: ChainChecker,
  row: Row,
  entry: ChainEntry,
): { readonly isPruned: boolean; readonly goesOn: boolean } {
  const { jobId } = entry.record
  const say = (text: string): void => {
    checker.problem(text, entry.sequence, jobId)
  }
  if (nullableText(row, 'job_id') !== jobId) {
    say(`Job ${jobId} of record ${String(entry.sequence)} is missing or was replaced`)
    return { isPruned: false, goesOn: false }
  }
  const sealedSnapshot = textColumn(row, 'sealed_snapshot')
  if (sha256Hex(sealedSnapshot) !== entry.digests.snapshot) say(`The sealed snapshot of job ${jobId} was changed`)
  if (sha256Hex(textColumn(row, 'job_order')) !== entry.digests.order) say(`The order of job ${jobId} was changed`)
  const isPruned = nullableText(row, 'pruned_at') !== null
  const isNewest = numberColumn(row, 'newest') === entry.sequence
  const goesOn = isNewest && checkPresentSnapshot(row, entry, say)
  checkRows(database, numberColumn(row, 'job'), entry, { isPruned, isNewest, goesOn }, say, text => {
    checker.note(text)
  })
  return { isPruned, goesOn }
}

/** Compares the job's present row with its newest record; true when the job was taken up again after it. */
function checkPresentSnapshot(row: Row, entry: ChainEntry, say: (text: string) => void): boolean {
  const { jobId } = entry.record
  const snapshotText = textColumn(row, 'snapshot')
  const snapshot = parseSnapshot(snapshotText)
  if (snapshot === null) {
    say(`The snapshot of job ${jobId} cannot be read`)
    return false
  }
  const isConsistent =
    snapshot.jobId === jobId &&
    snapshot.batchId === textColumn(row, 'batch_id') &&
    snapshot.state === textColumn(row, 'state') &&
    snapshot.revision === numberColumn(row, 'revision')
  if (!isConsistent) say(`The row of job ${jobId} disagrees with its snapshot`)
  if (nullableNumber(row, 'sealed_sequence') === entry.sequence) {
    if (snapshotText !== textColumn(row, 'sealed_snapshot'))
      say(`The snapshot of job ${jobId} was changed after its record`)
    return false
  }
  // A resumed job lives, was interrupted again, or ended when storage took no record of it.
  const sealed = parseSnapshot(textColumn(row, 'sealed_snapshot'))
  const wentOn = nullableNumber(row, 'sealed_sequence') === null && snapshot.revision > (sealed?.revision ?? Infinity)
  if (!wentOn) say(`Job ${jobId} was changed after its record`)
  return true
}

function checkRows(
  database: Database,
  jobKey: number,
  entry: ChainEntry,
  job: { readonly isPruned: boolean; readonly isNewest: boolean; readonly goesOn: boolean },
  say: (text: string) => void,
  note: (text: string) => void,
): void {
  const { jobId } = entry.record
  for (const table of detailTables) {
    const sealed = entry.digests[table]
    const mayBePruned = job.isPruned && prunableTables.some(name => name === table)
    if (!mayBePruned) {
      const stored = digestStoredRows(database, table, jobKey, sealed.lastId)
      if (stored.count !== sealed.count) {
        say(
          `Job ${jobId} has ${String(stored.count)} rows of ${tableWords[table]}, and ${String(sealed.count)} were sealed`,
        )
      } else if (stored.sha256 !== sealed.sha256) say(`The ${tableWords[table]} of job ${jobId} were changed`)
    }
    if (!job.isNewest || job.goesOn) continue
    const count = countRows(database, table, jobKey).count - sealed.count
    if (count <= 0) continue
    const text = `${String(count)} rows of ${tableWords[table]} were added to job ${jobId} after its record`
    // A late log line is normal; evidence or chunks that come after the end are not.
    if (table === 'log_lines') note(text)
    else say(text)
  }
}

const tableWords = {
  evidence: 'evidence',
  log_lines: 'log lines',
  telemetry: 'telemetry',
  sessions: 'transfer sessions',
  chunks: 'chunks',
} as const

function parseSnapshot(text: string): JobSnapshot | null {
  try {
    const value: unknown = JSON.parse(text)
    // Only members that are compared with other values are used.
    return typeof value === 'object' && value !== null ? (value as JobSnapshot) : null
  } catch {
    return null
  }
}

function checkHeads(database: Database, checker: ChainChecker, path: string): void {
  const { last } = checker
  const head = new JobReader(database).head()
  if (head.sequence !== last.sequence || (head.hash !== null && head.hash !== last.hash)) {
    checker.problem(
      `The journal's head is record ${String(head.sequence)}, but the last record is number ${String(last.sequence)}: the end was cut off or replaced`,
    )
  }
  const { heads, damagedLines } = readHeads(headLogPath(path))
  if (damagedLines > 0) checker.problem(`${String(damagedLines)} lines of the log of heads are damaged`)
  const find = database.prepare('SELECT record_hash, signature FROM records WHERE sequence = ?')
  let highest = 0
  for (const logged of heads) {
    highest = Math.max(highest, logged.sequence)
    const row = find.get(logged.sequence)
    if (row === undefined) {
      checker.problem(`Record ${String(logged.sequence)} was logged and is missing`, logged.sequence)
    } else if (textColumn(row, 'record_hash') !== logged.hash) {
      checker.problem(`Record ${String(logged.sequence)} is not the one that was logged`, logged.sequence)
    } else if (nullableText(row, 'signature') !== logged.signature) {
      checker.problem(
        `The signature of record ${String(logged.sequence)} is not the one that was logged`,
        logged.sequence,
      )
    }
  }
  if (highest < last.sequence) {
    checker.note(
      `The log of heads ends with record ${String(highest)}; the journal goes on to ${String(last.sequence)}`,
    )
  }
}

function checkUnsealed(database: Database, checker: ChainChecker): void {
  const row = database
    .prepare(
      `SELECT count(*) AS unsealed FROM jobs WHERE state IN ('finished', 'failed', 'cancelled')
       AND NOT EXISTS (SELECT 1 FROM records WHERE records.job = jobs.id)`,
    )
    .get()
  const count = row === undefined ? 0 : numberColumn(row, 'unsealed')
  if (count > 0) checker.note(`${String(count)} ended jobs have no record`)
}
