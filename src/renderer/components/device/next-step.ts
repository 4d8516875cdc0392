/** Which next step a job calls for, as the key of a sentence and what a click can do about it. Pure. */
import type { JobSnapshot } from '../../../shared/contract/index.ts'

export type NextStep =
  | 'write'
  | 'wait'
  | 'decide'
  | 'go-on'
  | 'interrupted'
  | 'cancelled'
  | 'failed'
  | 'contradicted'
  | 'below-required'
  | 'outcome-unknown'
  | 'not-answered'
  | 'proven'
  | 'below'

/** @param job null: nothing has run on the device yet */
export function nextStepOf(job: Pick<JobSnapshot, 'state' | 'verdict' | 'reason'> | null): NextStep {
  if (job === null) return 'write'
  switch (job.state) {
    case 'finished':
      if (job.verdict === 'proven') return 'proven'
      if (job.verdict === 'unproven') return job.reason ?? 'below-required'
      return 'below'
    case 'failed':
    case 'cancelled':
    case 'interrupted':
      return job.state
    case 'paused':
      return 'go-on'
    case 'waiting':
      return 'decide'
    case 'queued':
    case 'connecting':
    case 'preparing':
    case 'transferring':
    case 'verifying':
    case 'rebooting':
    case 'confirming':
      return 'wait'
  }
}

/** What a click can do about it: go on where it stopped, or try again; the engine finds out what the device has. */
export function remedyOf(step: NextStep): 'resume' | 'retry' | null {
  switch (step) {
    case 'go-on':
    case 'cancelled':
    case 'interrupted':
      return 'resume'
    case 'failed':
    case 'contradicted':
    case 'below-required':
    case 'outcome-unknown':
    case 'not-answered':
      return 'retry'
    case 'write':
    case 'wait':
    case 'decide':
    case 'proven':
    case 'below':
      return null
  }
}
