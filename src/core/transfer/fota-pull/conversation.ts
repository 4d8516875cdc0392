/**
 * What one device asks and is answered, and what that says of it: how far it is, whether it has everything, what it reports
 * of its restart. Knows no time limits; `run.ts` watches those.
 */
import { asFlashproofError, FlashproofError } from '../../../shared/errors.ts'
import { stripControl } from '../../../shared/units.ts'
import type { TransferContext, TransferOrder } from '../transfer-protocol.ts'
import { standingAtStart, unclear, unsure, untouched, type BoardStanding } from './board-now.ts'
import { askedBytes } from './byte-range.ts'
import { DevicePace } from './device-pace.ts'
import type { PullOptions } from './options.ts'
import { jsonAnswer, type PullAnswer, type PullRequest } from './pull-request.ts'
import type { ExpectedDevice } from './pull-server.ts'
import type { Release } from './release.ts'
import { readStatusReport, type StatusReport } from './status-report.ts'

/**
 * `silent`: nobody came. `talking`: it asks, and downloads nothing yet. `fetching`: chunks or the plain image go out.
 * `fetched`: it was served everything. `restarting`: it said that it has everything.
 */
export type Phase = 'silent' | 'talking' | 'fetching' | 'fetched' | 'restarting'

/** What ends the conversation, by the device's word. */
export type Outcome =
  | { readonly kind: 'success'; readonly version: string | null }
  | { readonly kind: 'old-firmware'; readonly text: string }
  | { readonly kind: 'boot-failed'; readonly text: string }
  /** `isSaid`: in the device's own words; else by what it asks for. */
  | { readonly kind: 'refused'; readonly text: string; readonly isSaid: boolean }
  /** It downloads again and again what it had whole: nobody knows what it runs. */
  | { readonly kind: 'loops'; readonly text: string }

export interface ConversationParts {
  readonly order: TransferOrder
  readonly options: PullOptions
  readonly context: TransferContext
  readonly release: Release
  readonly holdMs: number
  /** Looks at the device before the first byte. @throws {FlashproofError} why it must not be served */
  readonly admit: () => Promise<void>
  /** The conversation is over, or must be. */
  readonly onChange: () => void
}

/** A device that begins again more often than this, after it had everything, does not start what it gets. */
const MOST_COMPLETE_DOWNLOADS = 3
/** A chunk that is asked for this often does not please the device. */
const MOST_REPEATS = 20
/** A device that begins again this often, and never gets further than before, does not like what it gets. */
const MOST_FRUITLESS_STARTS = 20
/** Lines of one kind that the log of a job keeps: what devices ask and say must not fill the disk. */
const MOST_LINES_OF_A_KIND = 2000

/** The ledger may lag behind a device; a commit for every chunk would take longer than serving it. */
const WRITE_LEDGER_EVERY_MS = 50
/** Ends the clock of an answer that was not held back. */
const edgePassed = new FlashproofError('call.aborted', 'the edge was passed')

