/**
 * One job from its turn to its one end: finds the protocol, runs it, tries again what may pass by itself, and obeys pause,
 * cancel and the worker's stop. Leaves the choice of when to run to `job-engine.ts`, and what is known of the job to
 * `job-book.ts`.
 */
import {
  endStates,
  type EvidenceFact,
  type EvidenceLevel,
  type JobSnapshot,
  type JobState,
} from '../../shared/contract/models.ts'
import { asFlashproofError, FlashproofError, hasErrorCode } from '../../shared/errors.ts'
import { isEndpoint, parseTarget, type Endpoint } from '../discovery/target.ts'
import type { Segment } from '../image/memory-image.ts'
import type { Journal } from '../journal/journal.ts'
import { isNeverSent, isTransient, retryDelayMs } from '../transfer/retry.ts'
import type { TransferProtocol, TransferReport } from '../transfer/transfer-protocol.ts'
import { BoardGuard } from './board-guard.ts'
import { BoardPlace } from './board-place.ts'
import { ChunkEdge } from './chunk-edge.ts'
import { JobBook } from './job-book.ts'
import { JobDecisions } from './job-decisions.ts'
import { JobEnding } from './job-ending.ts'
import type { StoredOrder } from './job-order.ts'
import type { JobWorld } from './job-world.ts'
import { settleOptions } from './order-options.ts'
import { detectProtocol, type Detection } from './protocol-detection.ts'
import { createRedaction } from './redact.ts'
import { createTransferContext } from './transfer-context.ts'

/** A device that breaks off while it is asked what it speaks is asked this often. */
const DETECTION_TRIES = 3
/** How long a request under way may go on after a cancel, so that the device is not left with half of it. */
const CANCEL_GRACE_MS = 3000
/** A completion is never cut off lightly: whether it took effect would then be unknown. */
const COMPLETION_GRACE_MS = 60_000

export interface JobRunOptions {
  readonly snapshot: JobSnapshot
  readonly order: StoredOrder
  /** Values of secret options; they live in memory alone. */
  readonly secrets: Readonly<Record<string, string>>
  readonly journal: Journal
  readonly world: JobWorld
  readonly isInteractive: boolean
  /** Whether an earlier process, or an earlier end, began this job. */
  readonly isResume: boolean
}

export class JobRun {
  readonly jobId: string
  readonly #options: JobRunOptions
  readonly #book: JobBook
  readonly #edge: ChunkEdge
  readonly #decisions: JobDecisions
  readonly #guard: BoardGuard
  readonly #place: BoardPlace
  readonly #ending: JobEnding
  /** Ends waiting: pauses, polls, questions. */
  readonly #stop = new AbortController()
  /** Ends requests under way, later than `#stop`. */
  readonly #hardStop = new AbortController()
  readonly #ended = new AbortController()
  /** Ends everything under way when the computer slept; a new one takes its place when the job goes on. */
  #awake = new AbortController()
  #isResume: boolean
  /** As ordered, and from the settling of the protocol on with the options that it runs with. */
  #order: StoredOrder
  #secrets: Readonly<Record<string, string>>
  #endAs: 'cancelled' | 'interrupted' = 'cancelled'
  /** Whether the board was spoken to beyond finding it, in this process or an earlier one. */
  #hasConnected: boolean
  /** When a board that had been spoken to broke off (monotonic); null: it did not. */
  #lostMs: number | null

