/**
 * The choreography of an update by one POST: learn who answers, check the image, prepare the device, send the form once,
 * judge the answer, and watch the restart. After a lost answer the device is watched before anything is sent again.
 */
import { asFlashproofError, FlashproofError } from '../../shared/errors.ts'
import type { BoardNow, EvidenceLevel, TelemetrySample, Unplug } from '../../shared/contract/models.ts'
import type { RequestSender } from '../links/http-auth.ts'
import type { HttpAnswer } from '../links/http-client.ts'
import { stripControl } from '../../shared/units.ts'
import { obeyJudgements, type Judgement, type RequiredLevel } from './judgement.ts'
import {
  awaitRestart,
  boardAfterRestart,
  concludeRestart,
  hasRestarted,
  showsRestarts,
  watchRestart,
  type RestartWatch,
  type SeenRestart,
  type Sighting,
} from './restart-watch.ts'
import { isNeverSent } from './retry.ts'
import { uploadOnce, type UploadRequest } from './single-upload.ts'
import { patiently } from './telemetry-questions.ts'
import type { TransferContext, TransferOrder, TransferReport } from './transfer-protocol.ts'

/** The question before an upload to a device that may still hold an open one, which this one would be appended to. */
export const RESTART_FIRST = 'restart-first'

/** What the row says while it waits for that restart. */
export const RESTART_NOW = 'An upload to this device broke off and is still open in it: restart the device now.'

/** One device as this choreography needs it. */
export interface UploadDevice {
  /**
   * Asks what answers and settles the credentials; only reads.
   * @returns what it says of itself; null where it says nothing
   * @throws {FlashproofError} network.*, device.not-speaking, device.unauthorised, device.identity-changed
   */
  learn(): Promise<TelemetrySample | null>
  /** Looks at it over a fresh connection, makes sure that it is the same one and journals its sample. */
  ask(timeoutMs: number): Promise<Sighting>
  /** What it wants before the image, such as a request that begins the update. */
  prepare(): Promise<Prepared>
  readonly sender: RequestSender
  request(): UploadRequest
  /**
   * Reads the answer to the image by its body.
   * @returns what the device said of success; null where its answer tells nothing, and only what follows does
   * @throws {FlashproofError} device.*: it refused the image, or what it says is no answer of this protocol
   */
  readAnswer(answer: HttpAnswer): string | null
}

/** How the device stands right before the image. */
export interface Prepared {
  /** Given where it restarted on the way: what it says of itself since then. */
  readonly baseline?: TelemetrySample | null
  /** Whether the image goes over the firmware that it runs as a rule: from the first byte on that one is gone. */
  readonly replacesFirmware?: boolean
}

export interface UploadNature extends Pick<RestartWatch, 'written' | 'cannotName' | 'versions'> {
  /** Whether an upload that broke off stays open in the device until it restarts. */
  readonly staysOpen: boolean
  /** Whether what runs is only there to take an update: the device found no firmware that it could start. */
  isRecovery?(sample: TelemetrySample): boolean
  judgeImage(sample: TelemetrySample | null): readonly Judgement[]
  judgeRequired(sample: TelemetrySample | null, wanted: EvidenceLevel | null): RequiredLevel
}

interface Standing {
  readonly boardNow: BoardNow
  readonly unplug: Unplug
}

/** The image goes to a place that does not run: until its end the old firmware is as it was. */
const untouched: Standing = { boardNow: 'old-firmware', unplug: 'safe' }
/** An earlier image may have been taken, or not: a whole program runs in both cases. */
const either: Standing = { boardNow: 'unknown', unplug: 'safe' }
const unclear: Standing = { boardNow: 'unknown', unplug: 'keep-powered' }
/** Names in the ledger what an upload of an earlier run left in the device. */
const OPEN = 'open'
const CLOSED = 'closed'

const LONGEST_PAGE = 4000

type Settled = { readonly kind: 'restarted'; readonly seen: SeenRestart } | { readonly kind: 'not-taken' | 'unknown' }

export class SingleUploadRun {
  readonly #order: TransferOrder
  readonly #context: TransferContext
  readonly #device: UploadDevice
  readonly #nature: UploadNature
  #before: TelemetrySample | null = null
  #baseline: TelemetrySample | null = null
  /** How the board stands until it took the image, and when it refused it. */
  #standing: Standing = untouched