export class Conversation implements ExpectedDevice {
  readonly #parts: ConversationParts
  readonly isHostChecked: boolean
  readonly deviceId: string
  readonly strangers: string[] = []
  address: string | null
  pace: DevicePace
  phase: Phase = 'silent'
  /** Monotonic. */
  lastHeardMs: number | null = null
  phaseSinceMs: number
  /** When it last got something that it did not have. */
  advancedMs: number
  outcome: Outcome | null = null
  failure: FlashproofError | null = null
  /** It says that it failed, and may begin again by itself. */
  complaint: { readonly text: string; readonly atMs: number } | null = null
  /** Its new firmware failed to start, and what came of it was not said yet. */
  bootFailure: { readonly text: string; readonly atMs: number } | null = null
  /** It asked again and names our version: it runs it, by that word alone. */
  namedOursAtMs: number | null = null
  versionBefore: string | null = null
  /** It takes the plain image, of which it reports nothing. */
  isPlainDownload = false
  hasHeardFarewell = false
  /** It told its Device-ID. */
  isNamed = false
  #standing: BoardStanding
  #admission: Promise<void> | null = null
  #isAdmitted = false
  #edge: Promise<void> | null = null
  #isSentSaid = false
  #isHandedOver = false
  /** Acknowledged chunks that are not in the ledger yet. */
  readonly #unwritten: number[] = []
  #writtenMs = Number.NEGATIVE_INFINITY
  #completeDownloads = 0
  #complaints = 0
  #repeated = { index: -1, count: 0 }
  /** Most bytes that went out without a new beginning, and how often it began again since without more. */
  #furthestBytes = 0
  #fruitlessStarts = 0
  /** How the board stood before the image that goes out now. */
  #before: BoardStanding
  #isOver = false
  #hasWarnedOfCount = false
  readonly #lines = new Map<string, number>()
  #isRollbackAsked: boolean
  /** End of the plain image's bytes that were served without a hole. */
  #plainEnd = 0
  /** How far the plain image went out since it was last begun; `isTry`: it was meant to go out whole, not its head alone. */
  #plainTry = { reachedBytes: 0, isTry: false }

  constructor(deviceId: string, address: string | null, parts: ConversationParts) {
    this.#parts = parts
    const { order, options, release, context } = parts
    this.deviceId = deviceId
    this.address = address
    this.isHostChecked = options.isHostChecked
    this.#isRollbackAsked = options.rollbackReason !== ''
    this.#standing = standingAtStart(order.earlierCompletion)
    this.#before = order.earlierCompletion === 'none' ? untouched : unsure
    this.#isHandedOver = order.earlierCompletion === 'sent' || order.earlierCompletion === 'succeeded'
    this.phaseSinceMs = context.clock.monotonicMs()
    this.advancedMs = this.phaseSinceMs
    const ledger = context.ledger()
    const isSame = ledger?.imageSha256 === order.image.sha256 && ledger.chunkBytes === release.chunkBytes
    const have = order.isResume && isSame ? ledger.have : undefined
    this.pace = new DevicePace(release.sizeBytes, release.chunkBytes, have)
    if (order.isResume && (order.earlierCompletion === 'sent' || order.earlierCompletion === 'succeeded')) {
      // What an earlier run served whole stays served; a device that begins again says so by asking.
      this.phase = order.earlierCompletion === 'sent' ? 'fetched' : 'restarting'
      for (let index = 0; index < release.totalChunks; index++) this.pace.serve(index)
    }
  }

  /** From now on only a new word counts. */
  forgetOutcome(): void {
    this.outcome = null
    this.bootFailure = null
  }

  /** The job has ended: whoever still asks is answered nothing, and is counted nowhere. */
  end(): void {
    this.#writeLedger()
    this.#isOver = true
  }

  /** How the board stands where the device did not take the image. */
  get standingIfRefused(): BoardStanding {
    return this.phase === 'restarting' ? unsure : this.#before
  }

  /** Whether the last of the image left for it, or is about to. */
  get isHandedOver(): boolean {
    return this.#isHandedOver
  }

  /** A pause holds an answer back now; the silence is ours then. */
  get isHolding(): boolean {
    return this.#edge !== null
  }

  /** It was told that its release was taken away. */
  onFarewell(): void {
    this.hasHeardFarewell = true
  }

  onStranger(text: string): void {
    this.strangers.push(text)
    this.#parts.context.log('warning', 'pull.stranger', text)
  }