  constructor(options: JobRunOptions) {
    const { snapshot, order, journal, world, isInteractive } = options
    this.jobId = snapshot.jobId
    this.#options = options
    this.#isResume = options.isResume
    this.#order = order
    this.#secrets = options.secrets
    const book = new JobBook(snapshot, journal, world, createRedaction(Object.values(options.secrets)))
    this.#book = book
    this.#hasConnected = options.isResume && (snapshot.doneBytes > 0 || (snapshot.completion ?? 'none') !== 'none')
    this.#lostMs = this.#hasConnected ? world.clock.monotonicMs() : null
    this.#edge = new ChunkEdge(book, world.clock, this.#stop.signal)
    this.#guard = new BoardGuard(book, world, macOrdered(order))
    this.#place = new BoardPlace({ book, guard: this.#guard, world, orderedAs: order.orderedAs })
    this.#ending = new JobEnding({ book, edge: this.#edge, order: () => this.#order, journal, world })
    this.#decisions = new JobDecisions({
      book,
      accept: order.accept,
      acceptedBy: order.acceptedBy,
      isInteractive,
      stop: this.#stop.signal,
      onAsked: decision => {
        world.onDecision(this.jobId, decision)
      },
    })
  }

  get snapshot(): JobSnapshot {
    return this.#book.snapshot
  }

  /** Whether it was told to end. */
  get isStopped(): boolean {
    return this.#stop.signal.aborted
  }

  /** Runs the job to its end; never rejects. Resolves with the last snapshot. */
  async run(): Promise<JobSnapshot> {
    const { order, journal } = this.#options
    try {
      // A job that was stopped before its turn touches nothing: no lock, no device.
      this.#stop.signal.throwIfAborted()
      this.#book.begin()
      await this.#ending.finish(await this.#transfer(endpointOf(order)))
    } catch (thrown) {
      const endAs = this.#stop.signal.aborted ? this.#endAs : 'failed'
      await this.#ending.fail(asFlashproofError(thrown), endAs)
    } finally {
      this.#ended.abort()
      journal.releaseJob(this.jobId)
      await journal.commit().catch(() => undefined)
    }
    return this.#book.snapshot
  }

  /** Stops at the next chunk edge and stays there until `proceed`. */
  pause(): void {
    if (!this.#ended.signal.aborted) this.#edge.pause()
  }

  proceed(): void {
    this.#edge.proceed()
  }

  /**
   * Ends the job: a request under way may finish, nothing more is sent. `interrupted` jobs can be resumed without asking.
   * @param longestMs after this many milliseconds a request under way is cut off, whatever it is
   */
  cancel(endAs: 'cancelled' | 'interrupted', reason: FlashproofError, longestMs = COMPLETION_GRACE_MS): void {
    if (this.#stop.signal.aborted || this.#ended.signal.aborted) return
    this.#endAs = endAs
    this.#book.log('info', `job.${endAs === 'cancelled' ? 'cancel' : 'interrupt'}`, reason.message)
    this.#stop.abort(reason)
    this.proceed()
    const isCompleting = this.#book.snapshot.completion === 'sent'
    const graceMs = Math.min(longestMs, isCompleting ? COMPLETION_GRACE_MS : CANCEL_GRACE_MS)
    this.#options.world.clock.delay(graceMs, this.#ended.signal).then(
      () => {
        this.#hardStop.abort(reason)
      },
      // It ended before.
      () => undefined,
    )
  }

  /**
   * The computer slept: what is under way ends, the job stops at the edge, and goes on by itself once the board was asked
   * again who it is. A job that stands still already asks by itself when it goes on.
   */
  wake(sleptMs: number): void {
    if (this.#stop.signal.aborted || this.#ended.signal.aborted || !isSpeaking(this.snapshot)) return
    const seconds = String(Math.round(sleptMs / 1000))
    const text = `the computer slept for ${seconds} s: what was under way is asked again`
    this.#awake.abort(new FlashproofError('job.slept', text, { sleptMs }))
  }

  /** Says in the log what happened around the job. */
  note(code: string, text: string): void {
    if (!this.#ended.signal.aborted) this.#book.log('info', code, text)
  }

  /** Answers the open question. @throws {FlashproofError} job.wrong-state when there is none of that code */
  answerDecision(code: string, answer: 'accept' | 'refuse', by: string): void {
    this.#decisions.answer(code, answer, by)
  }

  /** Holds the board as long as something may be said to it: the end of the job is shown when it is free again. */
  async #transfer(endpoint: Endpoint): Promise<TransferReport> {
    try {
      this.#guard.lockEndpoint(endpoint)
      return await this.#tryUntilDone(endpoint)
    } finally {
      this.#guard.release()
    }
  }

  async #tryUntilDone(endpoint: Endpoint): Promise<TransferReport> {
    const { world, order } = this.#options
    const { clock, retryPolicy, random } = world
    const book = this.#book
    book.setState('connecting')
    const protocol = await this.#acrossSleep(() => this.#withDevice(endpoint, at => this.#settleProtocol(at)))
    const bytes = await world.loadImage(order.image.sha256)
    let bestBytes = 0
    for (let attempt = 1, tries = 1; ; attempt++, tries++) {
      this.#stop.signal.throwIfAborted()
      const startedMs = clock.monotonicMs()
      try {
        return await this.#acrossSleep(() => {
          book.update({ attempts: book.snapshot.attempts + 1 })
          return this.#withDevice(endpoint, at => this.#runOnce(protocol, at, bytes))
        })
      } catch (thrown) {
        const error = asFlashproofError(thrown)
        if (!isTransient(error)) throw error
        // What would have been tried again is no failure of a job that was told to end.
        this.#stop.signal.throwIfAborted()
        this.#noteLoss(error, startedMs)
        const doneBytes = book.ledger === null ? 0 : book.doneBytes
        if (doneBytes > bestBytes) tries = 0
        bestBytes = Math.max(bestBytes, doneBytes)
        if (tries >= retryPolicy.jobTries || !this.#hasConnected) throw error
        this.#isResume = true
        book.log('warning', 'job.retry', `try ${String(attempt)} ended: ${error.message}`)
        book.restartMeter()
        await clock.delay(retryDelayMs(retryPolicy, Math.max(1, tries), random), this.#stop.signal)
      }
    }
  }

  /** Begins `work` again each time that a sleep of the computer ended it. */
  async #acrossSleep<Result>(work: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await work()
      } catch (thrown) {
        const { signal } = this.#awake
        const error = asFlashproofError(thrown)
        // A connection may have been found dead in the same moment.
        const isBySleep = signal.aborted && (error.code === 'job.slept' || isTransient(error))
        if (!isBySleep || this.#stop.signal.aborted) throw error
        this.#awake = new AbortController()
        this.#book.log('warning', 'job.slept', asFlashproofError(signal.reason).message)
        await this.#edge.pass(true)
        this.#isResume = true
      }
    }
  }

  /**
   * A board that never answered once is not retried: `--wait-device` is for that. One that was spoken to and broke off
   * may be restarting, and is waited for; where nothing could be sent to it for so long, its protocol waited already.
   */
  #noteLoss(error: FlashproofError, startedMs: number): void {
    const { state, device } = this.#book.snapshot
    if (state === 'connecting' && device === null && this.#book.ledger === null) return
    this.#hasConnected = true
    const { clock, retryPolicy } = this.#options.world
    const nowMs = clock.monotonicMs()
    if (!isNeverSent(error) || (state !== 'connecting' && nowMs - startedMs < retryPolicy.rebootTimeoutMs)) {
      this.#lostMs = nowMs
    }
  }

  async #settleProtocol(endpoint: Endpoint): Promise<TransferProtocol> {
    const { protocol, notes } = await this.#detect(endpoint)
    for (const note of notes) this.#book.log('info', 'probe.note', note)
    this.#settleOptions(protocol)
    assertImageForm(protocol, this.#order)
    this.#book.update({ protocol: protocol.descriptor.id })
    return protocol
  }

  /** An order for whatever the device speaks holds options as they were given; now it is known what they mean. */
  #settleOptions(protocol: TransferProtocol): void {
    const { order, secrets } = this.#options
    if (order.protocol !== null) return
    const given = { options: order.options, secrets }
    const settled = settleOptions(given, protocol, order.image.fileName)
    this.#order = { ...order, options: { ...settled.options } }
    this.#secrets = settled.secrets
  }

  /** Reads what the device speaks; an answer that broke on the way is asked for again. */
  async #detect(endpoint: Endpoint): Promise<Detection> {
    const { world, order } = this.#options
    const { clock, retryPolicy, random } = world
    for (let attempt = 1; ; attempt++) {
      try {
        return await detectProtocol({
          endpoint,
          // A job that goes on goes on with what it spoke before.
          wanted: order.protocol ?? (this.#isResume ? this.#book.snapshot.protocol : null),
          protocols: world.protocols,
          known: world.knownProtocols(endpoint),
          signal: this.#waitSignal,
          clock,
          timeoutMs: retryPolicy.requestTimeoutMs,
        })
      } catch (thrown) {
        const error = asFlashproofError(thrown)
        const mayPass = isTransient(error) && !isNeverSent(error) && !this.#stop.signal.aborted
        if (!mayPass || attempt >= Math.min(DETECTION_TRIES, retryPolicy.tries)) throw error
        this.#book.log('warning', 'probe.retry', error.message)
        await clock.delay(retryDelayMs(retryPolicy, attempt, random), this.#stop.signal)
      }
    }
  }

  /** Ends the waiting of a protocol: the job is stopped, or the computer slept. */
  get #waitSignal(): AbortSignal {
    return AbortSignal.any([this.#stop.signal, this.#awake.signal])
  }

  /** Waits for a device that is not there yet, as long as the order says, and for one that restarts. */
  async #withDevice<Result>(ordered: Endpoint, work: (at: Endpoint) => Promise<Result>): Promise<Result> {
    const { world, order } = this.#options
    const { clock, retryPolicy } = world
    const backByMs = this.#lostMs === null ? 0 : this.#lostMs + retryPolicy.rebootTimeoutMs
    const untilMs = Math.max(this.#book.startedMs + order.waitDeviceMs, backByMs)
    for (;;) {
      const endpoint = await this.#place.find(ordered)
      try {
        return await work(endpoint)
      } catch (thrown) {
        const mayWait = this.#book.snapshot.state === 'connecting' && clock.monotonicMs() < untilMs
        if (!isAway(thrown) || !mayWait || this.#stop.signal.aborted) throw thrown
        this.#book.log('info', 'device.awaited', `${endpoint.text} does not answer yet`)
        await clock.delay(Math.min(1000, 2 * retryPolicy.firstDelayMs), this.#stop.signal)
      }
    }
  }

  async #runOnce(protocol: TransferProtocol, endpoint: Endpoint, bytes: Uint8Array): Promise<TransferReport> {
    const { world } = this.#options
    const order = this.#order
    const secrets = this.#secrets
    const book = this.#book
    const { image } = order
    const earlierCompletion = book.snapshot.completion ?? 'none'
    // Evidence belongs to the run that gathered it; only a completion that was answered stays true for the next one.
    const kept = earlierCompletion === 'succeeded' ? book.snapshot.evidence.filter(isKeptFact) : []
    book.update({ evidence: kept, warnings: [] })
    return await protocol.run(
      {
        endpoint,
        image: {
          bytes,
          segments: segmentsOf(image, bytes),
          sha256: image.sha256,
          baseAddress: image.baseAddress,
          fileName: image.fileName,
          inspection: image.inspection,
        },
        options: { ...order.options, ...secrets },
        requiredLevel: order.required,
        expectedIdentity: book.snapshot.device,
        isResume: this.#isResume,
        earlierCompletion,
        telemetryBefore: book.snapshot.telemetryBefore ?? null,
        isDryRun: order.isDryRun,
      },
      createTransferContext({
        book,
        edge: this.#edge,
        decisions: this.#decisions,
        guard: this.#guard,
        world,
        signal: this.#waitSignal,
        requestSignal: AbortSignal.any([this.#hardStop.signal, this.#awake.signal]),
      }),
    )
  }
}

/**
 * The image was kept for what the device was thought to speak: filler must never be written where nobody meant any, nor a
 * gap be sent as a file.
 * @throws {FlashproofError} protocol.ambiguous
 */
function assertImageForm(protocol: TransferProtocol, { image }: StoredOrder): void {
  const isSpread = (image.segments ?? image.inspection.segments).length > 1
  if (!isSpread || (protocol.takesSegments === true) === (image.segments !== undefined)) return
  const { id } = protocol.descriptor
  const text = `the image lies in several pieces, and that the device speaks ${id} showed only now: name the protocol`
  throw new FlashproofError('protocol.ambiguous', text, {
    protocol: id,
    segments: image.inspection.segments.length,
  })
}

/** Views of the flat image, one for each run of data in it. */
function segmentsOf({ baseAddress, segments }: StoredOrder['image'], bytes: Uint8Array): readonly Segment[] {
  const base = baseAddress ?? 0
  if (segments === undefined) return [{ address: base, bytes }]
  return segments.map(({ address, sizeBytes }) => ({
    address,
    bytes: bytes.subarray(address - base, address - base + sizeBytes),
  }))
}

/** The MAC that the board must have because it was ordered by it, or by its name; null where it was ordered otherwise. */
function macOrdered({ orderedAs, orderedMac }: StoredOrder): string | null {
  if (orderedMac !== null || orderedAs === null) return orderedMac
  // Orders of earlier versions.
  const target = parseTarget(orderedAs)
  return target.kind === 'mac' ? target.value : null
}

function endpointOf(order: StoredOrder): Endpoint {
  const target = parseTarget(order.target)
  if (isEndpoint(target)) return target
  throw new FlashproofError('target.unknown', `“${order.target}” was not looked up`, { target: order.target })
}

/** Whether the job asks its board something now, or waits for its answer. */
export function isSpeaking({ state }: JobSnapshot): boolean {
  const silent: readonly JobState[] = ['queued', 'paused', 'waiting', ...endStates]
  return !silent.includes(state)
}

function isAway(thrown: unknown): boolean {
  return hasErrorCode(
    thrown,
    'network.refused',
    'network.unreachable',
    'network.timeout',
    'network.name-not-found',
    'serial.port-missing',
    'device.no-request',
  )
}

function isKeptFact(fact: EvidenceFact): boolean {
  const kept: readonly EvidenceLevel[] = ['sent', 'acknowledged']
  return kept.includes(fact.level)
}
