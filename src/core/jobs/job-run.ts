/**
 * One job from its first connection to its sealed record: keeps the snapshot, gives the protocol its world, and turns
 * whatever happens into exactly one end. Leaves the choice of when to run to `job-engine.ts`.
 */
import type {
  BoardNow,
  Decision,
  DeviceIdentity,
  EvidenceFact,
  EvidenceLevel,
  JobLogLine,
  JobSnapshot,
  JobState,
  TelemetrySample,
  Unplug,
} from '../../shared/contract/models.ts'
import { asFlashproofError, FlashproofError, hasErrorCode, toWireError } from '../../shared/errors.ts'
import { stripControl } from '../../shared/units.ts'
import { isoWithZone } from '../clock.ts'
import { isEndpoint, parseTarget, type Endpoint } from '../discovery/target.ts'
import type { Journal } from '../journal/journal.ts'
import { isTransient, retryDelayMs } from '../transfer/retry.ts'
import { ProgressMeter } from '../transfer/progress-meter.ts'
import type {
  CompletionState,
  LedgerSession,
  PhaseState,
  TransferContext,
  TransferProtocol,
  TransferReport,
} from '../transfer/transfer-protocol.ts'
import { judge } from '../transfer/verdict.ts'
import { compareIdentity, identityKey } from './identity.ts'
import { buildRecord } from './job-record.ts'
import type { StoredOrder } from './job-order.ts'
import type { JobWorld } from './job-world.ts'
import { detectProtocol } from './protocol-detection.ts'

/** A snapshot goes to the journal at every change of state, and this often while only the progress moves. */
const SAVE_PROGRESS_EVERY_MS = 500
/** How long a request under way may go on after a cancel, so that the device is not left with half of it. */
const CANCEL_GRACE_MS = 3000
const DISK_FULL_RETRY_MS = 1000

export interface JobRunOptions {
  readonly snapshot: JobSnapshot
  readonly order: StoredOrder
  readonly secrets: Readonly<Record<string, string>>
  readonly journal: Journal
  readonly world: JobWorld
  readonly isInteractive: boolean
  /** Whether an earlier process, or an earlier end, began this job. */
  readonly isResume: boolean
}

export class JobRun {
  readonly jobId: string
  readonly #order: StoredOrder
  readonly #journal: Journal
  readonly #world: JobWorld
  readonly #isInteractive: boolean
  readonly #stop = new AbortController()
  readonly #hardStop = new AbortController()
  readonly #locks = new Set<string>()
  readonly #durationsMs: Partial<Record<JobState, number>> = {}
  readonly #meter: ProgressMeter
  #snapshot: JobSnapshot
  #isResume: boolean
  #stateSinceMs: number
  #startedMs = 0
  #savedProgressMs = 0
  #session: { number: number; ledger: LedgerSession | null }
  #pause: { readonly promise: Promise<void>; readonly release: () => void } | null = null
  #answer: ((answer: 'accept' | 'refuse', by: string) => void) | null = null
  #endAs: 'cancelled' | 'interrupted' = 'cancelled'
  #hasEnded = false

  constructor(options: JobRunOptions) {
    this.#snapshot = options.snapshot
    this.#order = options.order
    this.#journal = options.journal
    this.#world = options.world
    this.#isInteractive = options.isInteractive
    this.#isResume = options.isResume
    this.jobId = options.snapshot.jobId
    this.#meter = new ProgressMeter(options.snapshot.totalBytes)
    this.#stateSinceMs = this.#world.clock.monotonicMs()
    const stored = this.#journal.ledger(this.jobId)
    this.#session = { number: stored?.session ?? 0, ledger: stored }
  }

  get snapshot(): JobSnapshot {
    return this.#snapshot
  }

