/**
 * The jobs of one worker: takes orders, queues batches by their rules, resumes what was interrupted, and answers
 * questions about jobs. Leaves the run of one job to `job-run.ts`.
 */
import { randomBytes, createHash } from 'node:crypto'
import type { JobOrderRequest } from '../../shared/contract/commands.ts'
import { endStates, SCHEMA_VERSION, type JobSnapshot, type JobState } from '../../shared/contract/models.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { parseOptions, type OptionValue, type OptionValues } from '../../shared/option-spec.ts'
import { isoWithZone } from '../clock.ts'
import { isEndpoint, parseTarget, type Endpoint } from '../discovery/target.ts'
import type { ImageStore } from '../journal/image-store.ts'
import type { Journal } from '../journal/journal.ts'
import { isOwnerAlive } from '../journal/owner.ts'
import { flattenForUpload } from '../transfer/flat-image.ts'
import type { TransferProtocol } from '../transfer/transfer-protocol.ts'
import { nextStep, type BatchJobState, type BatchRules } from './batch.ts'
import type { FirmwareLibrary, OpenedFirmware } from './firmware-library.ts'
import { parseStoredOrder, type StoredOrder } from './job-order.ts'
import { JobRun } from './job-run.ts'
import type { JobWorld } from './job-world.ts'
import { namedProtocol } from './protocol-detection.ts'

export interface JobEngineOptions {
  readonly world: JobWorld
  readonly images: ImageStore
  readonly firmware: FirmwareLibrary
  readonly journalFor: (isSimulated: boolean) => Journal
  readonly isSimulated: (endpoint: Endpoint) => boolean
  /** Turns a name or a MAC into an endpoint. @throws {FlashproofError} target.unknown, target.ambiguous */
  readonly lookUp: (name: string) => Endpoint
  readonly onBatchEnded: (batchId: string, isSimulated: boolean) => void
}

const DEFAULT_PARALLEL = 32
const resumableEnds: readonly JobState[] = ['interrupted', 'failed', 'cancelled', 'finished']

interface Batch {
  readonly batchId: string
  readonly rules: BatchRules
  readonly jobs: { readonly run: JobRun; state: BatchJobState }[]
  readonly isSimulated: boolean
}

export class JobEngine {
  readonly #options: JobEngineOptions
  readonly #runs = new Map<string, JobRun>()
  readonly #batches = new Set<Batch>()
  #isStopping = false

  constructor(options: JobEngineOptions) {
    this.#options = options
  }

  /**
   * Checks an order whole, journals its jobs and queues them. Nothing is sent and no device is asked before it returns.
   * @throws {FlashproofError} target.*, protocol.*, option.*, image.*, journal.*
   */
  async start(request: JobOrderRequest): Promise<{ batchId: string; jobIds: string[]; warnings: string[] }> {
    const firmware = this.#options.firmware.get(request.firmwareId)
    assertExpectedHash(request.expectSha256, firmware)
    const endpoints = this.#resolveTargets(request.targets)
    const options = this.#checkOptions(request, endpoints, firmware)
    const flat = flattenForUpload(firmware.image, firmware.isAddressed, String(options['base'] ?? ''))
    const sha256 = await this.#options.images.put(flat.bytes)
    const image: StoredOrder['image'] = {
      fileName: firmware.isAddressed ? binaryName(firmware.fileName) : firmware.fileName,
      sha256,
      sizeBytes: flat.bytes.length,
      baseAddress: firmware.isAddressed ? flat.baseAddress : null,
      inspection: firmware.inspection,
    }
    const batchId = `b-${newId()}`
    const kinds = new Set(endpoints.map(endpoint => this.#options.isSimulated(endpoint)))
    if (kinds.size > 1) {
      throw new FlashproofError('target.invalid', 'a batch holds either virtual devices or real ones, not both', {})
    }
    const isSimulated = kinds.has(true)
    const runs = endpoints.map(endpoint =>
      this.#createRun(
        {
          orderVersion: 1,
          target: endpoint.text,
          protocol: request.protocol ?? null,
          options,
          image,
          required: request.require ?? null,
          context: request.context ?? {},
          accept: request.accept ?? [],
          acceptedBy: request.acceptedBy ?? this.#options.world.station.osUser,
          waitDeviceMs: request.waitDeviceMs ?? 0,
          isDryRun: request.dryRun ?? false,
        },
        { batchId, isSimulated, isInteractive: request.interactive ?? false, secrets: request.secrets ?? {} },
      ),
    )
    await this.#options.journalFor(isSimulated).commit()
    this.#queue(
      batchId,
      {
        parallel: request.parallel ?? DEFAULT_PARALLEL,
        first: request.first ?? null,
        stopAfter: request.stopAfter ?? null,
      },
      runs,
      isSimulated,
    )
    const warnings = flat.filledBytes > 0 ? [`${String(flat.filledBytes)} bytes of gaps are filled with 0xFF.`] : []
    return { batchId, jobIds: runs.map(run => run.jobId), warnings }
  }

