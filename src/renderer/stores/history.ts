/** Past jobs: the list with its filters, the one that is open, and the check of the chain. */
import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { JobRecord } from '../../shared/contract/record.ts'
import type { JobLogLine, JobSnapshot, RequestOf, ResponseOf } from '../../shared/contract/index.ts'
import { asFlashproofError, type FlashproofError } from '../../shared/errors.ts'
import { useStation } from '../bridge/bridge.ts'
import { matching, NO_FILTER, serverFilter, type HistoryFilter } from './history-filter.ts'
import { courseOf } from './job-marks.ts'
import { isLive } from './job-tally.ts'
import { LineRing, type NumberedLine } from './line-ring.ts'
import { LINES_PER_LOG } from './logs.ts'
import { ringOf, type MemoryPicture } from './telemetry.ts'
import { fetchTrace, type Trace } from './traces.ts'

export type HistoryEntry = ResponseOf<'log.list'>['entries'][number]
export type ChainReport = ResponseOf<'log.check'>

export interface OpenJob {
  readonly entry: HistoryEntry
  /** The sealed record; null for a job without one. */
  readonly record: JobRecord | null
  readonly lines: readonly NumberedLine[]
  readonly picture: MemoryPicture
}

export const useHistory = defineStore('history', () => {
  const { client } = useStation()
  const filter = shallowRef<HistoryFilter>(NO_FILTER)
  const entries = shallowRef<readonly HistoryEntry[]>([])
  const headHash = shallowRef<string | null>(null)
  const isLoading = shallowRef(false)
  const isLoaded = shallowRef(false)
  const fault = shallowRef<FlashproofError | null>(null)
  const openId = shallowRef<string | null>(null)
  const openJob = shallowRef<OpenJob | null>(null)
  const openFault = shallowRef<FlashproofError | null>(null)
  const chain = shallowRef<ChainReport | null>(null)
  const isChecking = shallowRef(false)
  const shown = computed(() => matching(entries.value, filter.value))
  let asked = 0

  async function load(): Promise<void> {
    const number = ++asked
    isLoading.value = true
    try {
      const answer = await client.call('log.list', serverFilter(filter.value))
      // Filters change faster than a long history is read: only the last answer counts.
      if (number !== asked) return
      const past = answer.entries.filter(entry => !isLive(entry.snapshot))
      entries.value = past.toSorted((left, right) => timeOfEntry(right) - timeOfEntry(left))
      headHash.value = answer.headHash
      fault.value = null
      isLoaded.value = true
    } catch (thrown) {
      if (number === asked) fault.value = asFlashproofError(thrown)
    } finally {
      if (number === asked) isLoading.value = false
    }
  }

  /** Changes the filter; what the engine filters is asked anew. */
  async function setFilter(changes: Partial<HistoryFilter>): Promise<void> {
    const before = serverFilter(filter.value)
    filter.value = { ...filter.value, ...changes }
    if (changes.journal !== undefined) {
      chain.value = null
      close()
    }
    if (JSON.stringify(before) !== JSON.stringify(serverFilter(filter.value))) await load()
  }

  async function open(entry: HistoryEntry): Promise<void> {
    const { jobId } = entry.snapshot
    openId.value = jobId
    openJob.value = null
    openFault.value = null
    try {
      const [shownJob, trace] = await Promise.all([client.call('log.show', { jobId }), fetchTrace(client, jobId)])
      if (openId.value === jobId) openJob.value = openedJob(entry, shownJob, trace)
    } catch (thrown) {
      if (openId.value === jobId) openFault.value = asFlashproofError(thrown)
    }
  }

  function close(): void {
    openId.value = null
    openJob.value = null
    openFault.value = null
  }

  /** Verifies the journal that is shown; what came of it is in `chain`. @throws {FlashproofError} journal.* */
  async function check(): Promise<void> {
    isChecking.value = true
    try {
      chain.value = await client.call('log.check', { practice: filter.value.journal === 'practice' })
    } finally {
      isChecking.value = false
    }
  }

  /** The shown jobs that have a record: what an export or a report can hold. */
  const recordedIds = computed(() =>
    shown.value.filter(entry => entry.sequence !== null).map(entry => entry.snapshot.jobId),
  )

  /** What an export of the shown list asks for. */
  function exportFilter(): RequestOf<'log.list'> {
    const isWhole = shown.value.length === entries.value.length
    const base = serverFilter(filter.value)
    return isWhole ? base : { ...base, jobIds: recordedIds.value }
  }

  return {
    filter,
    entries,
    shown,
    headHash,
    isLoading,
    isLoaded,
    fault,
    openId,
    openJob,
    openFault,
    chain,
    isChecking,
    load,
    setFilter,
    open,
    close,
    check,
    recordedIds,
    exportFilter,
  }
})

function timeOfEntry({ snapshot }: HistoryEntry): number {
  return Date.parse(snapshot.endedAt ?? snapshot.startedAt ?? snapshot.createdAt)
}

function openedJob(entry: HistoryEntry, { entry: shown, record }: ResponseOf<'log.show'>, trace: Trace): OpenJob {
  const ring = new LineRing(LINES_PER_LOG)
  for (const line of trace.lines) ring.add(line)
  return {
    entry: { ...entry, snapshot: shown.snapshot },
    record: recordIn(record),
    lines: ring.newest(),
    picture: {
      ring: ringOf(trace.samples),
      course: courseOf(trace.lines),
      written: writtenBetween(trace.lines, shown.snapshot),
    },
  }
}

/** The record inside the sealed entry. */
function recordIn(sealed: unknown): JobRecord | null {
  if (typeof sealed !== 'object' || sealed === null || !('record' in sealed)) return null
  // Whatever the engine sealed obeys the schema of records: it would not have sealed anything else.
  return sealed.record as JobRecord
}

/**
 * The two points of a past job that are known: nothing was written when sending began, everything that the device
 * took when it ended. What lay between was not kept.
 */
function writtenBetween(lines: readonly JobLogLine[], job: JobSnapshot): MemoryPicture['written'] {
  const { windows } = courseOf(lines)
  const [first, last] = [windows[0], windows.at(-1)]
  if (first === undefined || last === undefined || last.endMs === null) return []
  return [
    { timeMs: first.startMs, doneBytes: 0 },
    { timeMs: last.endMs, doneBytes: job.doneBytes },
  ]
}