  /** Runs the job to its end; never rejects. Resolves with the last snapshot. */
  async run(): Promise<JobSnapshot> {
    this.#startedMs = this.#world.clock.monotonicMs()
    try {
      this.#update({ startedAt: this.#snapshot.startedAt ?? this.#now(), endedAt: null, error: null, reason: null })
      const endpoint = endpointOf(this.#order)
      this.#lock(`endpoint:${endpoint.text.toLowerCase()}`)
      const report = await this.#transfer(endpoint)
      await this.#finish(report)
    } catch (thrown) {
      await this.#fail(asFlashproofError(thrown))
    } finally {
      this.#hasEnded = true
      for (const key of this.#locks) this.#world.locks.releaseLock(key, this.#world.owner)
      this.#journal.releaseJob(this.jobId)
      await this.#journal.commit().catch(() => undefined)
    }
    return this.#snapshot
  }

  /** Stops at the next chunk edge and stays there until `proceed`. */
  pause(): void {
    if (this.#pause !== null || this.#hasEnded) return
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.#pause = {
      promise: promise.then(() => undefined),
      release: () => {
        resolve(undefined)
      },
    }
  }

  proceed(): void {
    this.#pause?.release()
    this.#pause = null
  }

  /** Ends the job: a request under way may finish, nothing more is sent. `interrupted` jobs can be resumed without asking. */
  cancel(endAs: 'cancelled' | 'interrupted', reason: FlashproofError): void {
    if (this.#stop.signal.aborted || this.#hasEnded) return
    this.#endAs = endAs
    this.#log('info', `job.${endAs === 'cancelled' ? 'cancel' : 'interrupt'}`, reason.message)
    this.#stop.abort(reason)
    this.proceed()
    // A completion is never cut off: whether it took effect would then be unknown.
    const isCompleting = this.#snapshot.completion === 'sent'
    const graceMs = isCompleting ? 20 * CANCEL_GRACE_MS : CANCEL_GRACE_MS
    void this.#world.clock.delay(graceMs).then(() => {
      if (!this.#hasEnded) this.#hardStop.abort(reason)
    })
  }

  /** Answers the open question. @throws {FlashproofError} job.wrong-state when there is none of that code */
  answerDecision(code: string, answer: 'accept' | 'refuse', by: string): void {
    if (this.#answer === null || this.#snapshot.decision?.code !== code) {
      throw new FlashproofError('job.wrong-state', `job ${this.jobId} asks no “${code}”`, { jobId: this.jobId, code })
    }
    this.#answer(answer, by)
  }

  async #transfer(endpoint: Endpoint): Promise<TransferReport> {
    const { clock, retryPolicy, random } = this.#world
    this.#setState('connecting')
    const protocol = await this.#withDevice(endpoint, () => this.#settleProtocol(endpoint))
    const bytes = await this.#world.loadImage(this.#order.image.sha256)
    let bestBytes = 0
    for (let attempt = 1, tries = 1; ; attempt++, tries++) {
      this.#update({ attempts: this.#snapshot.attempts + 1 })
      try {
        return await this.#withDevice(endpoint, () => this.#runOnce(protocol, endpoint, bytes))
      } catch (thrown) {
        const error = asFlashproofError(thrown)
        if (this.#stop.signal.aborted || !isTransient(error)) throw error
        const doneBytes = this.#session.ledger === null ? 0 : this.#snapshot.doneBytes
        if (doneBytes > bestBytes) tries = 0
        bestBytes = Math.max(bestBytes, doneBytes)
        if (tries >= retryPolicy.jobTries || this.#hasNeverConnected) throw error
        this.#isResume = true
        this.#log('warning', 'job.retry', `try ${String(attempt)} ended: ${error.message}`)
        this.#meter.restart()
        await clock.delay(retryDelayMs(retryPolicy, Math.max(1, tries), random), this.#stop.signal)
      }
    }
  }

  /** A board that never answered once is not retried: `--wait-device` is for that. */
  get #hasNeverConnected(): boolean {
    return this.#snapshot.state === 'connecting' && this.#snapshot.device === null && this.#session.ledger === null
  }

  async #settleProtocol(endpoint: Endpoint): Promise<TransferProtocol> {
    const { protocol, notes } = await detectProtocol({
      endpoint,
      wanted: this.#order.protocol,
      protocols: this.#world.protocols,
      signal: this.#stop.signal,
      clock: this.#world.clock,
      timeoutMs: this.#world.retryPolicy.requestTimeoutMs,
    })
    for (const note of notes) this.#log('info', 'probe.note', note)
    this.#update({ protocol: protocol.descriptor.id })
    return protocol
  }

  /** Waits for a device that is not there yet, as long as the order says. */
  async #withDevice<Result>(endpoint: Endpoint, work: () => Promise<Result>): Promise<Result> {
    const { clock, retryPolicy } = this.#world
    const untilMs = this.#startedMs + this.#order.waitDeviceMs
    for (;;) {
      try {
        return await work()
      } catch (thrown) {
        const isAway = hasErrorCode(
          thrown,
          'network.refused',
          'network.unreachable',
          'network.timeout',
          'network.name-not-found',
        )
        const mayWait = this.#snapshot.state === 'connecting' && clock.monotonicMs() < untilMs
        if (!isAway || !mayWait || this.#stop.signal.aborted) throw thrown
        this.#log('info', 'device.awaited', `${endpoint.text} does not answer yet`)
        await clock.delay(Math.min(1000, 2 * retryPolicy.firstDelayMs), this.#stop.signal)
      }
    }
  }

  async #runOnce(protocol: TransferProtocol, endpoint: Endpoint, bytes: Uint8Array): Promise<TransferReport> {
    const { image } = this.#order
    const earlierCompletion = this.#snapshot.completion ?? 'none'
    // Evidence belongs to the run that gathered it; only a completion that was answered stays true for the next one.
    const kept = earlierCompletion === 'succeeded' ? this.#snapshot.evidence.filter(isKeptFact) : []
    this.#update({ evidence: kept, warnings: [] })
    return await protocol.run(
      {
        endpoint,
        image: {
          bytes,
          sha256: image.sha256,
          baseAddress: image.baseAddress,
          fileName: image.fileName,
          inspection: image.inspection,
        },
        options: this.#order.options,
        requiredLevel: this.#order.required,
        expectedIdentity: this.#snapshot.device,
        isResume: this.#isResume,
        earlierCompletion,
        isDryRun: this.#order.isDryRun,
      },
      this.#context(),
    )
  }

  #context(): TransferContext {
    const { clock, random, retryPolicy } = this.#world
    return {
      signal: this.#stop.signal,
      requestSignal: this.#hardStop.signal,
      clock,
      random,
      retryPolicy,
      enter: (state, board) => {
        this.#enter(state, board)
      },
      progress: doneBytes => {
        this.#progress(doneBytes)
      },
      log: (level, code, text) => {
        this.#log(level, code, text)
      },
      warn: text => {
        if (!this.#snapshot.warnings.includes(text)) this.#update({ warnings: [...this.#snapshot.warnings, text] })
      },
      addEvidence: fact => {
        this.#addEvidence({ ...fact, value: stripControl(fact.value, 200), at: this.#now() })
      },
      addTelemetry: sample => {
        this.#addTelemetry(sample)
      },
      countRetry: () => {
        this.#update({ retries: this.#snapshot.retries + 1 })
      },
      setRequired: level => {
        this.#update({ required: level })
      },
      setVersion: (when, version) => {
        const clean = stripControl(version, 80)
        if (when === 'after') this.#update({ versionAfter: clean })
        else if ((this.#snapshot.versionBefore ?? null) === null) this.#update({ versionBefore: clean })
      },
      identify: identity => this.#identify(identity),
      checkpoint: () => this.#checkpoint(),
      ledger: () => this.#session.ledger,
      startSession: session => {
        this.#startSession(session)
      },
      acknowledge: chunk => {
        this.#acknowledge(chunk)
      },
      markCompletion: state => this.#markCompletion(state),
      isAccepted: code => this.#isAccepted(code),
      decide: (code, question, details) => this.#decide(code, question, details),
    }
  }

  #identify(identity: DeviceIdentity | null): Promise<void> {
    const known = this.#snapshot.device
    const clean = identity === null ? null : cleanIdentity(identity)
    if (known !== null && identityKey(known) !== null) {
      if (clean === null) {
        return Promise.reject(new FlashproofError('device.bad-answer', 'the device does not say who it is any more'))
      }
      const comparison = compareIdentity(known, clean)
      if (comparison === 'other') {
        this.#update({ boardNow: 'unknown' })
        const text = 'another board answers at this address'
        return Promise.reject(new FlashproofError('device.identity-changed', text, { expected: known, found: clean }))
      }
    }
    if (clean !== null) {
      const key = identityKey(clean)
      try {
        if (key !== null) this.#lock(`device:${key}`)
      } catch (error) {
        return Promise.reject(asFlashproofError(error))
      }
      if (known === null) {
        this.#update({ device: clean })
        this.#world.onDeviceSeen(this.#snapshot)
      }
    }
    return Promise.resolve()
  }

  async #checkpoint(): Promise<{ wasPaused: boolean }> {
    this.#stop.signal.throwIfAborted()
    let wasPaused = await this.#commitOrWait()
    if (this.#pause !== null) {
      wasPaused = true
      const state = this.#snapshot.state
      this.#setState('paused')
      await this.#journal.commit().catch(() => undefined)
      await this.#pause.promise
      this.#stop.signal.throwIfAborted()
      this.#meter.restart()
      this.#setState(state)
    }
    return { wasPaused }
  }

  /** Commits what is queued. A full disk pauses the job here, before the next chunk, until there is room again. */
  async #commitOrWait(): Promise<boolean> {
    let state: JobState | null = null
    for (;;) {
      try {
        await this.#journal.commit()
        if (state !== null) {
          this.#update({ error: null })
          this.#setState(state)
        }
        return state !== null
      } catch (error) {
        if (!hasErrorCode(error, 'journal.disk-full')) throw error
        if (state === null) {
          state = this.#snapshot.state
          this.#update({ error: toWireError(error) })
          this.#setState('paused')
        }
        await this.#world.clock.delay(DISK_FULL_RETRY_MS, this.#stop.signal)
      }
    }
  }

  #startSession(session: Omit<LedgerSession, 'have'>): void {
    const number = this.#session.number + 1
    this.#session = { number, ledger: { ...session, have: new Uint8Array(Math.ceil(session.totalChunks / 8)) } }
    this.#journal.startSession(this.jobId, { session: number, ...session })
  }