  /**
   * Goes on with jobs where each stopped. Without ids: every interrupted job whose owner is gone, and paused ones here.
   * @throws {FlashproofError} job.not-found, job.wrong-state, job.resume-refused, device.busy
   */
  async resume(request: {
    readonly jobIds?: readonly string[] | undefined
    readonly accept?: readonly string[] | undefined
    readonly acceptedBy?: string | undefined
    readonly interactive?: boolean | undefined
  }): Promise<{ jobIds: string[] }> {
    const ids = request.jobIds ?? this.#resumableIds()
    const runs: { run: JobRun; isSimulated: boolean }[] = []
    const resumed: string[] = []
    for (const jobId of ids) {
      const live = this.#runs.get(jobId)
      if (live !== undefined) {
        live.proceed()
        resumed.push(jobId)
        continue
      }
      const run = await this.#reopen(jobId, request)
      runs.push({ run, isSimulated: run.snapshot.simulated })
      resumed.push(jobId)
    }
    for (const isSimulated of [false, true]) {
      const group = runs.filter(entry => entry.isSimulated === isSimulated).map(entry => entry.run)
      if (group.length === 0) continue
      await this.#options.journalFor(isSimulated).commit()
      const rules = { parallel: DEFAULT_PARALLEL, first: null, stopAfter: null }
      this.#queue(group[0]?.snapshot.batchId ?? '', rules, group, isSimulated)
    }
    return { jobIds: resumed }
  }

  pause(jobIds: readonly string[]): void {
    for (const jobId of jobIds) this.#live(jobId).pause()
  }

  cancel(jobIds: readonly string[]): void {
    for (const jobId of jobIds) {
      const run = this.#live(jobId)
      const isWaiting = run.snapshot.state === 'queued'
      run.cancel('cancelled', new FlashproofError('job.cancelled', 'cancelled by the operator', { jobId }))
      if (isWaiting) this.#withdraw(run)
    }
  }

  answer(jobId: string, code: string, answer: 'accept' | 'refuse', by: string): void {
    this.#live(jobId).answerDecision(code, answer, by)
  }

  /** The journal that holds a job, and the job as it stands now. @throws {FlashproofError} job.not-found */
  locate(jobId: string): {
    journal: Journal
    snapshot: JobSnapshot
    sequence: number | null
    recordHash: string | null
  } {
    const found = this.#find(jobId)
    if (found === null) throw new FlashproofError('job.not-found', `there is no job ${jobId}`, { jobId })
    const { snapshot, sequence, recordHash } = found.job
    return { journal: found.journal, snapshot: this.#runs.get(jobId)?.snapshot ?? snapshot, sequence, recordHash }
  }

  list(query: { states?: readonly JobState[]; batchId?: string; limit?: number }): JobSnapshot[] {
    const stored = [false, true].flatMap(isSimulated => this.#options.journalFor(isSimulated).listJobs(query))
    return stored.map(job => this.#runs.get(job.snapshot.jobId)?.snapshot ?? job.snapshot)
  }

  /** Stops every job at a chunk edge as `interrupted`, and resolves when all of them are journaled. */
  async stop(): Promise<void> {
    this.#isStopping = true
    const reason = new FlashproofError('worker.exited', 'the worker is stopping', {})
    const ends = [...this.#runs.values()].map(run => {
      const { promise, resolve } = Promise.withResolvers<undefined>()
      this.#whenEnded.set(run.jobId, () => {
        resolve(undefined)
      })
      const isWaiting = run.snapshot.state === 'queued'
      run.cancel('interrupted', reason)
      if (isWaiting) this.#withdraw(run)
      return promise
    })
    await Promise.all(ends)
  }