  async answer(request: PullRequest): Promise<PullAnswer> {
    const { context, options, onChange } = this.#parts
    if (this.#isOver) return withdrawnAnswer()
    this.#hear(request)
    try {
      if (request.deviceId !== null) await this.#name()
      const { path, method } = request
      const route = path.startsWith(`${options.prefix}/`) ? path.slice(options.prefix.length + 1) : ''
      if (path === options.downloadPath) {
        return method === 'GET' || method === 'HEAD' ? await this.#plain(request) : notAllowed('GET, HEAD')
      }
      switch (route) {
        case 'manifest':
          return method === 'GET' ? await this.#manifest(request) : notAllowed('GET')
        case 'chunk':
          return method === 'GET' ? await this.#chunk(request) : notAllowed('GET')
        case 'status':
          return method === 'POST' ? await this.#status(request) : notAllowed('POST')
        case 'rollback-status':
          return method === 'GET' ? this.#rollbackStatus() : notAllowed('GET')
        default:
          this.#log('info', 'pull.unknown-path', `${method} ${stripControl(path, 120)}: there is nothing`)
          return jsonAnswer(404, { error: 'Not found' })
      }
    } catch (thrown) {
      const error = asFlashproofError(thrown)
      // A stop is told by the run itself.
      if (!context.signal.aborted) this.failure ??= error
      return withdrawnAnswer()
    } finally {
      // Everything else the run finds when it looks at its clock; waking it for every chunk would take longer than serving.
      if (this.outcome !== null || this.failure !== null) onChange()
    }
  }

  #log(level: 'debug' | 'info' | 'warning', code: string, text: string): void {
    const count = (this.#lines.get(code) ?? 0) + 1
    this.#lines.set(code, count)
    if (count > MOST_LINES_OF_A_KIND) return
    const { context } = this.#parts
    context.log(level, code, text)
    if (count === MOST_LINES_OF_A_KIND) context.log('info', code, 'further lines of this kind are not kept')
  }

  #hear(request: PullRequest): void {
    const { context } = this.#parts
    const isFirst = this.lastHeardMs === null
    this.lastHeardMs = context.clock.monotonicMs()
    if (!isFirst) return
    const name = request.deviceId === null ? ' without a Device-ID: taken for this one, the only one expected' : ''
    context.log('info', 'device.heard', `${request.remoteAddress} asks for ${stripControl(request.path, 120)}${name}`)
    if (this.phase === 'silent') this.#enter('talking')
  }

