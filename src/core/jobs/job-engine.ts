/**
 * The jobs of one worker: takes orders, goes on with what was stopped, and answers questions about jobs. Leaves the turns
 * to `batch-queue.ts` and the run of one job to `job-run.ts`.
 */
import { randomBytes } from 'node:crypto'
import type { JobOrderRequest } from '../../shared/contract/commands.ts'
import type { JobSnapshot, JobState } from '../../shared/contract/models.ts'
import { asFlashproofError, FlashproofError, hasErrorCode } from '../../shared/errors.ts'
import { assertKnownDecisions } from '../accepted-decisions.ts'
import { isoWithZone } from '../clock.ts'
import type { Endpoint } from '../discovery/target.ts'
import type { ImageStore } from '../journal/image-store.ts'
import type { Journal, StoredJob } from '../journal/journal.ts'
import { isOwnerAlive } from '../journal/owner.ts'
import type { JobSettings } from '../journal/settings.ts'
import { BatchQueue, isEnded, nextTurn } from './batch-queue.ts'
import type { FirmwareLibrary } from './firmware-library.ts'
import { parseStoredOrder } from './job-order.ts'
import { isSpeaking, JobRun } from './job-run.ts'
import { firstSnapshot, resumedSnapshot } from './job-start.ts'
import { assertKnownSecrets, assertSecretsSuffice, secretsOf } from './resumed-secrets.ts'
import type { JobWorld } from './job-world.ts'
import { takeOrder } from './order-intake.ts'

export interface JobEngineOptions {
  readonly world: JobWorld
  readonly images: ImageStore
  readonly firmware: FirmwareLibrary
  readonly journalFor: (isSimulated: boolean) => Journal
  readonly isSimulated: (endpoint: Endpoint) => boolean
  /** Turns a name or a MAC into an endpoint. @throws {FlashproofError} target.unknown, target.ambiguous */
  readonly lookUp: (name: string) => Endpoint
  /** The MAC of the board that a name or a MAC means; null where nothing is sure. */
  readonly macMeant: (name: string) => string | null
  readonly onBatchEnded: (batchId: string, isSimulated: boolean) => void
  /** What jobs that begin now take from the settings. @throws {FlashproofError} settings.invalid */
  readonly jobSettings?: () => JobSettings
}

export interface ResumeRequest {
  readonly jobIds?: readonly string[] | undefined
  readonly accept?: readonly string[] | undefined
  readonly acceptedBy?: string | undefined
  readonly interactive?: boolean | undefined
  /** Values of secret options, for memory alone. */
  readonly secrets?: Readonly<Record<string, string>> | undefined
  /** Secrets of single targets; they win over `secrets`. */
  readonly targetSecrets?: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined
}

export interface LocatedJob {
  readonly journal: Journal
  readonly snapshot: JobSnapshot
  readonly sequence: number | null
  readonly recordHash: string | null
}

const DEFAULT_PARALLEL = 32
const MOST_RESUMED = 10_000
/** Jobs that are made in one turn of the loop. */
const JOBS_A_TURN = 32
const bothKinds = [false, true] as const

export class JobEngine {
  readonly #options: JobEngineOptions
  readonly #queue: BatchQueue
  /** Batches that began or went on here: their ended jobs belong to what a page shows. */
  readonly #batchIds = new Set<string>()

  constructor(options: JobEngineOptions) {
    this.#options = options
    this.#queue = new BatchQueue(options.onBatchEnded)
  }

  /**
   * Checks an order whole, journals its jobs and queues them. Nothing is sent and no device is asked before it returns.
   * @throws {FlashproofError} target.*, protocol.*, option.*, image.*, journal.*, worker.exited while stopping
   */
  async start(request: JobOrderRequest): Promise<{ batchId: string; jobIds: string[]; warnings: string[] }> {
    const { images, firmware, isSimulated: isVirtual, lookUp, macMeant } = this.#options
    this.#queue.assertOpen()
    const world = this.#worldNow()
    const { protocols, station } = world
    const { knownProtocols } = world
    const intake = {
      images,
      firmware,
      protocols,
      isSimulated: isVirtual,
      lookUp,
      macMeant,
      knownProtocols,
      osUser: station.osUser,
    }
    const { orders, isSimulated, warnings } = await takeOrder(request, intake)
    this.#queue.assertOpen()
    const batchId = `b-${newId()}`
    this.#batchIds.add(batchId)
    const journal = this.#options.journalFor(isSimulated)
    const isInteractive = request.interactive ?? false
    const runs: JobRun[] = []
    for (const { order, secrets } of orders) {
      if (runs.length % JOBS_A_TURN === JOBS_A_TURN - 1) await nextTurn()
      const createdAt = isoWithZone(world.clock.nowMs())
      const snapshot = firstSnapshot(order, { jobId: `j-${newId()}`, batchId, isSimulated, createdAt })
      journal.insertJob({ snapshot, order, owner: world.owner })
      const run = new JobRun({ snapshot, order, secrets, journal, world, isInteractive, isResume: false })
      // Known from here on, so that a worker that stops meanwhile waits for its end.
      this.#queue.register([run])
      runs.push(run)
    }
    await this.#commitRegistered(journal, runs, 'cancelled')
    const rules = {
      parallel: request.parallel ?? DEFAULT_PARALLEL,
      first: request.first ?? null,
      stopAfter: request.stopAfter ?? null,
    }
    this.#queue.add({ batchIds: [batchId], rules, runs, isSimulated })
    return { batchId, jobIds: runs.map(run => run.jobId), warnings: [...warnings] }
  }

