/** The batches that run here: starts each job when the batch's rules let it, and says when a batch has ended. */
import { endStates, type JobSnapshot } from '../../shared/contract/models.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { nextStep, type BatchJobState, type BatchRules } from './batch.ts'
import type { JobRun } from './job-run.ts'

export interface NewBatch {
  /** Jobs that go on together may come from several batches. */
  readonly batchIds: readonly string[]
  readonly rules: BatchRules
  readonly runs: readonly JobRun[]
  readonly isSimulated: boolean
}

interface Batch extends Omit<NewBatch, 'runs'> {
  readonly jobs: { readonly run: JobRun; state: BatchJobState }[]
}

/** Jobs that end without having begun, in one turn of the loop: each seals a record. */
const WITHDRAWN_A_TURN = 8

export class BatchQueue {
  readonly #onEnded: (batchId: string, isSimulated: boolean) => void
  readonly #runs = new Map<string, JobRun>()
  /** Of the jobs whose turn has come: resolves when nothing of the job is left here. */
  readonly #endings = new Map<string, Promise<void>>()
  readonly #batches = new Set<Batch>()
  #isStopping = false
  #withdrawnJobs = 0
  #withdrawalTurn: Promise<void> = Promise.resolve()
  #whenIdle: (() => void) | null = null

  constructor(onEnded: (batchId: string, isSimulated: boolean) => void) {
    this.#onEnded = onEnded
  }

  /** @throws {FlashproofError} worker.exited when no job begins here any more */
  assertOpen(): void {
    if (this.#isStopping) throw new FlashproofError('worker.exited', 'the worker is stopping')
  }

  /** A job that waits or runs here; one that has ended is none, also while its end is still being journaled. */
  get(jobId: string): JobRun | undefined {
    const run = this.#runs.get(jobId)
    return run === undefined || isEnded(run.snapshot) ? undefined : run
  }

  /** Resolves when a job that shows its end has also given back all that it held. */
  async settled(jobId: string): Promise<void> {
    const run = this.#runs.get(jobId)
    if (run !== undefined && isEnded(run.snapshot)) await this.#endings.get(jobId)
  }

  runs(): JobRun[] {
    return [...this.#runs.values()]
  }

  /** Makes jobs known before their batch is added, so that nobody begins them a second time. */
  register(runs: readonly JobRun[]): void {
    for (const run of runs) this.#runs.set(run.jobId, run)
  }

  /** Queues a batch of registered jobs; those whose turn it is start at once. */
  add({ runs, ...rest }: NewBatch): void {
    const batch: Batch = { ...rest, jobs: runs.map(run => ({ run, state: 'waiting' })) }
    this.#batches.add(batch)
    // One that was told to end in the meantime does not wait for its turn to do so.
    for (const { run } of batch.jobs) if (run.isStopped) this.#withdraw(run)
    this.#advance(batch)
  }

  /** Ends registered jobs that were never queued, each as what it is told to be. */
  async abandon(runs: readonly JobRun[], endAs: 'cancelled' | 'interrupted', reason: FlashproofError): Promise<void> {
    for (const run of runs) {
      run.cancel(endAs, reason)
      await run.run()
      this.#forget(run)
    }
  }

  cancel(run: JobRun): void {
    run.cancel('cancelled', new FlashproofError('job.cancelled', 'cancelled by the operator', { jobId: run.jobId }))
    this.#withdraw(run)
  }

  /**
   * Stops every job at a chunk edge as `interrupted`, and resolves when all of them are journaled.
   * @param longestMs after this many milliseconds requests under way are cut off
   */
  async stop(longestMs?: number): Promise<void> {
    this.#isStopping = true
    const idle = new Promise<void>(resolve => {
      this.#whenIdle = resolve
    })
    const reason = new FlashproofError('worker.exited', 'the worker is stopping')
    for (const run of this.runs()) {
      run.cancel('interrupted', reason, longestMs)
      this.#withdraw(run)
    }
    if (this.#runs.size > 0) await idle
  }

  #advance(batch: Batch): void {
    const step = nextStep(
      batch.rules,
      batch.jobs.map(job => job.state),
    )
    // A worker that stops lets its jobs run through their ends; it begins nothing.
    if (this.#isStopping) this.#interruptWaiting(batch)
    else if (step.kind === 'stop') this.#stopBatch(batch, step.reason, step.failures)
    else for (const index of step.indexes) this.#launch(batch, index)
    const isRunning = batch.jobs.some(job => job.state === 'waiting' || job.state === 'running')
    if (isRunning || !this.#batches.delete(batch)) return
    for (const batchId of batch.batchIds) this.#onEnded(batchId, batch.isSimulated)
  }

  #launch(batch: Batch, index: number): void {
    const job = batch.jobs[index]
    if (job?.state !== 'waiting') return
    job.state = 'running'
    const running = job.run.isStopped ? this.#turnToWithdraw().then(() => job.run.run()) : job.run.run()
    const ending = running.then(snapshot => {
      job.state = batchState(snapshot)
      this.#forget(job.run)
      this.#advance(batch)
    })
    this.#endings.set(job.run.jobId, ending)
  }

  /** Hundreds of jobs that are withdrawn at once would seal their records in one commit that holds the loop. */
  #turnToWithdraw(): Promise<void> {
    if (this.#withdrawnJobs++ % WITHDRAWN_A_TURN === 0) {
      this.#withdrawalTurn = this.#withdrawalTurn.then(nextTurn)
    }
    return this.#withdrawalTurn
  }

  #stopBatch(batch: Batch, reason: 'trial-failed' | 'too-many-failures', failures: number): void {
    const text = reason === 'trial-failed' ? 'the devices tried first did not all end well' : 'too many devices failed'
    batch.jobs.forEach((job, index) => {
      if (job.state !== 'waiting') return
      job.run.cancel('cancelled', new FlashproofError('job.batch-stopped', text, { failures }))
      this.#launch(batch, index)
    })
  }

  #interruptWaiting(batch: Batch): void {
    batch.jobs.forEach((job, index) => {
      if (job.state !== 'waiting') return
      job.run.cancel('interrupted', new FlashproofError('worker.exited', 'the worker is stopping'))
      this.#launch(batch, index)
    })
  }

  /** A job that was stopped before its turn still runs through its end, so that it is journaled. */
  #withdraw(run: JobRun): void {
    for (const batch of this.#batches) {
      const index = batch.jobs.findIndex(job => job.run === run)
      if (index >= 0) this.#launch(batch, index)
    }
  }

  #forget(run: JobRun): void {
    this.#runs.delete(run.jobId)
    this.#endings.delete(run.jobId)
    if (this.#runs.size === 0) this.#whenIdle?.()
  }
}

/** Lets the loop do everything else first. */
export function nextTurn(): Promise<void> {
  return new Promise(resolve => {
    setImmediate(resolve)
  })
}

export function isEnded(snapshot: JobSnapshot): boolean {
  return endStates.some(state => state === snapshot.state)
}

function batchState(snapshot: JobSnapshot): BatchJobState {
  if (snapshot.state === 'cancelled' || snapshot.state === 'interrupted') return 'withdrawn'
  return snapshot.state === 'finished' && snapshot.verdict !== 'unproven' ? 'succeeded' : 'failed'
}
