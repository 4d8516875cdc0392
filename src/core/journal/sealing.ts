/** Appends one record to the chain, inside the transaction that also commits the job's last rows. */
import type { JobRecord } from '../../shared/contract/record.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { type ChainEntry, FIRST_PREVIOUS_HASH, headMessage, linkHash, sha256Hex, writeEntry } from './chain.ts'
import { digestJobRows, type RunningDigests } from './detail-rows.ts'
import type { Head } from './head-log.ts'
import { type Database, numberColumn, textColumn } from './sqlite.ts'
import type { StationKey } from './station-key.ts'

/** Must run inside a write transaction: the chain's head is read and moved. */
export function appendRecord(
  database: Database,
  record: JobRecord,
  running: RunningDigests,
  stationKey: StationKey | null,
): Head {
  const job = database.prepare('SELECT id, snapshot, job_order FROM jobs WHERE job_id = ?').get(record.jobId)
  if (job === undefined) {
    throw new FlashproofError('job.not-found', `There is no job ${record.jobId} to seal`, { jobId: record.jobId })
  }
  const jobKey = numberColumn(job, 'id')
  const snapshot = textColumn(job, 'snapshot')
  const head = readHead(database)
  const entry: ChainEntry = {
    sequence: head.sequence + 1,
    record,
    digests: {
      ...digestJobRows(database, jobKey, record.jobId, running),
      snapshot: sha256Hex(snapshot),
      order: sha256Hex(textColumn(job, 'job_order')),
    },
  }
  const text = writeEntry(entry)
  const hash = linkHash(head.hash, text)
  const signature = stationKey?.signText(headMessage(entry.sequence, hash)) ?? null
  database
    .prepare(
      `INSERT INTO records (sequence, job, previous_hash, record_hash, entry, snapshot, signature)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(entry.sequence, jobKey, head.hash, hash, text, snapshot, signature)
  database.prepare('UPDATE jobs SET sealed_sequence = ? WHERE id = ?').run(entry.sequence, jobKey)
  database
    .prepare("INSERT INTO meta (key, value) VALUES ('head', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
    .run(`${String(entry.sequence)} ${hash}`)
  return { sequence: entry.sequence, hash, signature }
}

// The newest row decides, not the head kept beside it: `verify` compares the two.
function readHead(database: Database): { readonly sequence: number; readonly hash: string } {
  const row = database.prepare('SELECT sequence, record_hash FROM records ORDER BY sequence DESC LIMIT 1').get()
  if (row === undefined) return { sequence: 0, hash: FIRST_PREVIOUS_HASH }
  return { sequence: numberColumn(row, 'sequence'), hash: textColumn(row, 'record_hash') }
}
