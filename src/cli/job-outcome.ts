/** What a set of ended jobs amounts to: counts, what is not proven, and the exit code. Pure. */
import type { JobSnapshot, Verdict } from '../shared/contract/index.ts'
import { errorTable } from '../shared/errors.ts'
import { isErrorCode } from './known-error-code.ts'

export type ExitCode = 0 | 1 | 2 | 130

export type VerdictCounts = Readonly<Record<Verdict | 'none', number>>

export interface NotProven {
  readonly jobId: string
  readonly target: string
  readonly state: string
  /** The verdict's reason, else the error's code, else the level that was reached, else the state. */
  readonly reason: string
}

export function countVerdicts(jobs: readonly JobSnapshot[]): VerdictCounts {
  const counts = { proven: 0, running: 0, received: 0, acknowledged: 0, sent: 0, unproven: 0, none: 0 }
  for (const job of jobs) counts[job.verdict ?? 'none']++
  return counts
}

export function isProven(job: JobSnapshot): boolean {
  return job.state === 'finished' && job.verdict === 'proven'
}

/** A dry run proves nothing by intent: then only what did not finish is listed. */
export function listNotProven(jobs: readonly JobSnapshot[], isDryRun = false): NotProven[] {
  return jobs
    .filter(job => (isDryRun ? job.state !== 'finished' : !isProven(job)))
    .map(job => ({
      jobId: job.jobId,
      target: job.target,
      state: job.state,
      reason: job.reason ?? job.error?.code ?? job.verdict ?? job.state,
    }))
}

/** Finished with what was required, but with less than a check of the flash. */
export function isBelowStored(job: JobSnapshot): boolean {
  return job.state === 'finished' && job.verdict !== null && job.verdict !== 'proven' && job.verdict !== 'unproven'
}

/**
 * 130 when somebody stopped it, 0 when every job reached its required level, 2 when every job was refused as bad input
 * before its first byte, else 1. A dry run has no verdict and goes well when it finished.
 */
export function exitCodeOf(
  jobs: readonly JobSnapshot[],
  options: { readonly isInterrupted: boolean; readonly isDryRun?: boolean },
): ExitCode {
  if (options.isInterrupted) return 130
  const bad = jobs.filter(job => !wentWell(job, options.isDryRun === true))
  if (bad.length === 0) return 0
  if (bad.length === jobs.length && isAllRefused(jobs)) return 2
  return bad.every(job => job.state === 'cancelled') ? 130 : 1
}

function wentWell(job: JobSnapshot, isDryRun: boolean): boolean {
  if (job.state !== 'finished' || job.verdict === 'unproven') return false
  return job.verdict !== null || isDryRun
}

/** Jobs that a stopped batch never began count for neither side. */
function isAllRefused(jobs: readonly JobSnapshot[]): boolean {
  const begun = jobs.filter(job => job.error?.code !== 'job.batch-stopped' || hasSentBytes(job))
  return begun.length > 0 && begun.every(job => !hasSentBytes(job) && exitCodeOfError(job.error?.code) === 2)
}

function hasSentBytes(job: JobSnapshot): boolean {
  return job.doneBytes > 0 || job.evidence.length > 0
}

function exitCodeOfError(code: string | undefined): ExitCode | null {
  return code !== undefined && isErrorCode(code) ? errorTable[code].exitCode : null
}
