/** Sealed records page by page, as exports and checks read them: bounded memory, whatever the size of the journal. */
import type { LogFilter } from '../../../shared/contract/commands.ts'
import type { ChainEntry, ChainLink } from '../chain.ts'
import { parseStored } from '../job-reader.ts'
import { type Database, nullableText, numberColumn, textColumn } from '../sqlite.ts'

export interface SealedJob {
  readonly link: ChainLink
  readonly entry: ChainEntry
  readonly jobKey: number
  /** Whether no later record of the same job exists; detail rows are shown with the newest one alone. */
  readonly isNewest: boolean
  readonly prunedAt: string | null
}

const PAGE_RECORDS = 100

/** Reads the records that `filter` lets through, oldest first. */
export function* readSealedJobs(database: Database, filter: LogFilter): Generator<SealedJob> {
  const statement = database.prepare(
    `SELECT records.*, jobs.pruned_at,
            NOT EXISTS (SELECT 1 FROM records AS later WHERE later.job = records.job AND later.sequence > records.sequence)
              AS is_newest
     FROM records JOIN jobs ON jobs.id = records.job WHERE records.sequence > ? ORDER BY records.sequence LIMIT ?`,
  )
  const isWanted = recordFilter(filter)
  let last = 0
  for (;;) {
    const rows = statement.all(last, PAGE_RECORDS)
    for (const row of rows) {
      last = numberColumn(row, 'sequence')
      const text = textColumn(row, 'entry')
      const entry = parseStored('entry', text)
      if (!isWanted(entry)) continue
      yield {
        link: {
          sequence: last,
          previousHash: textColumn(row, 'previous_hash'),
          recordHash: textColumn(row, 'record_hash'),
          entry: text,
          signature: nullableText(row, 'signature'),
        },
        entry,
        jobKey: numberColumn(row, 'job'),
        isNewest: numberColumn(row, 'is_newest') === 1,
        prunedAt: nullableText(row, 'pruned_at'),
      }
    }
    if (rows.length < PAGE_RECORDS) return
  }
}

/** Whether a filter lets every record through. */
export function isWholeChain(filter: LogFilter): boolean {
  return [filter.jobIds, filter.batchId, filter.order, filter.since, filter.until].every(part => part === undefined)
}

/** All conditions that are given must hold. */
export function recordFilter(filter: LogFilter): (entry: ChainEntry) => boolean {
  const jobIds = filter.jobIds === undefined ? null : new Set(filter.jobIds)
  const sinceMs = filter.since === undefined ? -Infinity : dayBoundary(filter.since, 'start')
  const untilMs = filter.until === undefined ? Infinity : dayBoundary(filter.until, 'end')
  return ({ record }) => {
    if (jobIds !== null && !jobIds.has(record.jobId)) return false
    if (filter.batchId !== undefined && record.batchId !== filter.batchId) return false
    if (filter.order !== undefined && record.order !== filter.order) return false
    const endedMs = Date.parse(record.endedAt)
    return endedMs >= sinceMs && endedMs <= untilMs
  }
}

// A date alone means the station's whole day: from its first moment, or to its last.
function dayBoundary(text: string, side: 'start' | 'end'): number {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? []
  if (year === undefined) return Date.parse(text)
  const start = new Date(Number(year), Number(month) - 1, Number(day))
  if (side === 'start') return start.getTime()
  return new Date(start.getFullYear(), start.getMonth(), start.getDate() + 1).getTime() - 1
}