  readonly #whenEnded = new Map<string, () => void>()

  #resolveTargets(targets: readonly string[]): Endpoint[] {
    const endpoints = targets.map(text => {
      const target = parseTarget(text)
      return isEndpoint(target) ? target : this.#options.lookUp(target.text)
    })
    const seen = new Set<string>()
    for (const endpoint of endpoints) {
      const key = endpoint.text.toLowerCase().replace(/\/+$/, '')
      if (seen.has(key)) {
        throw new FlashproofError('target.invalid', `“${endpoint.text}” is given twice`, { target: endpoint.text })
      }
      seen.add(key)
    }
    return endpoints
  }

  /** Checks the options against every protocol that could run them; with one candidate the check is final. */
  #checkOptions(request: JobOrderRequest, endpoints: readonly Endpoint[], firmware: OpenedFirmware): OptionValues {
    const { protocols } = this.#options.world
    let values: OptionValues = {}
    for (const endpoint of endpoints) {
      const candidates =
        request.protocol === undefined
          ? protocols.filter(protocol => protocol.accepts(endpoint))
          : [namedProtocol(request.protocol, endpoint, protocols)]
      if (candidates.length === 0) {
        throw new FlashproofError('protocol.endpoint-not-accepted', `no protocol here speaks to ${endpoint.text}`, {
          target: endpoint.text,
        })
      }
      values = firstThatFits(candidates, protocol => {
        const checked = parseOptions(protocol.descriptor.options, withProfile(protocol, request.options ?? {}))
        const fileName = firmware.isAddressed ? binaryName(firmware.fileName) : firmware.fileName
        protocol.validate({ options: checked, fileName })
        return checked
      })
    }
    return values
  }

  #createRun(
    order: StoredOrder,
    job: { batchId: string; isSimulated: boolean; isInteractive: boolean; secrets: Readonly<Record<string, string>> },
  ): JobRun {
    const { world } = this.#options
    const snapshot: JobSnapshot = {
      schema: SCHEMA_VERSION,
      type: 'job',
      jobId: `j-${newId()}`,
      batchId: job.batchId,
      revision: 1,
      target: order.target,
      device: null,
      protocol: order.protocol,
      state: 'queued',
      doneBytes: 0,
      totalBytes: order.image.sizeBytes,
      bytesPerSecond: null,
      remainingMs: null,
      attempts: 0,
      retries: 0,
      boardNow: 'old-firmware',
      unplug: 'safe',
      evidence: [],
      required: order.required,
      verdict: null,
      provenLevel: null,
      reason: null,
      warnings: [],
      error: null,
      decision: null,
      decisions: [],
      completion: 'none',
      versionBefore: null,
      versionAfter: null,
      simulated: job.isSimulated,
      firmware: { fileName: order.image.fileName, imageSha256: order.image.sha256, sizeBytes: order.image.sizeBytes },
      createdAt: isoWithZone(world.clock.nowMs()),
      startedAt: null,
      endedAt: null,
    }
    const journal = this.#options.journalFor(job.isSimulated)
    journal.insertJob({ snapshot, order, owner: world.owner })
    return new JobRun({
      snapshot,
      order,
      secrets: job.secrets,
      journal,
      world,
      isInteractive: job.isInteractive,
      isResume: false,
    })
  }

  async #reopen(
    jobId: string,
    request: {
      readonly accept?: readonly string[] | undefined
      readonly acceptedBy?: string | undefined
      readonly interactive?: boolean | undefined
    },
  ): Promise<JobRun> {
    const { world, images } = this.#options
    const found = this.#find(jobId)
    if (found === null) throw new FlashproofError('job.not-found', `there is no job ${jobId}`, { jobId })
    const { journal, job } = found
    const order = parseStoredOrder(jobId, job.order)
    if (!(await images.has(order.image.sha256))) {
      throw new FlashproofError('journal.image-missing', `the image of job ${jobId} is no longer kept`, { jobId })
    }
    if (!journal.claimJob(jobId, world.owner)) {
      throw new FlashproofError('device.busy', `job ${jobId} runs in another Flashproof`, { jobId, owner: job.owner })
    }
    // Read again: its former owner may have written between the first look and the claim.
    const snapshot = journal.getJob(jobId)?.snapshot ?? job.snapshot
    if (!resumableEnds.includes(snapshot.state) || snapshot.verdict === 'proven') {
      journal.releaseJob(jobId)
      throw new FlashproofError(
        'job.wrong-state',
        `job ${jobId} is ${snapshot.state}: there is nothing to go on with`,
        {
          jobId,
          state: snapshot.state,
          verdict: snapshot.verdict,
        },
      )
    }
    const again: JobSnapshot = {
      ...snapshot,
      state: 'queued',
      revision: snapshot.revision + 1,
      endedAt: null,
      error: null,
      verdict: null,
      provenLevel: null,
      reason: null,
      // A finished upload that was not proven is sent whole again; what the device said of it is in its record.
      completion:
        snapshot.state === 'finished' && snapshot.reason !== 'outcome-unknown'
          ? 'failed'
          : (snapshot.completion ?? 'none'),
    }
    journal.saveSnapshot(again)
    const accept = [...new Set([...order.accept, ...(request.accept ?? [])])]
    return new JobRun({
      snapshot: again,
      order: { ...order, accept, acceptedBy: request.acceptedBy ?? order.acceptedBy },
      secrets: {},
      journal,
      world,
      isInteractive: request.interactive ?? false,
      isResume: true,
    })
  }

  #find(jobId: string): { journal: Journal; job: NonNullable<ReturnType<Journal['getJob']>> } | null {
    for (const isSimulated of [false, true]) {
      const journal = this.#options.journalFor(isSimulated)
      const job = journal.getJob(jobId)
      if (job !== null) return { journal, job }
    }
    return null
  }

  #resumableIds(): string[] {
    const paused = [...this.#runs.values()].filter(run => run.snapshot.state === 'paused').map(run => run.jobId)
    const interrupted = [false, true].flatMap(isSimulated => {
      const journal = this.#options.journalFor(isSimulated)
      if (!journal.readOnly) journal.markInterrupted(isOwnerAlive)
      return journal.listJobs({ states: ['interrupted'], limit: 10_000 }).map(job => job.snapshot.jobId)
    })
    return [...paused, ...interrupted.reverse()]
  }

  #live(jobId: string): JobRun {
    const run = this.#runs.get(jobId)
    if (run !== undefined) return run
    const known = this.#find(jobId)
    if (known === null) throw new FlashproofError('job.not-found', `there is no job ${jobId}`, { jobId })
    throw new FlashproofError('job.wrong-state', `job ${jobId} does not run here: it is ${known.job.snapshot.state}`, {
      jobId,
      state: known.job.snapshot.state,
    })
  }

  #queue(batchId: string, rules: BatchRules, runs: readonly JobRun[], isSimulated: boolean): void {
    const batch: Batch = { batchId, rules, jobs: runs.map(run => ({ run, state: 'waiting' })), isSimulated }
    for (const run of runs) {
      this.#runs.set(run.jobId, run)
      this.#options.world.onSnapshot(run.snapshot)
    }
    this.#batches.add(batch)
    this.#advance(batch)
  }

  #advance(batch: Batch): void {
    if (!this.#isStopping) {
      const step = nextStep(
        batch.rules,
        batch.jobs.map(job => job.state),
      )
      if (step.kind === 'stop') this.#stopBatch(batch, step.reason, step.failures)
      else for (const index of step.indexes) this.#launch(batch, index)
    }
    if (batch.jobs.some(job => job.state === 'waiting' || job.state === 'running') || !this.#batches.delete(batch))
      return
    this.#options.onBatchEnded(batch.batchId, batch.isSimulated)
  }

  #launch(batch: Batch, index: number): void {
    const job = batch.jobs[index]
    if (job === undefined) return
    job.state = 'running'
    void job.run.run().then(snapshot => {
      job.state = batchState(snapshot)
      this.#forget(job.run)
      this.#advance(batch)
    })
  }

  #stopBatch(batch: Batch, reason: string, failures: number): void {
    for (const job of batch.jobs) {
      if (job.state !== 'waiting') continue
      const text =
        reason === 'trial-failed' ? 'the devices tried first did not all end well' : 'too many devices failed'
      job.run.cancel('cancelled', new FlashproofError('job.batch-stopped', text, { failures }))
      job.state = 'running'
      void job.run.run().then(() => {
        job.state = 'withdrawn'
        this.#forget(job.run)
        this.#advance(batch)
      })
    }
  }

  /** A job that was stopped before its turn still runs through its end, so that its record is written. */
  #withdraw(run: JobRun): void {
    for (const batch of this.#batches) {
      const index = batch.jobs.findIndex(job => job.run === run && job.state === 'waiting')
      if (index >= 0) this.#launch(batch, index)
    }
  }

  #forget(run: JobRun): void {
    this.#runs.delete(run.jobId)
    this.#whenEnded.get(run.jobId)?.()
    this.#whenEnded.delete(run.jobId)
  }
}

