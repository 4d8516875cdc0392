/** When a board last gave a sign of life: announced, asked, or answering while it was written. Pure. */
import type { DeviceEntry, JobSnapshot, TargetReview } from '../../shared/contract/index.ts'

/** @param tookBytesAt when it was last seen taking bytes @returns ISO 8601; null when it was never heard */
export function lastHeardAt(
  device: DeviceEntry,
  review: TargetReview | null,
  job: JobSnapshot | null,
  tookBytesAt: string | null = null,
): string | null {
  const signs = [device.lastSeenAt, review?.heardAt ?? null, tookBytesAt, ...(job === null ? [] : answersOf(job))]
  let newest: string | null = null
  for (const sign of signs) {
    // Zones may differ, so the texts themselves cannot be compared.
    if (sign !== null && (newest === null || Date.parse(sign) > Date.parse(newest))) newest = sign
  }
  return newest
}

/** A board that took bytes answered when it was asked who it is; every fact but `sent` is its own answer. */
function answersOf(job: JobSnapshot): (string | null)[] {
  const facts = job.evidence.filter(fact => fact.level !== 'sent').map(fact => fact.at)
  return job.doneBytes > 0 ? [job.startedAt, ...facts] : facts
}
