/** What the taskbar shows of the running batches. */
import type { JobSnapshot } from '../shared/contract/index.ts'
import { countOutcomes, needsAttention } from './batch-outcome.ts'
import { hasEnded } from './job-watch.ts'

export interface TaskbarProgress {
  /** 0..1 of all bytes; -1 takes the bar away. */
  readonly ratio: number
  readonly mode: 'none' | 'normal' | 'paused' | 'error'
}

export const noProgress: TaskbarProgress = { ratio: -1, mode: 'none' }

/**
 * @param jobs the live jobs and the ended ones of their batches
 * @param needsLook whether a batch ended with something not proven and nobody has looked at the window since
 */
export function taskbarProgress(jobs: readonly JobSnapshot[], needsLook: boolean): TaskbarProgress {
  const live = jobs.filter(job => !hasEnded(job))
  if (live.length === 0) return needsLook ? { ratio: 1, mode: 'error' } : noProgress
  const totalBytes = jobs.reduce((sum, job) => sum + job.totalBytes, 0)
  // A job that is over adds nothing more, whatever it reached.
  const doneBytes = jobs.reduce((sum, job) => sum + (hasEnded(job) ? job.totalBytes : job.doneBytes), 0)
  const ratio = totalBytes === 0 ? 0 : Math.min(1, doneBytes / totalBytes)
  if (needsLook || needsAttention(countOutcomes(jobs))) return { ratio, mode: 'error' }
  return { ratio, mode: live.every(job => job.state === 'paused' || job.state === 'waiting') ? 'paused' : 'normal' }
}