function batchState(snapshot: JobSnapshot): BatchJobState {
  if (snapshot.state === 'cancelled' || snapshot.state === 'interrupted') return 'withdrawn'
  return snapshot.state === 'finished' && snapshot.verdict !== 'unproven' ? 'succeeded' : 'failed'
}

/** The options of the first candidate that takes them; with several, its refusal is the one that is told. */
function firstThatFits(
  candidates: readonly TransferProtocol[],
  check: (protocol: TransferProtocol) => OptionValues,
): OptionValues {
  let failure: unknown
  for (const protocol of candidates) {
    try {
      return check(protocol)
    } catch (error) {
      failure ??= error
    }
  }
  throw failure
}

/** Lays the named profile's values under the given ones. @throws {FlashproofError} option.invalid */
function withProfile(
  protocol: TransferProtocol,
  given: Readonly<Record<string, OptionValue>>,
): Record<string, OptionValue> {
  const { profile, ...rest } = given
  if (profile === undefined) return rest
  const found = protocol.descriptor.profiles.find(candidate => candidate.id === profile)
  if (found === undefined) {
    throw new FlashproofError('option.invalid', `there is no profile “${String(profile)}”`, {
      key: 'profile',
      given: profile,
      expected: protocol.descriptor.profiles.map(candidate => candidate.id).join(', '),
    })
  }
  return { ...found.values, ...rest }
}

function assertExpectedHash(expected: string | undefined, firmware: OpenedFirmware): void {
  if (expected === undefined) return
  const { sourceSha256, imageSha256 } = firmware.inspection
  const wanted = expected.toLowerCase()
  if (wanted === sourceSha256 || wanted === imageSha256) return
  throw new FlashproofError('image.hash-mismatch', `${firmware.fileName} has another SHA-256 than the one expected`, {
    expectedSha256: wanted,
    sourceSha256,
    imageSha256,
  })
}

/** The name of a converted file on the device: the same stem with .bin. */
function binaryName(fileName: string): string {
  return `${fileName.replace(/\.[^./\\]+$/, '')}.bin`
}

/** Sorts by time: milliseconds in base 36, then random. */
function newId(): string {
  return `${Date.now().toString(36)}${randomBytes(4).toString('hex')}`
}

export function isEnded(snapshot: JobSnapshot): boolean {
  return endStates.some(state => state === snapshot.state)
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
