/** Keeps the computer awake while boards are written, and pauses the boards around a sleep that comes all the same. */
import type { JobSnapshot } from '../shared/contract/index.ts'
import type { Client } from '../shared/rpc/client.ts'
import type { JobWatch } from './job-watch.ts'

/** What is needed of Electron's `powerSaveBlocker`. */
export interface SleepBlocker {
  start(type: 'prevent-app-suspension'): number
  stop(id: number): unknown
}

/** What is needed of Electron's `powerMonitor`. */
export interface PowerMonitor {
  on(event: 'suspend' | 'resume', listener: () => void): unknown
}

/** Whether the computer must stay awake for it: a paused job waits for a person as long as it takes. */
function needsPower(job: JobSnapshot): boolean {
  return job.state !== 'paused'
}

/** Blocks the system's sleep as long as a job is under way. @returns ends that */
export function keepAwake(jobs: Pick<JobWatch, 'live' | 'onChange'>, blocker: SleepBlocker): () => void {
  let id: number | null = null
  const release = (): void => {
    if (id !== null) blocker.stop(id)
    id = null
  }
  const update = (): void => {
    if (!jobs.live().some(needsPower)) release()
    else id ??= blocker.start('prevent-app-suspension')
  }
  const stop = jobs.onChange(update)
  update()
  return () => {
    stop()
    release()
  }
}

export interface SleepOptions {
  readonly monitor: PowerMonitor
  readonly jobs: Pick<JobWatch, 'live' | 'onChange'>
  readonly client: Pick<Client, 'call'>
  /** Calls back once after the delay; returns what takes it back. */
  readonly after: (delayMs: number, callback: () => void) => () => void
  /** Is told what happened, for the log. */
  readonly note: (text: string) => void
}

/** A pause takes effect at the edge of a part: a job that was busy until the sleep may reach it only after it. */
const LATE_PAUSE_MS = 60_000

/**
 * Before the system sleeps, pauses every job that is under way; after it woke, goes on with exactly those. The background
 * process finds each device again and checks that it is the same one. What a person did in between stands: a job that is
 * not paused any more is left alone.
 */
export function pauseAroundSleep({ monitor, jobs, client, after, note }: SleepOptions): void {
  let asleep = new Set<string>()
  let stopWaiting = (): void => undefined

  const pause = async (jobIds: readonly string[]): Promise<void> => {
    const outcomes = await Promise.allSettled(
      // One by one: a job that ends at this very moment must not keep the others from pausing.
      jobIds.map(jobId => client.call('job.pause', { jobIds: [jobId] })),
    )
    const failed = jobIds.filter((_, index) => outcomes[index]?.status === 'rejected')
    for (const jobId of failed) asleep.delete(jobId)
    if (failed.length > 0) note(`${String(failed.length)} jobs could not be paused before the sleep`)
  }

  const resume = async (jobIds: string[]): Promise<void> => {
    try {
      await client.call('job.resume', { jobIds, interactive: true })
      note(`after the sleep ${String(jobIds.length)} jobs go on`)
    } catch (thrown) {
      note(`after the sleep the jobs could not go on: ${String(thrown)}`)
    }
  }

  const resumeAsTheyPause = (pending: Set<string>): void => {
    const check = (): void => {
      const live = new Map(jobs.live().map(job => [job.jobId, job.state]))
      const paused = [...pending].filter(jobId => live.get(jobId) === 'paused')
      for (const jobId of pending) if (!live.has(jobId) || paused.includes(jobId)) pending.delete(jobId)
      if (pending.size === 0) stopWaiting()
      if (paused.length > 0) void resume(paused)
    }
    const stopListening = jobs.onChange(check)
    const stopTimer = after(LATE_PAUSE_MS, () => {
      stopWaiting()
    })
    stopWaiting = () => {
      stopListening()
      stopTimer()
    }
    check()
  }

  monitor.on('suspend', () => {
    stopWaiting()
    const jobIds = jobs
      .live()
      .filter(needsPower)
      .map(({ jobId }) => jobId)
    for (const jobId of jobIds) asleep.add(jobId)
    if (jobIds.length === 0) return
    note(`the computer goes to sleep: ${String(jobIds.length)} jobs pause`)
    void pause(jobIds)
  })

  monitor.on('resume', () => {
    if (asleep.size > 0) resumeAsTheyPause(asleep)
    asleep = new Set()
  })
}
