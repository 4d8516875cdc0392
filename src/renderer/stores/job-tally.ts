/** Counts jobs by what a technician asks for: how many are proven, not proven, failed, running, waiting for a person. */
import type { JobSnapshot } from '../../shared/contract/index.ts'

export interface JobTally {
  readonly proven: number
  /** Reached the required level, which lies below what proves. */
  readonly reached: number
  readonly unproven: number
  readonly failed: number
  readonly cancelled: number
  readonly running: number
  readonly queued: number
  readonly paused: number
  readonly interrupted: number
  /** Waits for a decision. */
  readonly waiting: number
  readonly total: number
}

export type JobStanding = Exclude<keyof JobTally, 'total'>

/** Where a job stands, in one word. */
export function standingOf(job: JobSnapshot): JobStanding {
  switch (job.state) {
    case 'finished':
      return job.verdict === 'proven' ? 'proven' : job.verdict === 'unproven' ? 'unproven' : 'reached'
    case 'failed':
    case 'cancelled':
    case 'interrupted':
    case 'queued':
    case 'paused':
    case 'waiting':
      return job.state
    case 'connecting':
    case 'preparing':
    case 'transferring':
    case 'verifying':
    case 'rebooting':
    case 'confirming':
      return 'running'
  }
}

/** Whether a person should look at the job now. */
export function needsMe(job: JobSnapshot): boolean {
  const standing = standingOf(job)
  return standing === 'unproven' || standing === 'failed' || standing === 'waiting' || standing === 'interrupted'
}

/** Whether the job still holds its board: neither ended nor given back. */
export function isLive(job: JobSnapshot): boolean {
  return !['finished', 'failed', 'cancelled', 'interrupted'].includes(job.state)
}

export function tallyOf(jobs: readonly JobSnapshot[]): JobTally {
  const counts: Record<JobStanding, number> = {
    proven: 0,
    reached: 0,
    unproven: 0,
    failed: 0,
    cancelled: 0,
    running: 0,
    queued: 0,
    paused: 0,
    interrupted: 0,
    waiting: 0,
  }
  for (const job of jobs) counts[standingOf(job)]++
  return { ...counts, total: jobs.length }
}
