/** The log as people list it: sealed records, and before them the jobs that have not ended yet. */
import type { LogFilter } from '../shared/contract/commands.ts'
import type { JobSnapshot } from '../shared/contract/models.ts'
import type { HistoryEntry } from '../core/journal/history-thread.ts'
import type { JobEngine } from '../core/jobs/job-engine.ts'

export interface ListedEntry {
  readonly sequence: number | null
  readonly recordHash: string | null
  readonly snapshot: JobSnapshot
  readonly operator?: string | null
  readonly order?: string | null
}

/** Adds the jobs without a record that the filter lets through. A filter by order or time is about records alone. */
export function listLog(sealed: readonly HistoryEntry[], engine: JobEngine, filter: LogFilter): ListedEntry[] {
  if (filter.order !== undefined || filter.since !== undefined || filter.until !== undefined) return [...sealed]
  const sealedIds = new Set(sealed.map(entry => entry.snapshot.jobId))
  const wantsPractice = filter.practice === true
  const open = engine
    .list({ limit: 10_000, ...(filter.batchId === undefined ? {} : { batchId: filter.batchId }) })
    .filter(job => job.simulated === wantsPractice && !sealedIds.has(job.jobId))
    .filter(job => filter.jobIds === undefined || filter.jobIds.includes(job.jobId))
    .map(snapshot => ({ sequence: null, recordHash: null, snapshot }))
  return [...open, ...sealed]
}