  /** It says that it is the one that is expected. */
  async #name(): Promise<void> {
    if (this.isNamed) return
    this.isNamed = true
    await this.#parts.context.identify({ id: this.deviceId })
  }

  #advance(): void {
    this.advancedMs = this.#parts.context.clock.monotonicMs()
  }

  #enter(phase: Phase): void {
    if (this.phase === phase) return
    this.phase = phase
    this.phaseSinceMs = this.#parts.context.clock.monotonicMs()
    this.#advance()
  }

  async #manifest(request: PullRequest): Promise<PullAnswer> {
    const { release } = this.#parts
    await this.#noteVersion(request)
    this.#log('debug', 'pull.manifest', `version ${request.version ?? 'not said'}`)
    return jsonAnswer(200, release.manifest())
  }

  /** The version that a device names while it asks: the old one again after it had everything means that it went back. */
  async #noteVersion({ version }: PullRequest): Promise<void> {
    if (version === null) return
    const { context, release } = this.#parts
    const isOurs = version === release.version
    const hasAll = this.phase === 'fetched' || this.phase === 'restarting'
    if (!hasAll) {
      this.versionBefore ??= version
      context.setVersion('before', version)
      if (isOurs) {
        context.warn(
          `The device says that it runs ${version} already; it downloads only what has another version text.`,
        )
      }
      return
    }
    if (isOurs) {
      await this.#haveAll('it asks again and names our version')
      context.setVersion('after', version)
      this.namedOursAtMs ??= context.clock.monotonicMs()
      return
    }
    // Before it said that it has everything it may simply ask again.
    if (this.phase !== 'restarting' || (this.versionBefore !== null && version !== this.versionBefore)) return
    context.setVersion('after', version)
    this.outcome = { kind: 'old-firmware', text: `it asks again and names the old version ${version}` }
  }

  async #chunk({ query }: PullRequest): Promise<PullAnswer> {
    const { release } = this.#parts
    const names = ['chunk_number', 'chunk'].flatMap(key => query.getAll(key))
    const [name = ''] = names
    if (!/^\d{1,9}$/.test(name) || names.some(other => other !== name)) {
      return jsonAnswer(400, { error: 'Bad chunk number' })
    }
    const index = Number(name)
    if (index >= release.totalChunks) return jsonAnswer(404, { error: 'Chunk not found' })
    if (this.pace.kindOf(index) === 'start-over') await this.#startOver()
    // Reached before this question counts: what the questions before it acknowledged is on the disk when this chunk leaves,
    // and what this one acknowledges is written while the device works.
    const edge = this.#reachEdge()
    this.#count(index)
    if ((await this.#gate(edge)) === 'held') return heldAnswer()
    if (this.#isOver) return withdrawnAnswer()
    if (this.phase !== 'fetched' && this.phase !== 'restarting') this.#beginFetching()
    const { pace } = this
    if (pace.leave(index)) await this.#handOver()
    return {
      ...jsonAnswer(200, release.chunk(index)),
      onEnd: isWhole => {
        // It began again meanwhile: what left before counts no more.
        if (!isWhole || this.#isOver || pace !== this.pace) return
        if (pace.kindOf(index) !== 'repeat') this.#advance()
        pace.serve(index)
        if (pace.isAllServed) this.#allServed()
      },
    }
  }

  #count(index: number): void {
    const { context } = this.#parts
    const kind = this.pace.kindOf(index)
    if (kind === 'repeat') {
      context.countRetry()
      this.#log('info', 'chunk.repeated', `chunk ${String(index)} is asked for again`)
      if (index === this.#repeated.index) this.#repeated.count++
      else this.#repeated = { index, count: 1 }
      if (this.#repeated.count >= MOST_REPEATS) {
        const text = `it asks for chunk ${String(index)} again and again: it may hold another key, or check another signature`
        this.outcome = { kind: 'refused', text, isSaid: false }
      }
    }
    if (kind === 'out-of-order') {
      this.#log('info', 'chunk.out-of-order', `chunk ${String(index)} is asked for out of order`)
    }
    this.#acknowledge(this.pace.ask(index))
  }

  #acknowledge(indexes: readonly number[]): void {
    if (indexes.length === 0) return
    const { context } = this.#parts
    for (const index of indexes) this.#unwritten.push(index)
    context.progress(this.pace.doneBytes)
    if (context.clock.monotonicMs() - this.#writtenMs >= WRITE_LEDGER_EVERY_MS) this.#writeLedger()
  }

  #writeLedger(): void {
    const { context } = this.#parts
    this.#writtenMs = context.clock.monotonicMs()
    for (const index of this.#unwritten.splice(0)) {
      context.acknowledge({ index, sizeBytes: this.pace.sizeOf(index), attempt: 1, durationMs: 0 })
    }
  }

  #beginFetching(): void {
    this.complaint = null
    if (this.phase === 'fetching') return
    this.#enter('fetching')
    const { context } = this.#parts
    context.enter('transferring', this.#standing)
    context.progress(this.pace.doneBytes)
  }

  /** It begins again: what it had counts no more. */
  async #startOver(): Promise<void> {
    const { context, release } = this.#parts
    const hadAll = this.phase === 'fetched' || this.phase === 'restarting'
    this.#log('warning', 'pull.start-over', 'the device begins again with chunk 0')
    this.#writeLedger()
    const { doneBytes } = this.pace
    this.pace = new DevicePace(release.sizeBytes, release.chunkBytes)
    if (hadAll) this.#countDownload()
    else this.#countFruitless(doneBytes)
    // Words on the download before.
    this.bootFailure = null
    this.namedOursAtMs = null
    context.countRetry()
    this.#enter('talking')
    if (this.#isHandedOver) {
      this.#isHandedOver = false
      this.#before = unsure
      this.#standing = unsure
      await context.markCompletion('failed')
    }
    this.startSession()
  }

  /** It begins again before it had everything. @param reachedBytes how far it got before */
  #countFruitless(reachedBytes: number): void {
    if (reachedBytes > this.#furthestBytes) {
      this.#furthestBytes = reachedBytes
      this.#fruitlessStarts = 0
      return
    }
    if (++this.#fruitlessStarts < MOST_FRUITLESS_STARTS) return
    const text = `it begins again and again, and never gets further than ${String(this.#furthestBytes)} bytes`
    this.outcome ??= { kind: 'refused', text, isSaid: false }
  }

  #countDownload(): void {
    if (++this.#completeDownloads < MOST_COMPLETE_DOWNLOADS) return
    this.outcome = { kind: 'loops', text: 'it downloads the whole image again and again, and reports no start of it' }
  }

  /** Begins a ledger of what the device acknowledges. */
  startSession(url?: string): void {
    const { context, order, release } = this.#parts
    context.startSession({
      chunkBytes: release.chunkBytes,
      totalChunks: release.totalChunks,
      imageSha256: order.image.sha256,
      deviceKey: this.deviceId.toLowerCase(),
      targetPath: url ?? context.ledger()?.targetPath ?? '',
    })
  }

  /** The last of what it lacks is about to leave: from then on it may switch and restart. */
  async #handOver(): Promise<void> {
    if (this.phase === 'fetched' || this.phase === 'restarting') return
    this.#writeLedger()
    const { context } = this.#parts
    this.#isHandedOver = true
    this.#standing = unclear
    context.enter('transferring', unclear)
    await context.markCompletion('sent')
  }

  #allServed(): void {
    if (this.phase === 'fetched' || this.phase === 'restarting') return
    const { context, order } = this.#parts
    if (!this.#isSentSaid) {
      this.#isSentSaid = true
      const value = String(order.image.bytes.length)
      context.addEvidence({ level: 'sent', basis: 'host-sent', method: 'byte-count', value, matches: null })
    }
    this.#enter('fetched')
    context.enter('verifying', unclear)
  }

  async #status({ body }: PullRequest): Promise<PullAnswer> {
    const { context } = this.#parts
    const report = readStatusReport(body)
    if (typeof report === 'string') {
      this.#log('warning', 'pull.bad-status', `${report}: ${stripControl(body, 200)}`)
      return jsonAnswer(400, { error: report })
    }
    this.#log('info', 'pull.status', describe(report))
    const { totalChunks } = this.#parts.release
    const isOther = report.totalChunks !== undefined && report.totalChunks !== 0 && report.totalChunks !== totalChunks
    if (isOther && !this.#hasWarnedOfCount) {
      this.#hasWarnedOfCount = true
      context.warn(
        `The device counts ${String(report.totalChunks)} chunks, this release has ${String(totalChunks)}: it goes by another manifest.`,
      )
    }
    if (report.chunkReceived !== undefined) this.#acknowledge(this.pace.report(report.chunkReceived))
    await this.#judge(report)
    return jsonAnswer(200, { status: 'success' })
  }

  async #judge(report: StatusReport): Promise<void> {
    const { context } = this.#parts
    const { bootStatus, newVersion, isRolledBack, error } = report
    const hasAll = this.phase === 'fetched' || this.phase === 'restarting'
    const reason = error === undefined ? '' : `: ${error}`
    if (isRolledBack === true || bootStatus === 'failed') {
      if (this.phase === 'silent' || this.phase === 'talking') {
        this.#log('info', 'pull.old-status', 'this status is about an earlier update')
      } else if (isRolledBack === true) {
        this.outcome = { kind: 'old-firmware', text: `it went back to its old firmware${reason}` }
      } else if (this.phase === 'restarting') {
        // Which image says so is not known: the new one may try again, or the device may go back.
        this.bootFailure = { text: `the new firmware does not start${reason}`, atMs: context.clock.monotonicMs() }
      } else this.#complain(`it says that the update failed${reason}`)
      return
    }
    if (bootStatus !== 'success' && bootStatus !== 'pending_reboot' && report.verified !== true) {
      const isUnderWay = this.phase !== 'silent' && this.phase !== 'talking'
      if (isUnderWay && report.verified === false && error !== undefined) this.#complain(`it says: ${error}`)
      return
    }
    if (!hasAll) {
      this.#log('info', 'pull.old-status', 'it reports a finished update, but was not served all of this one')
      return
    }
    await this.#haveAll(`status ${bootStatus ?? 'verified'}`)
    if (bootStatus !== 'success') return
    if (newVersion !== undefined) context.setVersion('after', newVersion)
    this.bootFailure = null
    this.outcome = { kind: 'success', version: newVersion ?? null }
  }

  /** It may begin again by itself, so it gets the time for that; but not for ever. */
  #complain(text: string): void {
    const { context } = this.#parts
    const isNew = this.complaint === null
    this.complaint = { text, atMs: context.clock.monotonicMs() }
    if (isNew && ++this.#complaints >= context.retryPolicy.tries) this.outcome = { kind: 'refused', text, isSaid: true }
  }

  /** The device said that it has everything. */
  async #haveAll(word: string): Promise<void> {
    if (this.phase === 'restarting') return
    const { context, order } = this.#parts
    this.#acknowledge(this.pace.report(this.pace.totalChunks))
    this.#writeLedger()
    context.progress(order.image.bytes.length)
    context.addEvidence({ level: 'acknowledged', basis: 'device-said', method: 'status', value: word, matches: null })
    this.#enter('restarting')
    context.enter('rebooting', unclear)
    await context.markCompletion('succeeded')
  }

  #rollbackStatus(): PullAnswer {
    const { options } = this.#parts
    const isAsked = this.#isRollbackAsked
    // Told once, as the seed's server does.
    this.#isRollbackAsked = false
    this.#log('info', 'pull.rollback-status', isAsked ? 'answered yes, and cleared' : 'answered no')
    return jsonAnswer(200, { rollback_required: isAsked, reason: isAsked ? options.rollbackReason : '' })
  }

  async #plain(request: PullRequest): Promise<PullAnswer> {
    const { order, release, context } = this.#parts
    const { headers, method } = request
    const { bytes, sha256 } = order.image
    const common = { 'Accept-Ranges': 'bytes', ETag: `"${sha256}"` }
    const contentType = 'application/octet-stream'
    if (request.version === release.version) {
      await this.#noteVersion(request)
      return { status: 304, headers: common, contentType, body: '' }
    }
    if (method === 'HEAD') return { status: 200, headers: common, contentType, body: bytes }
    // A range of another image would be joined to what the device has of that one.
    const isSameImage = headers['if-range'] === undefined || headers['if-range'] === common.ETag
    const asked = askedBytes(isSameImage ? headers.range : undefined, bytes.length)
    if (asked.kind === 'unsatisfiable') {
      return {
        ...jsonAnswer(416, { error: 'Range not satisfiable' }),
        headers: { ...common, 'Content-Range': `bytes */${String(bytes.length)}` },
      }
    }
    if ((await this.#gate()) === 'held') return heldAnswer()
    if (this.#isOver) return withdrawnAnswer()
    await this.#noteVersion(request)
    const { start, end } = asked.kind === 'part' ? asked : { start: 0, end: bytes.length }
    this.#notePlain()
    const isAgain = this.phase === 'fetched' || this.phase === 'restarting'
    if (start === 0) {
      if (!isAgain && this.#plainTry.isTry) this.#countFruitless(this.#plainTry.reachedBytes)
      this.#plainEnd = 0
      this.#plainTry = { reachedBytes: 0, isTry: false }
    }
    const plainTry = this.#plainTry
    plainTry.isTry ||= start > 0 || end === bytes.length
    if (!isAgain) this.#beginFetching()
    if (!isAgain && start <= this.#plainEnd && end === bytes.length) await this.#handOver()
    const range = { 'Content-Range': `bytes ${String(start)}-${String(end - 1)}/${String(bytes.length)}` }
    return {
      status: asked.kind === 'part' ? 206 : 200,
      headers: asked.kind === 'part' ? { ...common, ...range } : common,
      contentType,
      body: bytes.subarray(start, end),
      onSent: sentBytes => {
        // The last byte counts only with the device's word.
        if (this.#isOver) return
        plainTry.reachedBytes = Math.max(plainTry.reachedBytes, start + sentBytes)
        if (!isAgain && start <= this.#plainEnd) context.progress(Math.min(start + sentBytes, bytes.length - 1))
        this.#advance()
      },
      onEnd: isWhole => {
        if (!isWhole || this.#isOver || start > this.#plainEnd) return
        this.#plainEnd = Math.max(this.#plainEnd, end)
        if (this.#plainEnd < bytes.length) return
        // Firmware looks at the image again after its restart, to compare versions: that is no word on how it went.
        if (isAgain) this.#log('info', 'pull.again', 'the device took the whole image again')
        else this.#allServed()
      },
    }
  }

  #notePlain(): void {
    if (this.isPlainDownload) return
    const { context, order } = this.#parts
    this.isPlainDownload = true
    if (order.requiredLevel === null) context.setRequired('sent')
    context.warn(
      'The device downloads the plain image: it acknowledges nothing, so “Sent by this PC” is normal until it reports its restart.',
    )
  }

  /** Lets a byte of the image out: the device was looked at, what is known is on the disk, and nobody wants a pause. */
  async #gate(edge = this.#reachEdge()): Promise<'go' | 'held'> {
    const { context, holdMs } = this.#parts
    // Nearly every edge is passed at once; only one that is not needs a clock.
    const isPrompt = await Promise.race([
      edge.then(() => true),
      new Promise<false>(resolve => setImmediate(resolve, false)),
    ])
    if (isPrompt) return 'go'
    const stop = new AbortController()
    const isLate = context.clock.delay(holdMs, stop.signal).then(
      () => 'held' as const,
      // The edge was passed before.
      () => 'go' as const,
    )
    try {
      const passed = await Promise.race([edge.then(() => 'go' as const), isLate])
      if (passed === 'held') {
        const seconds = String(Math.ceil(holdMs / 1000))
        context.warn(
          `On hold: the device’s questions wait ${seconds} s, then are answered 503. A device that does not ask again begins anew, which is served too.`,
        )
      }
      return passed
    } finally {
      stop.abort(edgePassed)
    }
  }

  #reachEdge(): Promise<void> {
    if (this.#edge !== null) return this.#edge
    const edge = this.#passEdge().finally(() => {
      this.#edge = null
      // The silence meanwhile was ours.
      this.lastHeardMs = this.#parts.context.clock.monotonicMs()
      if (this.complaint !== null) this.complaint = { ...this.complaint, atMs: this.lastHeardMs }
    })
    this.#edge = edge
    // The request that opened it may have been answered long before it fails.
    edge.catch((thrown: unknown) => {
      if (this.#parts.context.signal.aborted) return
      this.failure ??= asFlashproofError(thrown)
      this.#parts.onChange()
    })
    return edge
  }

  async #passEdge(): Promise<void> {
    if (!this.#isAdmitted) {
      this.#admission ??= this.#parts.admit()
      await this.#admission
      this.#isAdmitted = true
    }
    await this.#parts.context.checkpoint()
  }
}

function heldAnswer(): PullAnswer {
  return { ...jsonAnswer(503, { error: 'Paused' }), headers: { 'Retry-After': '2' } }
}

function withdrawnAnswer(): PullAnswer {
  return jsonAnswer(410, { error: 'Release withdrawn' })
}

function notAllowed(methods: string): PullAnswer {
  return { ...jsonAnswer(405, { error: 'Method not allowed' }), headers: { Allow: methods } }
}

function describe(report: StatusReport): string {
  const { unknown, ...known } = report
  return stripControl(JSON.stringify(Object.keys(unknown).length === 0 ? known : report), 400)
}