  /**
   * Goes on with jobs where each stopped; all of the named ones, or none of them. Without ids: every interrupted job whose
   * owner is gone, and the paused ones here.
   * @throws {FlashproofError} job.not-found, job.wrong-state, job.resume-refused, journal.image-missing, device.busy,
   *   usage.invalid-value for an unknown code in `accept`, option.invalid for a secret that no protocol has
   */
  async resume(request: ResumeRequest): Promise<{ jobIds: string[] }> {
    this.#queue.assertOpen()
    const { protocols } = this.#options.world
    assertKnownDecisions(
      request.accept ?? [],
      protocols.flatMap(protocol => protocol.descriptor.decisions),
    )
    assertKnownSecrets(request, protocols)
    const isNamed = request.jobIds !== undefined
    const ids = [...new Set(request.jobIds ?? this.#resumableIds())]
    await Promise.all(ids.map(jobId => this.#queue.settled(jobId)))
    if (isNamed) await this.#assertResumable(ids)
    this.#queue.assertOpen()
    const resumed: string[] = []
    const reopened: JobRun[] = []
    for (const jobId of ids) {
      try {
        if (this.#queue.get(jobId) === undefined) {
          const run = this.#reopen(jobId, request)
          this.#queue.register([run])
          reopened.push(run)
        }
        resumed.push(jobId)
      } catch (error) {
        // Another process may have taken a job, or brought it to its end, since it was listed.
        if (!isNamed && hasErrorCode(error, 'device.busy', 'job.wrong-state', 'job.resume-refused')) continue
        await this.#queue.abandon(reopened, 'interrupted', asFlashproofError(error))
        throw error
      }
    }
    for (const jobId of resumed) this.#queue.get(jobId)?.proceed()
    for (const isSimulated of bothKinds) {
      const runs = reopened.filter(run => run.snapshot.simulated === isSimulated)
      if (runs.length === 0) continue
      await this.#commitRegistered(this.#options.journalFor(isSimulated), runs, 'interrupted')
      const batchIds = [...new Set(runs.map(run => run.snapshot.batchId))]
      for (const batchId of batchIds) this.#batchIds.add(batchId)
      this.#queue.add({
        batchIds,
        rules: { parallel: DEFAULT_PARALLEL, first: null, stopAfter: null },
        runs,
        isSimulated,
      })
    }
    return { jobIds: resumed }
  }

  /** @throws {FlashproofError} job.not-found, job.wrong-state for a job that does not run here; then none is paused */
  pause(jobIds: readonly string[]): void {
    for (const run of jobIds.map(jobId => this.#live(jobId))) run.pause()
  }

  /**
   * Ends live jobs, and gives interrupted ones up: they end as `cancelled` with a record, and the board stays as it is.
   * @throws {FlashproofError} job.not-found, job.wrong-state for a job that has ended, device.busy for one that runs in
   *   another process; then none is cancelled. journal.*
   */
  async cancel(jobIds: readonly string[]): Promise<void> {
    const ids = [...new Set(jobIds)]
    const stopped = ids.filter(jobId => this.#queue.get(jobId) === undefined)
    if (stopped.length > 0) this.#queue.assertOpen()
    for (const jobId of stopped) this.#assertGivenUp(jobId)
    const runs: JobRun[] = []
    try {
      for (const jobId of stopped) runs.push(this.#reopenToEnd(jobId))
    } catch (error) {
      await this.#queue.abandon(runs, 'interrupted', asFlashproofError(error))
      throw error
    }
    for (const jobId of ids) {
      const run = this.#queue.get(jobId)
      if (run !== undefined && !runs.includes(run)) this.#queue.cancel(run)
    }
    await this.#queue.abandon(runs, 'cancelled', new FlashproofError('job.cancelled', 'given up by the operator'))
  }

  /** @throws {FlashproofError} job.not-found, job.wrong-state when the job does not ask that */
  answer(jobId: string, code: string, answer: 'accept' | 'refuse', by: string): void {
    this.#live(jobId).answerDecision(code, answer, by)
  }

  /** The journal that holds a job, and the job as it stands now. @throws {FlashproofError} job.not-found */
  locate(jobId: string): LocatedJob {
    const { journal, job } = this.#find(jobId)
    const { snapshot, sequence, recordHash } = job
    return { journal, snapshot: this.#queue.get(jobId)?.snapshot ?? snapshot, sequence, recordHash }
  }

  list(query: { states?: readonly JobState[]; batchId?: string; limit?: number }): JobSnapshot[] {
    const stored = bothKinds.flatMap(isSimulated => this.#options.journalFor(isSimulated).listJobs(query))
    return stored.map(job => this.#queue.get(job.snapshot.jobId)?.snapshot ?? job.snapshot)
  }

  /**
   * What a page shows that comes late, newest first: live and interrupted jobs, and every other job of their batches and of
   * the batches that began here.
   */
  async listBench(): Promise<JobSnapshot[]> {
    const snapshots: JobSnapshot[] = []
    for (const isSimulated of bothKinds) {
      const journal = this.#options.journalFor(isSimulated)
      await journal.commit()
      for (const jobId of journal.benchJobIds([...this.#batchIds])) {
        const snapshot = this.#queue.get(jobId)?.snapshot ?? journal.getJob(jobId)?.snapshot
        if (snapshot !== undefined) snapshots.push(snapshot)
        if (snapshots.length % JOBS_A_TURN === 0) await nextTurn()
      }
    }
    return snapshots
  }

  /** Whether a job of this process speaks with the target now. */
  isTransferring(target: string): boolean {
    return this.#queue.runs().some(({ snapshot }) => snapshot.target === target && isSpeaking(snapshot))
  }

  /** The computer slept: each job that was under way goes on from its chunk edge, once its board said again who it is. */
  wake(sleptMs: number): void {
    for (const run of this.#queue.runs()) run.wake(sleptMs)
  }

  /** The wall clock was set: jobs only say so, because their durations are monotonic. */
  noteClockSet(byMs: number): void {
    const way = byMs < 0 ? 'back' : 'forward'
    const text = `the clock of this computer was set ${way} by ${String(Math.round(Math.abs(byMs) / 1000))} s`
    for (const run of this.#queue.runs()) run.note('clock.set', text)
  }

  /**
   * Stops every job at a chunk edge as `interrupted`, and resolves when all of them are journaled.
   * @param longestMs after this many milliseconds requests under way are cut off
   */
  stop(longestMs?: number): Promise<void> {
    return this.#queue.stop(longestMs)
  }

  /** Journals jobs and shows them. When they cannot be written they end: nothing runs that the journal does not hold. */
  async #commitRegistered(
    journal: Journal,
    runs: readonly JobRun[],
    endAs: 'cancelled' | 'interrupted',
  ): Promise<void> {
    this.#queue.register(runs)
    try {
      await journal.commit()
    } catch (error) {
      await this.#queue.abandon(runs, endAs, asFlashproofError(error))
      throw error
    }
    for (const run of runs) this.#options.world.onSnapshot(run.snapshot)
  }

  /** Looks before any job is touched. @throws what `resume` throws */
  async #assertResumable(ids: readonly string[]): Promise<void> {
    for (const jobId of ids) {
      if (this.#queue.get(jobId) !== undefined) continue
      const { job } = this.#find(jobId)
      const order = parseStoredOrder(jobId, job.order)
      // A job that looks live here may be one whose owner died a moment ago: its lease decides, when it is taken.
      if (isEnded(job.snapshot)) resumedSnapshot(job.snapshot, order)
      if (await this.#options.images.has(order.image.sha256)) continue
      throw new FlashproofError('journal.image-missing', `the image of job ${jobId} is no longer kept`, { jobId })
    }
  }

  /** Takes the job's lease and queues it again, without a pause in between in which another call could do the same. */
  #reopen(jobId: string, request: ResumeRequest): JobRun {
    const world = this.#worldNow()
    const { journal, job } = this.#find(jobId)
    const order = parseStoredOrder(jobId, job.order)
    assertSecretsSuffice(order, job.snapshot.protocol, request, world.protocols)
    if (!journal.claimJob(jobId, world.owner)) {
      throw new FlashproofError('device.busy', `job ${jobId} runs in another Flashproof`, { jobId, owner: job.owner })
    }
    // Read again: its former owner may have written between the first look and the claim.
    const stored = journal.getJob(jobId)?.snapshot ?? job.snapshot
    let snapshot: JobSnapshot
    try {
      snapshot = resumedSnapshot(stored, order)
    } catch (error) {
      journal.releaseJob(jobId)
      throw error
    }
    journal.saveSnapshot(snapshot)
    const accept = [...new Set([...order.accept, ...(request.accept ?? [])])]
    return new JobRun({
      snapshot,
      order: { ...order, accept, acceptedBy: request.acceptedBy ?? order.acceptedBy },
      secrets: secretsOf(order, request, world.protocols),
      journal,
      world,
      isInteractive: request.interactive ?? false,
      isResume: true,
    })
  }

  /** The world of jobs that begin now: what people set since counts from here on. */
  #worldNow(): JobWorld {
    const { world, jobSettings } = this.#options
    if (jobSettings === undefined) return world
    const { stationName, retries } = jobSettings()
    return {
      ...world,
      retryPolicy: retries === null ? world.retryPolicy : { ...world.retryPolicy, tries: retries + 1 },
      station: stationName === '' ? world.station : { ...world.station, station: stationName },
    }
  }

  /** Looks before any job is touched. @throws {FlashproofError} job.not-found, job.wrong-state, job.resume-refused */
  #assertGivenUp(jobId: string): void {
    const { job } = this.#find(jobId)
    const { state } = job.snapshot
    if (isEnded(job.snapshot) && state !== 'interrupted') {
      throw new FlashproofError('job.wrong-state', `job ${jobId} has ended already: it is ${state}`, { jobId, state })
    }
    parseStoredOrder(jobId, job.order)
  }

  /** Takes a stopped job's lease, only to end it. @throws {FlashproofError} device.busy, job.wrong-state */
  #reopenToEnd(jobId: string): JobRun {
    const world = this.#worldNow()
    const { journal, job } = this.#find(jobId)
    const order = parseStoredOrder(jobId, job.order)
    if (!journal.claimJob(jobId, world.owner)) {
      throw new FlashproofError('device.busy', `job ${jobId} runs in another Flashproof`, { jobId, owner: job.owner })
    }
    try {
      this.#assertGivenUp(jobId)
    } catch (error) {
      journal.releaseJob(jobId)
      throw error
    }
    const { snapshot } = this.#find(jobId).job
    const run = new JobRun({
      // No end any more, so that a second call finds it on its way to the new one.
      snapshot: { ...snapshot, state: 'queued', decision: null, endedAt: null, revision: snapshot.revision + 1 },
      order,
      secrets: {},
      journal,
      world,
      isInteractive: false,
      isResume: true,
    })
    this.#queue.register([run])
    this.#batchIds.add(snapshot.batchId)
    return run
  }

  #resumableIds(): string[] {
    const paused = this.#queue.runs().filter(run => run.snapshot.state === 'paused')
    const interrupted = bothKinds.flatMap(isSimulated => {
      const journal = this.#options.journalFor(isSimulated)
      if (journal.readOnly) return []
      journal.markInterrupted(isOwnerAlive)
      // Oldest first: the order in which they were asked for.
      return journal
        .listJobs({ states: ['interrupted'], limit: MOST_RESUMED })
        .map(job => job.snapshot.jobId)
        .reverse()
    })
    return [...paused.map(run => run.jobId), ...interrupted]
  }

  #find(jobId: string): { journal: Journal; job: StoredJob } {
    for (const isSimulated of bothKinds) {
      const journal = this.#options.journalFor(isSimulated)
      const job = journal.getJob(jobId)
      if (job !== null) return { journal, job }
    }
    throw new FlashproofError('job.not-found', `there is no job ${jobId}`, { jobId })
  }

  #live(jobId: string): JobRun {
    const run = this.#queue.get(jobId)
    if (run !== undefined) return run
    const { state } = this.#find(jobId).job.snapshot
    throw new FlashproofError('job.wrong-state', `job ${jobId} does not run here: it is ${state}`, { jobId, state })
  }
}

/** Sorts by time: milliseconds in base 36, then random. */
function newId(): string {
  return `${Date.now().toString(36)}${randomBytes(4).toString('hex')}`
}

export { isEnded } from './batch-queue.ts'
