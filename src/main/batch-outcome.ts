/** What the jobs of a batch amount to, in numbers and in the words of the notification at its end. */
import type { JobSnapshot } from '../shared/contract/index.ts'
import type { TextKey, Texts } from './texts.ts'

export type OutcomeCounts = Readonly<Record<'proven' | 'below' | 'unproven' | 'failed' | 'stopped', number>>

/** Jobs that are not over count nowhere. */
export function countOutcomes(jobs: readonly JobSnapshot[]): OutcomeCounts {
  const counts = { proven: 0, below: 0, unproven: 0, failed: 0, stopped: 0 }
  for (const { state, verdict } of jobs) {
    if (state === 'failed') counts.failed++
    else if (state === 'cancelled' || state === 'interrupted') counts.stopped++
    else if (state === 'finished' && verdict === 'proven') counts.proven++
    else if (state === 'finished' && verdict === 'unproven') counts.unproven++
    else if (state === 'finished') counts.below++
  }
  return counts
}

/** Whether a person should look: something is not proven, or a device failed. */
export function needsAttention(counts: OutcomeCounts): boolean {
  return counts.unproven + counts.failed > 0
}

/** “Proven 3 · Not proven 1 · Failed 0”; the other counts only when there are any. */
export function describeOutcome(counts: OutcomeCounts, texts: Texts): string {
  const parts: readonly (readonly [TextKey, number, boolean])[] = [
    ['countProven', counts.proven, true],
    ['countBelow', counts.below, false],
    ['countUnproven', counts.unproven, true],
    ['countFailed', counts.failed, true],
    ['countStopped', counts.stopped, false],
  ]
  return parts
    .filter(([, count, isAlwaysTold]) => isAlwaysTold || count > 0)
    .map(([key, count]) => texts(key, { count }))
    .join(' · ')
}

/** Title and text of the notification at the end of a batch. */
export function batchNotification(jobs: readonly JobSnapshot[], texts: Texts): { title: string; body: string } {
  const isPractice = jobs.length > 0 && jobs.every(job => job.simulated)
  return {
    title: texts(isPractice ? 'batchEndedPractice' : 'batchEnded'),
    body: describeOutcome(countOutcomes(jobs), texts),
  }
}
