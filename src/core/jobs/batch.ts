/** Batch policy: which job may start now. Pure, so that canary and stop rules are tested without a device. */

export interface BatchRules {
  /** How many jobs of the batch run at once. */
  readonly parallel: number
  /** Try this many first; the others wait until all of them ended well. Null: no such trial. */
  readonly first: number | null
  /** Start nothing more after this many failures. Null: one device's failure never stops another's. */
  readonly stopAfter: number | null
}

export type BatchJobState = 'waiting' | 'running' | 'succeeded' | 'failed' | 'withdrawn'

export type BatchStep =
  | { readonly kind: 'start'; readonly indexes: readonly number[] }
  /** Nothing more starts: the waiting jobs are withdrawn with this reason. */
  | { readonly kind: 'stop'; readonly reason: 'trial-failed' | 'too-many-failures'; readonly failures: number }

/** Says what happens next for jobs in order; `withdrawn` jobs (cancelled, interrupted) count neither as good nor as bad. */
export function nextStep(rules: BatchRules, jobs: readonly BatchJobState[]): BatchStep {
  const failures = jobs.filter(state => state === 'failed').length
  if (rules.stopAfter !== null && failures >= rules.stopAfter) {
    return { kind: 'stop', reason: 'too-many-failures', failures }
  }
  const trial = rules.first === null ? [] : jobs.slice(0, rules.first)
  const trialFailures = trial.filter(state => state === 'failed' || state === 'withdrawn').length
  if (trialFailures > 0) return { kind: 'stop', reason: 'trial-failed', failures: trialFailures }
  const isTrialOver = trial.every(state => state === 'succeeded')
  const limit = isTrialOver ? jobs.length : trial.length
  let room = rules.parallel - jobs.filter(state => state === 'running').length
  const indexes: number[] = []
  for (let index = 0; index < limit && room > 0; index++) {
    if (jobs[index] !== 'waiting') continue
    indexes.push(index)
    room--
  }
  return { kind: 'start', indexes }
}
