/** Follows jobs by the worker's events until every one has ended. */
import type { Decision, EventOf, JobSnapshot } from '../shared/contract/index.ts'
import { hasEnded } from './job-words.ts'
import type { WorkerSession } from './worker-session.ts'

export interface FollowerListeners {
  readonly onSnapshot: (job: JobSnapshot) => void
  readonly onDecision: (jobId: string, decision: Decision) => void
  readonly onLogged: (event: EventOf<'job.logged'>) => void
}

export interface JobFollower {
  /**
   * Says which jobs matter. What was heard of them before is delivered now.
   * @param staleRevisions revisions that were there before the jobs were set going again: those ends do not count
   */
  track(jobIds: readonly string[], staleRevisions?: ReadonlyMap<string, number>): void
  /** The newest snapshot of each tracked job, in the order of `track`. */
  snapshots(): readonly JobSnapshot[]
  /** Takes a snapshot that came by another way than an event. */
  offer(job: JobSnapshot): void
  /** Resolves when every tracked job has ended. */
  readonly done: Promise<void>
  /** The head of the record chain, when a batch of these jobs told it. */
  headHash(): string | null
  /** Resolves when the worker has said of each of these jobs' batches that it ended. */
  sealed(): Promise<void>
  stop(): void
}

/** Begins to listen at once, so that nothing is missed between starting the jobs and learning their ids. */
export function followJobs(session: WorkerSession, listeners: FollowerListeners): JobFollower {
  const newest = new Map<string, JobSnapshot>()
  const decisions: EventOf<'decision.asked'>[] = []
  const done = Promise.withResolvers<undefined>()
  let tracked: readonly string[] | null = null
  let stale: ReadonlyMap<string, number> = new Map()
  let headHash: string | null = null
  const endedBatches = new Set<string>()
  const sealWaiters: (() => void)[] = []

  const isSealed = (): boolean => (tracked ?? []).every(jobId => endedBatches.has(newest.get(jobId)?.batchId ?? ''))

  const isFresh = (job: JobSnapshot): boolean => job.revision > (stale.get(job.jobId) ?? -1)

  const settle = (): void => {
    const isDone = tracked?.every(jobId => {
      const job = newest.get(jobId)
      return job !== undefined && isFresh(job) && hasEnded(job)
    })
    if (isDone === true) done.resolve(undefined)
  }

  const offer = (job: JobSnapshot): void => {
    const known = newest.get(job.jobId)
    if (known !== undefined && known.revision >= job.revision) return
    newest.set(job.jobId, job)
    if (tracked?.includes(job.jobId) !== true || !isFresh(job)) return
    listeners.onSnapshot(job)
    settle()
  }

  const subscriptions = [
    session.client.subscribe('jobs.changed', event => {
      for (const job of event.jobs) offer(job)
    }),
    session.client.subscribe('decision.asked', event => {
      if (tracked === null) decisions.push(event)
      else if (tracked.includes(event.jobId)) listeners.onDecision(event.jobId, event.decision)
    }),
    session.client.subscribe('job.logged', event => {
      if (tracked?.includes(event.jobId) !== false) listeners.onLogged(event)
    }),
    session.client.subscribe('batch.ended', event => {
      headHash = event.headHash ?? headHash
      endedBatches.add(event.batchId)
      if (isSealed()) for (const waiter of sealWaiters.splice(0)) waiter()
    }),
  ]

  return {
    track(jobIds, staleRevisions = new Map()) {
      tracked = jobIds
      stale = staleRevisions
      for (const jobId of jobIds) {
        const job = newest.get(jobId)
        if (job !== undefined && isFresh(job)) listeners.onSnapshot(job)
      }
      for (const { jobId, decision } of decisions.splice(0)) {
        if (jobIds.includes(jobId)) listeners.onDecision(jobId, decision)
      }
      settle()
    },
    snapshots: () => (tracked ?? []).flatMap(jobId => newest.get(jobId) ?? []),
    offer,
    done: done.promise,
    headHash: () => headHash,
    sealed: () =>
      new Promise(resolve => {
        if (isSealed()) resolve()
        else sealWaiters.push(resolve)
      }),
    stop() {
      for (const unsubscribe of subscriptions) unsubscribe()
    },
  }
}
