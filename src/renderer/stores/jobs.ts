/**
 * Mirrors the worker's jobs. Each job is a reference of its own, so that a change draws one row anew and not the list.
 */
import { defineStore } from 'pinia'
import { shallowRef, type ShallowRef } from 'vue'
import type { JobSnapshot } from '../../shared/contract/index.ts'
import { useStation } from '../bridge/bridge.ts'
import { createDismissedJobs, windowStorage } from './dismissed-jobs.ts'
import { isLive, standingOf, tallyOf, type JobTally } from './job-tally.ts'
import { spreadOverFrames } from './spread-over-frames.ts'

const NO_JOBS: JobTally = tallyOf([])

export const useJobs = defineStore('jobs', () => {
  const { client } = useStation()
  const references = new Map<string, ShallowRef<JobSnapshot>>()
  /** The same snapshots, to be read without following them. */
  const snapshots = new Map<string, JobSnapshot>()
  /** Every known job, the oldest first. Changes only when jobs come or go. */
  const ids = shallowRef<readonly string[]>([])
  /** The newest job of each target. Changes only when jobs come or go. */
  const newestByTarget = shallowRef<ReadonlyMap<string, string>>(new Map())
  /** How many jobs of the bench stand where. A new one whenever a job stands elsewhere or asks something else, not for mere progress. */
  const tally = shallowRef<JobTally>(NO_JOBS)
  const isLoaded = shallowRef(false)
  const dismissed = createDismissedJobs(windowStorage())

  function apply(changed: readonly JobSnapshot[]): void {
    let hasNew = false
    let standsElsewhere = false
    for (const snapshot of changed) {
      const known = references.get(snapshot.jobId)
      if (known === undefined) {
        if (isDismissed(snapshot)) continue
        references.set(snapshot.jobId, shallowRef(snapshot))
        hasNew = true
      } else {
        const before = snapshots.get(snapshot.jobId)
        if (before !== undefined && before.revision > snapshot.revision) continue
        standsElsewhere ||= before === undefined || concernOf(before) !== concernOf(snapshot)
        known.value = snapshot
      }
      snapshots.set(snapshot.jobId, snapshot)
    }
    if (hasNew) renewLists()
    if (hasNew || standsElsewhere) tally.value = tallyOf(newest())
  }

  /** One that goes on again is shown again. */
  function isDismissed(snapshot: JobSnapshot): boolean {
    if (!dismissed.has(snapshot.jobId)) return false
    if (!isLive(snapshot)) return true
    dismissed.remove(snapshot.jobId)
    return false
  }

  function renewLists(): void {
    const sorted = [...snapshots.values()]
    sorted.sort((left, right) => left.createdAt.localeCompare(right.createdAt) || compareIds(left, right))
    ids.value = sorted.map(snapshot => snapshot.jobId)
    newestByTarget.value = new Map(sorted.map(snapshot => [snapshot.target, snapshot.jobId]))
  }

  /** The newest job of every target: what the bench shows. Follows jobs that come, go or stand elsewhere, not their progress. */
  function newest(): JobSnapshot[] {
    followStandings()
    return [...newestByTarget.value.values()].flatMap(jobId => peek(jobId) ?? [])
  }

  /** The job with this id as it is now; not tracked beyond `tally`. */
  function peek(jobId: string): JobSnapshot | null {
    return snapshots.get(jobId) ?? null
  }

  /** The newest job of a target as it is now; follows jobs that come, go or stand elsewhere. */
  function peekOfTarget(target: string): JobSnapshot | null {
    followStandings()
    const jobId = newestByTarget.value.get(target)
    return jobId === undefined ? null : peek(jobId)
  }

  /** Reading the tally is what makes a computation follow it. */
  function followStandings(): JobTally {
    return tally.value
  }

  /** The job with this id; tracked, so whoever renders it follows its changes. */
  function get(jobId: string): JobSnapshot | null {
    return references.get(jobId)?.value ?? null
  }

  /** The newest job of a target; tracked. */
  function ofTarget(target: string): JobSnapshot | null {
    const jobId = newestByTarget.value.get(target)
    return jobId === undefined ? null : get(jobId)
  }

  /** Every known job, the oldest first; tracked for jobs that come and go and for each one's changes. */
  function all(): JobSnapshot[] {
    return ids.value.flatMap(jobId => references.get(jobId)?.value ?? [])
  }

  async function load(): Promise<void> {
    const { jobs } = await client.call('job.list', {})
    apply(jobs)
    isLoaded.value = true
  }

  /** Takes rows off the bench, over a reload too; the record keeps them. What a target did before goes with its row. */
  function dismiss(jobIds: readonly string[]): void {
    const targets = new Set(jobIds.flatMap(jobId => snapshots.get(jobId)?.target ?? []))
    const gone = [...snapshots.values()]
      .filter(job => jobIds.includes(job.jobId) || (targets.has(job.target) && !isLive(job)))
      .map(job => job.jobId)
    for (const jobId of gone) {
      references.delete(jobId)
      snapshots.delete(jobId)
    }
    dismissed.add(gone)
    renewLists()
    tally.value = tallyOf(newest())
  }

  /** Listens first and loads then, so that nothing falls between. @returns stops listening */
  function start(): () => void {
    // The next batch comes when this one was taken, so a page that is slow to draw is sent fewer.
    return client.subscribe('jobs.changed', ({ jobs }) => spreadOverFrames(jobs, apply))
  }

  return { ids, newestByTarget, tally, isLoaded, get, ofTarget, peekOfTarget, all, newest, apply, load, dismiss, start }
})

/** What makes a person look at a job anew: where it stands, and what it asks. */
function concernOf(job: JobSnapshot): string {
  return `${standingOf(job)} ${job.decision?.code ?? ''} ${job.decision?.askedAt ?? ''}`
}

function compareIds(left: JobSnapshot, right: JobSnapshot): number {
  return left.jobId < right.jobId ? -1 : 1
}
