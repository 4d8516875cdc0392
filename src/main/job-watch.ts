/** The newest state of every job that runs or belongs to a batch that runs: what the taskbar, the tray and the close question need. */
import { endStates, liveStates, type EngineState, type JobSnapshot } from '../shared/contract/index.ts'
import type { Client } from '../shared/rpc/client.ts'

export interface JobWatch {
  /** Jobs that are not over: queued, running, paused or waiting for a person. */
  live(): readonly JobSnapshot[]
  /** The live jobs and the ended ones of their batches. */
  current(): readonly JobSnapshot[]
  /** Every job of a batch, from the background process. @throws {FlashproofError} worker.* */
  batch(batchId: string): Promise<readonly JobSnapshot[]>
  /** Calls `listener` after every change. @returns stops listening */
  onChange(listener: () => void): () => void
  /** Resolves when no live job is left for which `isStill` holds, or the background process is gone. */
  waitUntilNone(isStill: (job: JobSnapshot) => boolean, signal: AbortSignal): Promise<void>
}

interface WatchedEngine {
  readonly client: Pick<Client, 'call' | 'subscribe'>
  state(): EngineState
  onState(listener: (state: EngineState) => void): () => void
}

const MOST_JOBS = 10_000

export function hasEnded(job: JobSnapshot): boolean {
  const states: readonly JobSnapshot['state'][] = endStates
  return states.includes(job.state)
}

export function watchJobs(engine: WatchedEngine): JobWatch {
  return new Watch(engine)
}

class Watch implements JobWatch {
  readonly #engine: WatchedEngine
  readonly #jobs = new Map<string, JobSnapshot>()
  readonly #listeners = new Set<() => void>()

  constructor(engine: WatchedEngine) {
    this.#engine = engine
    engine.client.subscribe('jobs.changed', ({ jobs }) => {
      this.#take(jobs)
    })
    engine.onState(({ state }) => {
      if (state === 'ready') void this.#load()
      else this.#forget()
    })
    if (engine.state().state === 'ready') void this.#load()
  }

  live(): readonly JobSnapshot[] {
    return [...this.#jobs.values()].filter(job => !hasEnded(job))
  }

  current(): readonly JobSnapshot[] {
    return [...this.#jobs.values()]
  }

  async batch(batchId: string): Promise<readonly JobSnapshot[]> {
    return (await this.#engine.client.call('job.list', { batchId, limit: MOST_JOBS })).jobs
  }

  onChange(listener: () => void): () => void {
    const entry = (): void => {
      listener()
    }
    this.#listeners.add(entry)
    return () => {
      this.#listeners.delete(entry)
    }
  }

  waitUntilNone(isStill: (job: JobSnapshot) => boolean, signal: AbortSignal): Promise<void> {
    const isOver = (): boolean => signal.aborted || !this.live().some(isStill)
    if (isOver()) return Promise.resolve()
    return new Promise(resolve => {
      const check = (): void => {
        if (!isOver()) return
        stop()
        signal.removeEventListener('abort', check)
        resolve()
      }
      const stop = this.onChange(check)
      signal.addEventListener('abort', check)
    })
  }

  /** Jobs of other windows' days are in the journal; what runs now may belong to another process that shares the home. */
  async #load(): Promise<void> {
    try {
      this.#take((await this.#engine.client.call('job.list', { states: [...liveStates], limit: MOST_JOBS })).jobs)
    } catch {
      // That worker ended as well; the next one is asked again.
    }
  }

  #take(jobs: readonly JobSnapshot[]): void {
    for (const job of jobs) {
      const known = this.#jobs.get(job.jobId)
      if (known === undefined || known.revision <= job.revision) this.#jobs.set(job.jobId, job)
    }
    const liveBatches = new Set(this.live().map(({ batchId }) => batchId))
    for (const { jobId, batchId } of this.#jobs.values()) if (!liveBatches.has(batchId)) this.#jobs.delete(jobId)
    this.#tell()
  }

  #forget(): void {
    if (this.#jobs.size === 0) return
    this.#jobs.clear()
    this.#tell()
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}