  constructor(order: TransferOrder, context: TransferContext, device: UploadDevice, nature: UploadNature) {
    this.#order = order
    this.#context = context
    this.#device = device
    this.#nature = nature
  }

  async run(): Promise<TransferReport> {
    const { earlierCompletion, isDryRun } = this.#order
    const wasHandedOver = earlierCompletion === 'sent' || earlierCompletion === 'succeeded'
    this.#context.enter('connecting', wasHandedOver ? unclear : untouched)
    const now = await this.#learn()
    // A restart since the image was handed over shows against what was known then.
    this.#before = (wasHandedOver ? this.#order.telemetryBefore : null) ?? now
    this.#baseline = this.#before
    this.#settleRequired()
    if (earlierCompletion === 'succeeded') return await this.#followRestart()
    if (earlierCompletion === 'sent') {
      const settled = await this.#settleEarlier(now)
      if (settled !== null) return settled
    }
    this.#before = now
    this.#baseline = now
    await obeyJudgements(this.#nature.judgeImage(now), this.#context)
    if (isDryRun) return { outcome: 'answered', ...this.#standing }
    const taken = await this.#closeEarlierUpload()
    if (taken !== null) return taken
    await this.#context.checkpoint()
    this.#context.enter('preparing', this.#standing)
    const { baseline = this.#baseline, replacesFirmware = false } = await this.#device.prepare()
    this.#baseline = baseline
    if (replacesFirmware) this.#standing = unclear
    return await this.#upload()
  }

  async #learn(): Promise<TelemetrySample | null> {
    const sample = await patiently(this.#context, 'identity', () => this.#device.learn())
    if (sample?.appVersion !== undefined) this.#context.setVersion('before', sample.appVersion)
    return sample
  }

  #settleRequired(): void {
    const { level, judgements } = this.#nature.judgeRequired(this.#before, this.#order.requiredLevel)
    for (const judgement of judgements) {
      if (judgement.kind === 'refusal') throw judgement.error
      if (judgement.kind === 'warning') this.#context.warn(judgement.text.en)
    }
    this.#context.setRequired(level)
  }

  async #upload(): Promise<TransferReport> {
    const { bytes } = this.#order.image
    const request = this.#device.request()
    this.#noteUpload(OPEN)
    this.#context.enter('transferring', this.#standing)
    this.#context.progress(0)
    const end = await uploadOnce(this.#device.sender, request, this.#context, bytes.length).catch((error: unknown) => {
      if (this.#nature.staysOpen) {
        this.#context.warn('The upload was broken off in the device: restart it before the next one.')
      }
      throw error
    })
    if (end.isWhole) this.#addSent()
    if (end.kind === 'broken') return await this.#afterBreak(end.error, end.isWhole)
    const { answer, isWhole } = end
    let said: string | null
    try {
      said = this.#device.readAnswer(answer)
      if (!isWhole) {
        const text = 'the device spoke of success before it had the image'
        throw new FlashproofError('device.bad-answer', text, { status: answer.status })
      }
    } catch (thrown) {
      return await this.#afterBadAnswer(asFlashproofError(thrown), isWhole)
    }
    if (said === null) return await this.#proveByRestart(answer)
    this.#acknowledge('http-body', said)
    await this.#context.markCompletion('succeeded')
    this.#context.progress(bytes.length)
    return await this.#followRestart()
  }

