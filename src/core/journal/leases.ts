/** Leases of jobs: which process runs a job, and what happens to jobs whose process is dead. */
import { type JobSnapshot, liveStates } from '../../shared/contract/models.ts'
import { JobReader, parseStored } from './job-reader.ts'
import { isOwnerAlive, isSameOwner, type Owner, parseOwner } from './owner.ts'
import { type Database, inTransaction, nullableText, numberColumn, textColumn } from './sqlite.ts'

/** Takes the lease of a job only if nobody alive holds it; at once, for all processes. */
export function claimLease(database: Database, jobId: string, owner: Owner): boolean {
  return inTransaction(database, () => {
    const row = database.prepare('SELECT owner FROM jobs WHERE job_id = ?').get(jobId)
    if (row === undefined) return false
    const holder = parseOwner(nullableText(row, 'owner'))
    if (holder !== null && !isSameOwner(holder, owner) && isOwnerAlive(holder)) return false
    database.prepare('UPDATE jobs SET owner = ? WHERE job_id = ?').run(JSON.stringify(owner), jobId)
    return true
  })
}

/**
 * Snapshots are told before they are committed, so a listener may hold newer ones than the journal of a process that
 * died. The step is wider than what one process can have told between two commits: otherwise that listener would take
 * the interrupted job for an old story, and show it running for ever.
 */
export const UNCOMMITTED_REVISIONS = 10_000

/**
 * Jobs that nobody runs any more become `interrupted`: those whose owner is dead, and those without an owner that were not
 * paused. A paused job without an owner was put down on purpose and stays as it is.
 */
export function interruptAbandoned(
  database: Database,
  isAlive: (owner: Owner) => boolean,
  endedAt: () => string,
): JobSnapshot[] {
  return inTransaction(database, () => {
    const rows = database
      .prepare(
        `SELECT id, snapshot, owner FROM jobs WHERE state IN (${liveStates.map(() => '?').join(', ')}) ORDER BY id`,
      )
      .all(...liveStates)
    const update = database.prepare(
      'UPDATE jobs SET state = ?, revision = ?, snapshot = ?, owner = NULL, sealed_sequence = NULL WHERE id = ?',
    )
    const reader = new JobReader(database)
    const interrupted: JobSnapshot[] = []
    for (const row of rows) {
      const before = parseStored('snapshot', textColumn(row, 'snapshot'))
      const owner = parseOwner(nullableText(row, 'owner'))
      const isAbandoned = owner === null ? before.state !== 'paused' : !isAlive(owner)
      if (!isAbandoned) continue
      const after: JobSnapshot = {
        ...before,
        state: 'interrupted',
        revision: before.revision + UNCOMMITTED_REVISIONS,
        doneBytes: Math.max(before.doneBytes, acknowledgedBytes(reader, before)),
        bytesPerSecond: null,
        remainingMs: null,
        decision: null,
        endedAt: endedAt(),
      }
      update.run(after.state, after.revision, JSON.stringify(after), numberColumn(row, 'id'))
      interrupted.push(after)
    }
    return interrupted
  })
}

/** Every acknowledged chunk is in the ledger; the snapshot is saved less often. */
function acknowledgedBytes(reader: JobReader, { jobId, totalBytes }: JobSnapshot): number {
  const ledger = reader.ledger(jobId)
  // The last chunk is a shorter one.
  return ledger === null ? 0 : Math.min(totalBytes, ledger.acknowledged * ledger.chunkBytes)
}
