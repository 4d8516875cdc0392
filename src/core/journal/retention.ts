/** Keeps the journal within its limits: detail rows of old sealed jobs go, their digests in the chain stay. */
import { isoWithZone } from '../clock.ts'
import { deleteRows } from './detail-rows.ts'
import { type Database, inTransaction, numberColumn } from './sqlite.ts'

export interface RetentionLimits {
  /** Telemetry and log lines of jobs whose record is older than this are removed; absent: no limit of age. */
  readonly maximumAgeMs?: number
  /** When the journal holds more than this, the oldest sealed jobs lose theirs first; absent: no limit of size. */
  readonly maximumBytes?: number
}

export interface RetentionResult {
  readonly prunedJobs: number
  readonly usedBytes: number
}

/** Detail tables that may be pruned. Evidence, sessions and chunks stay: they are what a verdict rests on. */
export const prunableTables = ['telemetry', 'log_lines'] as const

export function pruneDetails(database: Database, limits: RetentionLimits, nowMs: number): RetentionResult {
  const prunedAt = isoWithZone(nowMs)
  const candidates = database
    .prepare(
      `SELECT jobs.id AS job, json_extract(records.entry, '$.record.endedAt') AS ended_at
       FROM jobs JOIN records ON records.sequence = jobs.sealed_sequence
       WHERE jobs.pruned_at IS NULL ORDER BY records.sequence`,
    )
    .all()
  let prunedJobs = 0
  for (const row of candidates) {
    const endedMs = Date.parse(String(row['ended_at']))
    const isOld = limits.maximumAgeMs !== undefined && nowMs - endedMs > limits.maximumAgeMs
    const isTooLarge = limits.maximumBytes !== undefined && usedBytes(database) > limits.maximumBytes
    if (!isOld && !isTooLarge) continue
    pruneJob(database, numberColumn(row, 'job'), prunedAt)
    prunedJobs++
  }
  if (prunedJobs > 0) database.exec('PRAGMA incremental_vacuum')
  return { prunedJobs, usedBytes: usedBytes(database) }
}

function pruneJob(database: Database, jobKey: number, prunedAt: string): void {
  inTransaction(database, () => {
    for (const table of prunableTables) deleteRows(database, table, jobKey)
    database.prepare('UPDATE jobs SET pruned_at = ? WHERE id = ?').run(prunedAt, jobKey)
  })
}

function usedBytes(database: Database): number {
  const row = database
    .prepare(
      `SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count) AS pages,
              (SELECT page_size FROM pragma_page_size) AS page_bytes`,
    )
    .get()
  return row === undefined ? 0 : numberColumn(row, 'pages') * numberColumn(row, 'page_bytes')
}
