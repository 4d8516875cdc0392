/**
 * The choreography of one `esp-parts` run: learn who answers, check the image against it, plan what is missing, send it,
 * complete once, and gather evidence. The device decides what it has; the ledger is only a hint.
 */
import { asFlashproofError, FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import type { HttpClient } from '../../links/http-client.ts'
import { isNeverSent, isTransient, retryDelayMs } from '../retry.ts'
import type { TransferContext, TransferOrder, TransferReport } from '../transfer-protocol.ts'
import { boardAfterFailure, unclear, untouched, type BoardStanding } from './board-now.ts'
import { assertImageFits, judgeRequired } from './checks.ts'
import { ChunkMap } from './chunk-map.ts'
import { Completion } from './completion.ts'
import { EspPartsDevice } from './device.ts'
import { MAXIMUM_CHUNK_BYTES, MINIMUM_CHUNK_BYTES, SEED_CHUNK_BYTES, type EspPartsOptions } from './options.ts'
import { chooseChunkBytes, Pacing } from './pacing.ts'
import { reachOf } from './reach.ts'
import { assertChunkNumber, chunkRequests, readSuccess, type SessionHeaders, type UploadStatus } from './requests.ts'
import { followRestart } from './restart.ts'
import { verifyStored } from './verification.ts'

/** How often the plan is made anew without the device getting further, before the run gives up. */
const FRUITLESS_PLANS = 4

export class EspPartsRun {
  readonly #order: TransferOrder
  readonly #options: EspPartsOptions
  readonly #context: TransferContext
  readonly #device: EspPartsDevice
  readonly #completion: Completion
  #map: ChunkMap
  #pacing: Pacing
  #session: SessionHeaders | null = null
  #chunkRequest: ReturnType<typeof chunkRequests>
  /** How the board stands while chunks go out. */
  #standing: BoardStanding = untouched

  constructor(order: TransferOrder, options: EspPartsOptions, context: TransferContext, client: HttpClient) {
    this.#order = order
    this.#options = options
    this.#context = context
    this.#device = new EspPartsDevice(client, context, options)
    this.#completion = new Completion(order, options, context, this.#device)
    this.#map = new ChunkMap(order.image.bytes.length, SEED_CHUNK_BYTES)
    this.#pacing = new Pacing(options.pauseMs, SEED_CHUNK_BYTES)
    this.#chunkRequest = chunkRequests(options.targetPath, null)
  }

  async run(): Promise<TransferReport> {
    const { earlierCompletion } = this.#order
    const wasCompleted = earlierCompletion === 'sent' || earlierCompletion === 'succeeded'
    this.#standing = wasCompleted ? unclear : earlierCompletion === 'failed' ? afterSomeFailure : untouched
    this.#context.enter('connecting', this.#standing)
    await this.#device.learn(wasCompleted ? this.#order.telemetryBefore : null)
    if (earlierCompletion === 'failed') this.#standing = boardAfterFailure(this.#order, this.#device)
    this.#context.enter('preparing', this.#standing)
    this.#settleRequired()
    if (wasCompleted) {
      const found = await this.#completion.findOut(earlierCompletion)
      if (found !== 'missing') return await this.#prove(found)
      // A device that cannot be asked may still be joining the parts of the completion whose answer was lost.
      const canAsk = this.#device.canTellUpload || this.#device.capabilities?.hasHash === true
      if (canAsk) this.#standing = boardAfterFailure(this.#order, this.#device)
      this.#context.enter('preparing', this.#standing)
    }
    await assertImageFits(this.#order, this.#options, this.#device, this.#context)
    if (this.#order.isDryRun) return { outcome: 'answered', ...this.#standing }
    return await this.#transfer()
  }

  async #transfer(): Promise<TransferReport> {
    for (let plans = 1; ; plans++) {
      const status = await this.#plan()
      if (status === 'stored') return await this.#prove('stored')
      this.#context.enter('transferring', this.#standing)
      this.#context.progress(this.#map.doneBytes)
      if ((await this.#sendMissing()) === 'stored') return await this.#prove('stored')
      const image = this.#order.image
      this.#context.addEvidence({
        level: 'sent',
        basis: 'host-sent',
        method: 'byte-count',
        value: String(image.bytes.length),
        matches: null,
      })
      await this.#device.noteBaseline()
      this.#context.enter('transferring', unclear)
      const found = await this.#completion.send(this.#map.totalChunks, this.#session)
      if (found !== 'missing') return await this.#prove(found)
      this.#standing = boardAfterFailure(this.#order, this.#device)
      this.#context.enter('transferring', this.#standing)
      if (plans >= FRUITLESS_PLANS) {
        throw new FlashproofError('device.rejected', 'the device loses the upload at its completion', { plans })
      }
      this.#context.log(
        'warning',
        'completion.lost',
        'the device has no complete upload: what is missing is sent again',
      )
    }
  }

  async #prove(found: 'acknowledged' | 'stored' | 'unknown'): Promise<TransferReport> {
    if (found === 'unknown') return { outcome: 'outcome-unknown', ...unclear }
    this.#context.progress(this.#order.image.bytes.length)
    this.#context.enter('verifying', { boardNow: 'unknown', unplug: 'keep-powered' })
    const stored = await verifyStored(this.#order, this.#device, this.#context)
    return await followRestart(this.#order, this.#device, this.#context, stored)
  }

  /** Settles the required level now that the device was asked; refuses what it cannot reach. */
  #settleRequired(): void {
    const reach = reachOf(this.#device.capabilities, this.#device.before, this.#order.image.inspection)
    const { level, judgements } = judgeRequired(reach, this.#order.requiredLevel)
    for (const judgement of judgements) {
      if (judgement.kind === 'refusal') throw judgement.error
      if (judgement.kind === 'warning') this.#context.warn(judgement.text.en)
    }
    this.#context.setRequired(level)
  }

  /** Decides which chunks are missing: by the device's word where it has one, else by the ledger. */
  async #plan(): Promise<'send' | 'stored'> {
    const { image, isResume } = this.#order
    let have: Uint8Array | undefined
    let chunkBytes = this.#chooseChunkBytes()
    if (this.#device.canTellUpload) {
      const status = await this.#device.patiently('status', () => this.#device.status())
      if (status !== null && this.#isOurs(status)) {
        // After a completion that failed, or that proved wrong, the device's word that it has all is worth nothing.
        if (status.state !== 'receiving' && isResume && this.#order.earlierCompletion !== 'failed') return 'stored'
        if (status.state === 'receiving' && this.#mayAdopt(status.chunkBytes)) {
          chunkBytes = status.chunkBytes
          have = status.have
        }
      }
    } else {
      const ledger = this.#context.ledger()
      const isSame =
        ledger?.imageSha256 === image.sha256 &&
        ledger.targetPath === this.#options.targetPath &&
        this.#order.earlierCompletion !== 'failed'
      if (ledger !== null && isSame && (await this.#mayTrustLedger(ledger.deviceKey))) {
        chunkBytes = ledger.chunkBytes
        have = ledger.have
      }
    }
    this.#map = new ChunkMap(image.bytes.length, chunkBytes, have)
    if (chunkBytes !== this.#pacing.chunkBytes) this.#pacing = new Pacing(this.#options.pauseMs, chunkBytes)
    const { totalChunks } = this.#map
    this.#session =
      this.#device.capabilities?.hasSession === true
        ? { sizeBytes: image.bytes.length, sha256: image.sha256, chunkBytes }
        : null
    this.#chunkRequest = chunkRequests(this.#options.targetPath, this.#session)
    const deviceKey = deviceKeyOf(this.#device)
    const targetPath = this.#options.targetPath
    const ledger = this.#context.ledger()
    const isSameSession = ledger?.chunkBytes === chunkBytes && ledger.imageSha256 === image.sha256 && have !== undefined
    if (!isSameSession) {
      this.#context.startSession({ chunkBytes, totalChunks, imageSha256: image.sha256, deviceKey, targetPath })
    }
    if (this.#map.doneBytes > 0) {
      this.#context.log('info', 'upload.resumed', `the device has ${String(this.#map.doneBytes)} bytes already`)
    }
    return 'send'
  }

  #isOurs(status: UploadStatus): boolean {
    const image = this.#order.image
    return status.sha256 === image.sha256 && status.sizeBytes === image.bytes.length
  }

  /** A chunk size never changes in a session; one that a person chose for a new upload outweighs a leftover session. */
  #mayAdopt(chunkBytes: number): boolean {
    if (!Number.isInteger(chunkBytes) || chunkBytes < 1 || chunkBytes > 1024 * 1024) return false
    return this.#order.isResume || this.#options.chunkBytes === 'auto' || this.#options.chunkBytes === chunkBytes
  }

  /** Without a device that can be asked, the ledger counts only for the same board; an unnamed one needs a person's word. */
  async #mayTrustLedger(ledgerKey: string | null): Promise<boolean> {
    if (!this.#order.isResume) return false
    const key = deviceKeyOf(this.#device)
    if (key !== null) return key === ledgerKey
    return await this.#context.isAccepted('resume-unidentified')
  }

  #chooseChunkBytes(): number {
    if (this.#options.chunkBytes !== 'auto') return this.#options.chunkBytes
    return chooseChunkBytes({
      allowed: this.#device.capabilities?.chunkBytes ?? null,
      largestBlockBytes: this.#device.before?.heapLargestBlockBytes,
      range: [MINIMUM_CHUNK_BYTES, MAXIMUM_CHUNK_BYTES],
      fallback: SEED_CHUNK_BYTES,
    })
  }

  async #sendMissing(): Promise<'complete' | 'stored'> {
    let fruitless = 0
    let before = this.#map.doneBytes
    while ((await this.#sendUntilLost()) === 'lost') {
      fruitless = this.#map.doneBytes > before ? 0 : fruitless + 1
      if (fruitless >= FRUITLESS_PLANS) {
        throw new FlashproofError('device.session-lost', 'the device loses the upload again and again', { fruitless })
      }
      before = this.#map.doneBytes
      if ((await this.#plan()) === 'stored') return 'stored'
      this.#context.progress(this.#map.doneBytes)
    }
    return 'complete'
  }

  async #sendUntilLost(): Promise<'complete' | 'lost'> {
    for (let index = this.#map.nextMissing(0); index >= 0; index = this.#map.nextMissing(index + 1)) {
      const { wasPaused } = await this.#context.checkpoint()
      if (wasPaused) {
        await this.#device.patiently('identity', () => this.#device.reidentify())
        if (this.#device.canTellUpload) return 'lost'
      }
      if ((await this.#sendChunk(index)) === 'lost') return 'lost'
      if (this.#device.isTelemetryDue || this.#pacing.pauseMs > 0) await this.#lookAndPause()
    }
    await this.#context.checkpoint()
    return 'complete'
  }

  /** After a chunk, the last one too: a look at the heap when it is due, then the pause that the device needs. */
  async #lookAndPause(): Promise<void> {
    if (this.#device.isTelemetryDue) {
      const sample = await this.#device.sampleTelemetry().catch((error: unknown) => {
        if (!isTransient(asFlashproofError(error))) throw error
        this.#pacing.failed()
        return null
      })
      if (sample !== null) this.#pacing.heapSeen(sample.heapFreeBytes, sample.heapLargestBlockBytes)
    }
    if (this.#pacing.pauseMs > 0) await this.#context.clock.delay(this.#pacing.pauseMs, this.#context.signal)
  }

  async #sendChunk(index: number): Promise<'sent' | 'lost'> {
    const { retryPolicy, clock, random, signal } = this.#context
    const start = index * this.#map.chunkBytes
    const bytes = this.#order.image.bytes.subarray(start, start + this.#map.sizeOf(index))
    const draft = this.#chunkRequest(index, bytes)
    const what = `chunk ${String(index)}`
    let mustLook = false
    let awayUntilMs: number | null = null
    for (let attempt = 1; ;) {
      try {
        if (mustLook) {
          const seen = await this.#lookAfterFailure(index)
          if (seen !== 'send') return seen
          mustLook = false
        }
        const answer = await this.#device.send(draft)
        assertChunkNumber(readSuccess(answer, what), index)
        this.#pacing.answered(answer.durationMs)
        this.#count(index, attempt, answer.durationMs)
        return 'sent'
      } catch (thrown) {
        const error = asFlashproofError(thrown)
        if (signal.aborted || !isTransient(error)) throw error
        if (hasErrorCode(error, 'device.session-lost') && attempt > 1) return 'lost'
        this.#pacing.failed()
        // A closed port is a device that restarts: it has that long to come back, and nothing was sent meanwhile.
        awayUntilMs ??= isNeverSent(error) ? clock.monotonicMs() + retryPolicy.rebootTimeoutMs : null
        const isAway = isNeverSent(error) && clock.monotonicMs() < (awayUntilMs ?? 0)
        if (attempt >= retryPolicy.tries && !isAway) throw error
        this.#context.countRetry()
        this.#context.log('warning', 'chunk.retry', `${what}, try ${String(attempt)}: ${error.message}`)
        await clock.delay(retryDelayMs(retryPolicy, attempt, random), signal)
        mustLook ||= error.code.startsWith('network.') || error.code === 'device.session-lost'
        if (!isAway) attempt++
      }
    }
  }

  /** After a broken connection: is it the same board, and does it still have (or already have) what was sent? */
  async #lookAfterFailure(index: number): Promise<'send' | 'sent' | 'lost'> {
    await this.#device.awaitReturn()
    if (!this.#device.canTellUpload) return 'send'
    const status = await this.#device.status()
    const isSame = status !== null && this.#isOurs(status) && status.chunkBytes === this.#map.chunkBytes
    if (!isSame) return this.#map.doneBytes === 0 ? 'send' : 'lost'
    const theirs = new ChunkMap(this.#order.image.bytes.length, this.#map.chunkBytes, status.have)
    if (this.#map.isAheadOf(theirs)) return 'lost'
    if (!theirs.has(index)) return 'send'
    this.#context.log('info', 'chunk.was-received', `chunk ${String(index)}: the answer was lost, the device has it`)
    this.#count(index, 1, 0)
    return 'sent'
  }

  #count(index: number, attempt: number, durationMs: number): void {
    this.#map.add(index)
    this.#context.acknowledge({ index, sizeBytes: this.#map.sizeOf(index), attempt, durationMs })
    this.#context.progress(this.#map.doneBytes)
  }
}

/** Until the device was asked: a failed completion truncated the target, or it did not. */
const afterSomeFailure: BoardStanding = { boardNow: 'unknown', unplug: 'safe' }

/** What names this board across restarts; null where it tells nothing of the kind. */
export function deviceKeyOf(device: EspPartsDevice): string | null {
  const identity = device.before?.device
  return identity?.mac?.toLowerCase() ?? identity?.id ?? null
}
