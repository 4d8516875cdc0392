/**
 * Tells job states to a listener of any speed: keeps only the newest snapshot of each job, sends a batch at most every
 * `intervalMs` and only after the last one was taken. A slow listener gets fewer snapshots, never an old end state.
 */
import type { JobSnapshot } from '../contract/index.ts'
import type { Timing } from './timing.ts'

export interface SnapshotFeed {
  /** Notes a job's newest state; an older revision than the one that waits is dropped. */
  push(snapshot: JobSnapshot): void
  /**
   * Sends what waits without regard to the interval; resolves when the listener took all of it or the feed closed. A
   * listener that never takes a batch keeps it waiting: whoever is in a hurry gives it a deadline.
   */
  flush(): Promise<void>
  /** Drops what waits and sends nothing more. */
  close(): void
}

export interface SnapshotFeedOptions {
  readonly timing: Pick<Timing, 'delay'>
  /** Shortest time from one batch to the next; 100 ms where not given. */
  readonly intervalMs?: number
}

/** @param send resolves when the batch was taken, such as `server.emitAcknowledged('jobs.changed', {jobs})` */
export function createSnapshotFeed(
  send: (jobs: JobSnapshot[]) => Promise<void>,
  { timing, intervalMs = 100 }: SnapshotFeedOptions,
): SnapshotFeed {
  const waiting = new Map<string, JobSnapshot>()
  let pump: Promise<void> | null = null
  let isClosed = false
  let isFlushing = false
  let pause = new AbortController()

  const rest = async (): Promise<void> => {
    pause = new AbortController()
    if (isFlushing || isClosed) return
    try {
      await timing.delay(intervalMs, pause.signal)
    } catch {
      // A flush or the end cut the pause short.
    }
  }

  const run = async (): Promise<void> => {
    // States that are pushed in one go leave in one batch.
    await Promise.resolve()
    while (waiting.size > 0 && !isClosed) {
      const jobs = [...waiting.values()]
      waiting.clear()
      await Promise.all([send(jobs), rest()])
    }
  }

  const start = (): Promise<void> => {
    pump ??= run().finally(() => {
      pump = null
      if (waiting.size > 0 && !isClosed) void start()
    })
    return pump
  }

  return {
    push(snapshot) {
      if (isClosed) return
      const newest = waiting.get(snapshot.jobId)
      if (newest !== undefined && newest.revision > snapshot.revision) return
      waiting.set(snapshot.jobId, snapshot)
      void start()
    },
    async flush() {
      isFlushing = true
      pause.abort()
      try {
        while (pump !== null && !isClosed) await pump
      } finally {
        isFlushing = false
      }
    },
    close() {
      isClosed = true
      waiting.clear()
      pause.abort()
    },
  }
}