  /** A device whose answer tells nothing shows by its restart that it took the image, and by its version which one. */
  async #proveByRestart(answer: HttpAnswer): Promise<TransferReport> {
    const context = this.#context
    context.enter('rebooting', unclear)
    const seen = await awaitRestart(this.#watch(unclear), false)
    if (seen.restart === 'not-seen' || (seen.after !== null && this.#isRecovery(seen.after))) {
      this.#noteUpload(CLOSED)
      await context.markCompletion('none')
      // It has the whole image: what refuses to restart may still start it at the next power-on.
      context.enter('transferring', { ...this.#standing, boardNow: 'unknown' })
      const page = stripControl(Buffer.from(answer.body.subarray(0, LONGEST_PAGE)).toString('utf8'), LONGEST_PAGE)
      const text = 'the device does not restart into the image, so it did not take it; its page may say why'
      throw new FlashproofError('device.rejected', text, {
        status: answer.status,
        page: page
          .replaceAll(/<[^>]*>/g, ' ')
          .replaceAll(/[\s·]+/g, ' ')
          .trim()
          .slice(0, 200),
      })
    }
    if (seen.after?.appVersion === undefined) return await this.#concludeLost(seen)
    const isSameVersion = seen.after.appVersion === this.#before?.appVersion
    if (isSameVersion) this.#acknowledge('restart', 'restarted, with the same version as before')
    await context.markCompletion('succeeded')
    context.progress(this.#order.image.bytes.length)
    return await concludeRestart(this.#watch({ boardNow: 'unknown', unplug: 'safe' }), seen)
  }

  #acknowledge(method: string, value: string): void {
    this.#context.addEvidence({ level: 'acknowledged', basis: 'device-said', method, value, matches: null })
  }

  /** A refusal ends the update in the device; an answer that cannot be read is as good as a lost one. */
  async #afterBadAnswer(error: FlashproofError, isWhole: boolean): Promise<TransferReport> {
    if (error.code === 'device.bad-answer') return await this.#afterBreak(error, isWhole)
    this.#noteUpload(error.details['stillOpen'] === true ? OPEN : CLOSED)
    await this.#context.markCompletion('none')
    this.#context.enter('transferring', this.#standing)
    throw error
  }

  /** The connection ended without an answer: watches the device before it is decided what that means. */
  async #afterBreak(error: FlashproofError, isWhole: boolean): Promise<TransferReport> {
    const context = this.#context
    if (context.requestSignal.aborted) throw error
    context.log('warning', 'upload.broken', error.message)
    if (isNeverSent(error)) {
      this.#noteUpload(CLOSED)
      await context.markCompletion('none')
      context.enter('transferring', this.#standing)
      throw error
    }
    const settled = await this.#settle(isWhole)
    switch (settled.kind) {
      case 'restarted':
        return await this.#concludeLost(settled.seen)
      case 'not-taken':
        context.log('info', 'upload.not-taken', 'the device did not take the image: it may be sent again')
        await context.markCompletion('none')
        // Some builds take an image and wait for a restart by hand.
        context.enter(
          'transferring',
          isWhole && this.#nature.staysOpen ? { ...this.#standing, boardNow: 'unknown' } : this.#standing,
        )
        throw error
      case 'unknown':
        context.warn('The answer to the upload was lost, and the device does not tell what became of the image.')
        return { outcome: 'outcome-unknown', ...unclear }
    }
  }

  /** What became of an image whose answer was lost, as far as watching tells. */
  async #settle(isWhole: boolean): Promise<Settled> {
    // The server ends an update with its connection; only one that may stay open is worth a look.
    if (!isWhole && !this.#nature.staysOpen) return { kind: 'not-taken' }
    const seen = await awaitRestart(this.#watch(unclear), false)
    // All of these devices restart when they took an image: one that goes on in the same boot did not take it.
    if (seen.restart === 'not-seen') return { kind: 'not-taken' }
    if (seen.restart === 'away') return { kind: isWhole ? 'unknown' : 'not-taken' }
    this.#noteUpload(CLOSED)
    if (!isWhole) return { kind: 'not-taken' }
    const { after } = seen
    if (after === null || this.#nature.written === 'filesystem') return { kind: 'restarted', seen }
    // It restarted without taking the image: in the middle of it, perhaps.
    const isOld = this.#isAsBefore(this.#before, after)
    return isOld ? { kind: 'not-taken' } : { kind: 'restarted', seen }
  }

  async #concludeLost(seen: SeenRestart): Promise<TransferReport> {
    const { after } = seen
    const isOurs = after !== null && this.#boardAfter(this.#before, after) === 'new-firmware'
    if (isOurs) {
      await this.#context.markCompletion('succeeded')
      this.#context.progress(this.#order.image.bytes.length)
    }
    const report = await concludeRestart(this.#watch(unclear, 'outcome-unknown'), seen)
    if (isOurs) return report
    this.#context.warn(
      'The answer to the upload was lost; the device restarted and does not say that it runs the image.',
    )
    return { ...report, ...unclear, outcome: 'outcome-unknown' }
  }

  /** An earlier run handed the image over and heard nothing. @returns null where it is to be sent again */
  async #settleEarlier(now: TelemetrySample | null): Promise<TransferReport | null> {
    const { telemetryBefore } = this.#order
    if (hasRestarted(telemetryBefore, now)) {
      this.#noteUpload(CLOSED)
      const isOld = now !== null && this.#isAsBefore(telemetryBefore, now)
      if (!isOld) return await this.#concludeLost({ restart: 'seen', after: now })
    }
    this.#context.log(
      'info',
      'upload.again',
      'the device does not show that it took the earlier upload: it is sent again',
    )
    await this.#context.markCompletion('none')
    // A device that does not tell its boots may have taken it and restarted since.
    if (!showsRestarts(telemetryBefore, now)) this.#standing = either
    this.#context.enter('preparing', this.#standing)
    return null
  }

  /**
   * A device that keeps a broken upload open must restart, or the image would be appended to the piece that it has.
   * @returns the end of the job where it restarts into the image, because it had taken it after all
   */
  async #closeEarlierUpload(): Promise<TransferReport | null> {
    const context = this.#context
    if (!this.#nature.staysOpen || context.ledger()?.targetPath !== OPEN) return null
    if (hasRestarted(this.#order.telemetryBefore, this.#before)) return null
    if (!(await context.isAccepted(RESTART_FIRST))) {
      context.warn(RESTART_NOW)
      const { restart, after } = await awaitRestart(this.#watch(this.#standing), true)
      if (restart === 'seen') {
        this.#noteUpload(CLOSED)
        const runs = after === null ? 'unknown' : this.#boardAfter(this.#before, after)
        if (runs === 'new-firmware') return await this.#concludeLost({ restart, after })
        this.#before = after ?? this.#before
        this.#baseline = this.#before
        return null
      }
    }
    await context.decide(
      RESTART_FIRST,
      'An upload to this device broke off before. What is sent now would be appended to it, unless the device was restarted. Was it restarted?',
      { canTellRestarts: showsRestarts(this.#before, this.#before) },
    )
    return null
  }

  #boardAfter(before: TelemetrySample | null, after: TelemetrySample): BoardNow {
    return boardAfterRestart(this.#order, before, after, this.#nature.versions)
  }

  #isRecovery(sample: TelemetrySample): boolean {
    return this.#nature.isRecovery?.(sample) === true
  }

  /** Whether it runs what it ran before, or the very same build again: an image that is sent again does no harm then. */
  #isAsBefore(before: TelemetrySample | null, after: TelemetrySample): boolean {
    if (this.#boardAfter(before, after) === 'old-firmware' || this.#isRecovery(after)) return true
    const isSameBuild = after.appVersion !== undefined && after.appVersion === before?.appVersion
    return isSameBuild && this.#nature.versions === 'own'
  }

  async #followRestart(): Promise<TransferReport> {
    return await watchRestart(this.#watch({ boardNow: 'unknown', unplug: 'safe' }))
  }

  #watch(standing: Standing, outcome: TransferReport['outcome'] = 'answered'): RestartWatch {
    return {
      order: this.#order,
      context: this.#context,
      before: this.#before,
      baseline: this.#baseline,
      ask: timeoutMs => this.#device.ask(timeoutMs),
      written: this.#nature.written,
      otherwise: { outcome, ...standing },
      cannotName: this.#nature.cannotName,
      ...(this.#nature.versions === undefined ? {} : { versions: this.#nature.versions }),
    }
  }

  #addSent(): void {
    this.#context.addEvidence({
      level: 'sent',
      basis: 'host-sent',
      method: 'byte-count',
      value: String(this.#order.image.bytes.length),
      matches: null,
    })
  }

  /** Journals whether the device may hold an open upload now. */
  #noteUpload(targetPath: typeof OPEN | typeof CLOSED): void {
    const { bytes, sha256 } = this.#order.image
    if (this.#context.ledger()?.targetPath === targetPath) return
    this.#context.startSession({
      chunkBytes: bytes.length,
      totalChunks: 1,
      imageSha256: sha256,
      deviceKey: this.#before?.device?.mac?.toLowerCase() ?? this.#before?.device?.id ?? null,
      targetPath,
    })
  }
}