  #acknowledge(chunk: { index: number; sizeBytes: number; attempt: number; durationMs: number }): void {
    const { ledger, number } = this.#session
    if (ledger !== null) ledger.have[chunk.index >> 3] = (ledger.have[chunk.index >> 3] ?? 0) | (1 << (chunk.index & 7))
    this.#journal.addChunk(this.jobId, { session: number, elapsedMs: this.#elapsedMs(), ...chunk })
  }

  async #markCompletion(completion: CompletionState): Promise<void> {
    if (completion === 'failed' && this.#session.ledger !== null) {
      // The device dropped its parts with the failure, so no chunk of this session counts any more.
      this.#session.ledger.have.fill(0)
      this.#journal.clearLedger(this.jobId, this.#session.number)
    }
    this.#update({ completion })
    this.#log('info', `completion.${completion}`, `completion ${completion}`)
    this.#save()
    await this.#commitOrWait()
  }

  #isAccepted(code: string): Promise<boolean> {
    const isAccepted = this.#order.accept.includes(code)
    if (isAccepted) this.#settleDecision(this.#newDecision(code, code, {}), 'accept', this.#order.acceptedBy)
    return Promise.resolve(isAccepted)
  }

  async #decide(code: string, question: string, details: Readonly<Record<string, unknown>>): Promise<void> {
    const decision = this.#newDecision(code, question, details)
    if (this.#order.accept.includes(code)) {
      this.#settleDecision(decision, 'accept', this.#order.acceptedBy)
      return
    }
    const refusal = new FlashproofError('job.decision-needed', question, { ...details, accept: code })
    if (!this.#isInteractive) {
      this.#settleDecision(decision, 'refuse', 'nobody was there to ask')
      throw refusal
    }
    const state = this.#snapshot.state
    const { promise, resolve, reject } = Promise.withResolvers<{ answer: 'accept' | 'refuse'; by: string }>()
    const onStop = (): void => {
      reject(asFlashproofError(this.#stop.signal.reason))
    }
    this.#stop.signal.addEventListener('abort', onStop, { once: true })
    this.#answer = (answer, by) => {
      resolve({ answer, by })
    }
    this.#update({ decision })
    this.#setState('waiting')
    this.#world.onDecision(this.jobId, decision)
    try {
      const { answer, by } = await promise
      this.#settleDecision(decision, answer, by)
      if (answer === 'refuse') throw refusal
      this.#setState(state)
    } finally {
      this.#answer = null
      this.#update({ decision: null })
      this.#stop.signal.removeEventListener('abort', onStop)
    }
  }

  #newDecision(code: string, question: string, details: Readonly<Record<string, unknown>>): Decision {
    return {
      code,
      question,
      details: { ...details },
      askedAt: this.#now(),
      answer: null,
      answeredAt: null,
      answeredBy: null,
    }
  }

  #settleDecision(decision: Decision, answer: 'accept' | 'refuse', by: string): void {
    const settled = { ...decision, answer, answeredAt: this.#now(), answeredBy: by }
    this.#update({ decisions: [...(this.#snapshot.decisions ?? []), settled] })
    this.#log('warning', 'decision.answered', `${decision.code}: ${answer} (${by})`)
  }

  async #finish(report: TransferReport): Promise<void> {
    const board = { boardNow: report.boardNow, unplug: report.unplug }
    if (this.#order.isDryRun) {
      this.#update({ ...board, warnings: [...this.#snapshot.warnings, 'Dry run: nothing was sent.'] })
      this.#end('finished')
      await this.#commitOrWait()
      return
    }
    const judgement = judge({
      facts: this.#snapshot.evidence,
      required: this.#snapshot.required,
      outcome: report.outcome,
    })
    await this.#seal('finished', { ...board, ...judgement })
  }

  async #fail(error: FlashproofError): Promise<void> {
    const wasStopped = this.#stop.signal.aborted
    const state = wasStopped ? this.#endAs : 'failed'
    if (state === 'interrupted') {
      this.#end('interrupted')
      return
    }
    this.#log(wasStopped ? 'info' : 'error', error.code, error.message)
    const wire = toWireError(error)
    const change: Partial<JobSnapshot> = {
      error: { code: wire.code, message: wire.message, details: { ...wire.details } },
    }
    if (this.#snapshot.completion === 'sent') change.reason = 'outcome-unknown'
    await this.#seal(state, change).catch((sealError: unknown) => {
      const reason = asFlashproofError(sealError)
      this.#update({ error: { code: reason.code, message: reason.message, details: {} } })
      this.#end(state)
    })
  }

  /** Writes the record, then shows the end: nothing counts as done that the journal does not hold. */
  async #seal(state: 'finished' | 'failed' | 'cancelled', change: Partial<JobSnapshot>): Promise<void> {
    await (state === 'finished' ? this.#commitOrWait() : this.#journal.commit())
    const last: JobSnapshot = {
      ...this.#snapshot,
      ...change,
      state,
      endedAt: this.#now(),
      bytesPerSecond: null,
      remainingMs: null,
      revision: this.#snapshot.revision + 1,
    }
    this.#noteDuration()
    this.#journal.saveSnapshot(last)
    const record = buildRecord({
      snapshot: last,
      order: this.#order,
      durationsMs: this.#durationsMs,
      world: this.#world,
    })
    for (;;) {
      try {
        await this.#journal.sealRecord(record)
        break
      } catch (error) {
        const mayWait = state === 'finished' && hasErrorCode(error, 'journal.disk-full')
        if (!mayWait) throw error
        await this.#world.clock.delay(DISK_FULL_RETRY_MS, this.#stop.signal)
      }
    }
    this.#snapshot = last
    this.#world.onSnapshot(last)
  }

  #end(state: JobState): void {
    this.#noteDuration()
    this.#update({ state, endedAt: this.#now(), bytesPerSecond: null, remainingMs: null })
    this.#save()
  }

  #enter(state: PhaseState, board: { readonly boardNow: BoardNow; readonly unplug: Unplug }): void {
    this.#update(board)
    this.#setState(state)
  }

  #setState(state: JobState): void {
    if (state === this.#snapshot.state) {
      this.#save()
      return
    }
    this.#noteDuration()
    this.#update({ state })
    this.#log('debug', 'job.state', state)
    this.#save()
  }

  #noteDuration(): void {
    const nowMs = this.#world.clock.monotonicMs()
    const state = this.#snapshot.state
    this.#durationsMs[state] = Math.round((this.#durationsMs[state] ?? 0) + nowMs - this.#stateSinceMs)
    this.#stateSinceMs = nowMs
  }

  #progress(doneBytes: number): void {
    const nowMs = this.#world.clock.monotonicMs()
    this.#meter.add(nowMs, doneBytes)
    this.#update({
      doneBytes,
      bytesPerSecond: rounded(this.#meter.bytesPerSecond),
      remainingMs: rounded(this.#meter.remainingMs),
    })
    if (nowMs - this.#savedProgressMs >= SAVE_PROGRESS_EVERY_MS) this.#save()
  }

  #addEvidence(fact: EvidenceFact): void {
    this.#update({ evidence: [...this.#snapshot.evidence, fact] })
    this.#journal.addEvidence(this.jobId, fact)
    this.#save()
  }

  #addTelemetry(sample: TelemetrySample): void {
    const stamped = { ...sample, elapsedMs: this.#elapsedMs() }
    this.#journal.addTelemetry(this.jobId, stamped)
    this.#world.onTelemetry(this.jobId, this.#snapshot.target, stamped)
  }

  #log(level: JobLogLine['level'], code: string, text: string): void {
    const line: JobLogLine = {
      at: this.#now(),
      elapsedMs: this.#elapsedMs(),
      level,
      code,
      text: stripControl(text, 500),
    }
    this.#journal.addLogLine(this.jobId, line)
    this.#world.onLog(this.jobId, line)
  }

  #save(): void {
    this.#savedProgressMs = this.#world.clock.monotonicMs()
    this.#journal.saveSnapshot(this.#snapshot)
  }

  #update(change: Partial<JobSnapshot>): void {
    this.#snapshot = { ...this.#snapshot, ...change, revision: this.#snapshot.revision + 1 }
    this.#world.onSnapshot(this.#snapshot)
  }

  #lock(key: string): void {
    if (this.#locks.has(key)) return
    this.#world.locks.acquireLock(key, this.#world.owner, {
      command: this.#world.command,
      since: this.#now(),
      jobId: this.jobId,
    })
    this.#locks.add(key)
  }

  #now(): string {
    return isoWithZone(this.#world.clock.nowMs())
  }

  #elapsedMs(): number {
    return Math.round(this.#world.clock.monotonicMs() - this.#startedMs)
  }
}

function endpointOf(order: StoredOrder): Endpoint {
  const target = parseTarget(order.target)
  if (isEndpoint(target)) return target
  throw new FlashproofError('target.unknown', `“${order.target}” was not looked up`, { target: order.target })
}

function isKeptFact(fact: EvidenceFact): boolean {
  const kept: readonly EvidenceLevel[] = ['sent', 'acknowledged']
  return kept.includes(fact.level)
}

/** Names and ids come from the device and are hostile until cleaned. */
function cleanIdentity(identity: DeviceIdentity): DeviceIdentity {
  const clean: DeviceIdentity = {}
  for (const field of ['id', 'mac', 'usbSerial', 'chip', 'board', 'name'] as const) {
    const value = identity[field]
    if (value !== undefined) clean[field] = stripControl(value, 80)
  }
  return clean
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value)
}
