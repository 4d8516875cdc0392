/** Which past jobs are shown: the part that the engine filters and the part that this page does. Pure. */
import type { RequestOf, ResponseOf } from '../../shared/contract/index.ts'
import { standingOf } from './job-tally.ts'

type HistoryEntry = ResponseOf<'log.list'>['entries'][number]

export const outcomes = ['all', 'proven', 'reached', 'unproven', 'failed', 'other'] as const
export type Outcome = (typeof outcomes)[number]

export interface HistoryFilter {
  /** The station's journal, or that of virtual boards. */
  readonly journal: 'station' | 'practice'
  /** Words that all must occur: device, firmware, version, operator, order. */
  readonly text: string
  /** The whole number of an order. */
  readonly order: string
  /** Days such as `2026-11-21`; empty: open. */
  readonly since: string
  readonly until: string
  readonly outcome: Outcome
}

export const NO_FILTER: HistoryFilter = {
  journal: 'station',
  text: '',
  order: '',
  since: '',
  until: '',
  outcome: 'all',
}

/** What the engine is asked for. */
export function serverFilter(filter: HistoryFilter): RequestOf<'log.list'> {
  const order = filter.order.trim()
  return {
    ...(order === '' ? {} : { order }),
    ...(filter.since === '' ? {} : { since: filter.since }),
    ...(filter.until === '' ? {} : { until: filter.until }),
    ...(filter.journal === 'practice' ? { practice: true } : {}),
  }
}

/** Whether anything is filtered but the choice of the journal. */
export function isFiltered(filter: HistoryFilter): boolean {
  return JSON.stringify({ ...filter, journal: 'station' }) !== JSON.stringify(NO_FILTER)
}

/** Of what the engine gave, what text and outcome let through. */
export function matching(entries: readonly HistoryEntry[], filter: HistoryFilter): readonly HistoryEntry[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0 && filter.outcome === 'all') return entries
  return entries.filter(entry => {
    if (filter.outcome !== 'all' && outcomeOf(entry) !== filter.outcome) return false
    const text = words.length === 0 ? '' : searchable(entry)
    return words.every(word => text.includes(word))
  })
}

export function outcomeOf({ snapshot }: HistoryEntry): Exclude<Outcome, 'all'> {
  const standing = standingOf(snapshot)
  return standing === 'proven' || standing === 'reached' || standing === 'unproven' || standing === 'failed'
    ? standing
    : 'other'
}

function searchable({ snapshot, operator, order }: HistoryEntry): string {
  const { device } = snapshot
  return [
    snapshot.target,
    snapshot.firmware.fileName,
    snapshot.firmware.imageSha256,
    snapshot.versionBefore,
    snapshot.versionAfter,
    device?.name,
    device?.mac,
    device?.id,
    device?.chip,
    device?.usbSerial,
    operator,
    order,
    snapshot.jobId,
  ]
    .join(' ')
    .toLowerCase()
}
