/**
 * The choreography of one `guid-chunks` run: learn who answers, check the image, begin or go on with the upload that the
 * ledger names, send what is missing, and say what the server made of the last chunk.
 */
import { asFlashproofError, FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import type { HttpEndpoint } from '../../discovery/target.ts'
import type { RequestSender } from '../../links/http-auth.ts'
import { ChunkSet } from '../chunk-set.ts'
import {
  fileServerReach,
  followFile,
  isRunningAsked,
  settled,
  unclear,
  untouched,
  type BoardStanding,
} from '../file-server.ts'
import { obeyJudgements } from '../judgement.ts'
import { isTransient } from '../retry.ts'
import { patiently, TelemetryQuestions } from '../telemetry-questions.ts'
import type { TransferContext, TransferOrder, TransferReport } from '../transfer-protocol.ts'
import { judgeImage, judgeRequired } from './checks.ts'
import { chooseChunkBytes, type GuidChunksOptions } from './options.ts'
import type { ChunkAnswer } from './requests.ts'
import { assertCompletion, sessionOf, Upload, type UploadParts } from './upload.ts'

/** A server that loses the upload gets it whole again this often, unless it took more of it each time than before. */
const FURTHER_INITS = 2
/** Why a job stops and goes on later: the upload stays on the server for that. */
const GOES_ON_LATER = ['worker.exited', 'job.slept', 'device.identity-changed', 'device.busy'] as const

type Found = ChunkAnswer | 'perhaps-complete'

export class GuidChunksRun {
  readonly #order: TransferOrder
  readonly #options: GuidChunksOptions
  readonly #context: TransferContext
  readonly #endpoint: HttpEndpoint
  readonly #client: RequestSender
  readonly #telemetry: TelemetryQuestions
  #chunks: ChunkSet
  #upload: Upload | null = null
  /** Whether an earlier run began the upload, and the server did not speak of it yet. */
  #isAdopted = false
  #standing: BoardStanding
  /** How the board stands as long as this upload is not complete. */
  #before: BoardStanding
  #completion: TransferOrder['earlierCompletion']

  /** @param client to the server's root: the address of an upload counts from there */
  constructor(order: TransferOrder, options: GuidChunksOptions, context: TransferContext, world: GuidChunksWorld) {
    this.#order = order
    this.#options = options
    this.#context = context
    this.#endpoint = world.endpoint
    this.#client = world.client
    const path = options.telemetryPath === '' ? null : world.endpoint.basePath + options.telemetryPath
    this.#telemetry = new TelemetryQuestions(world.client, context, path)
    this.#completion = order.earlierCompletion
    // An upload that the server still knows is not complete; of one that it forgot nobody knows.
    const isOpen = this.#completion === 'sent' && isNamed(context)
    this.#before = this.#completion === 'none' || isOpen ? untouched : settled
    this.#standing = this.#completion === 'sent' ? unclear : this.#before
    this.#chunks = new ChunkSet(0, 1, 0)
  }

  async run(): Promise<TransferReport> {
    const context = this.#context
    context.enter('connecting', this.#standing)
    await this.#telemetry.learn()
    // Without telemetry this is the first word: a device that is not there yet is waited for while connecting.
    if (this.#options.telemetryPath === '') await patiently(context, 'route', () => this.#lookAtRoute())
    context.enter('preparing', this.#standing)
    this.#settleRequired()
    if (this.#completion === 'succeeded')
      return await followFile(this.#order, context, this.#telemetry, { outcome: 'answered', ...settled })
    const { inspection, bytes } = this.#order.image
    const isBegun = this.#order.isResume && context.ledger() !== null
    const judgements = judgeImage({ inspection, sizeBytes: bytes.length, isBegun }, this.#telemetry.before)
    await obeyJudgements(judgements, context)
    if (this.#order.isDryRun) return { outcome: 'answered', ...this.#standing }
    try {
      return await this.#transfer()
    } catch (thrown) {
      const error = asFlashproofError(thrown)
      const isOver = !isTransient(error) && !hasErrorCode(error, ...GOES_ON_LATER)
      if (isOver) await this.#giveUp()
      throw error
    }
  }

  get #path(): string {
    return this.#endpoint.basePath + this.#options.uploadPath
  }

  async #lookAtRoute(): Promise<void> {
    const { retryPolicy, requestSignal } = this.#context
    const timeoutMs = retryPolicy.requestTimeoutMs
    await this.#client.request({ method: 'GET', path: this.#path, timeoutMs, signal: requestSignal })
  }

  #settleRequired(): void {
    const { level, judgements } = judgeRequired(fileServerReach(this.#telemetry.before), this.#order.requiredLevel)
    for (const judgement of judgements) {
      if (judgement.kind === 'refusal') throw judgement.error
      if (judgement.kind === 'warning') this.#context.warn(judgement.text.en)
    }
    this.#context.setRequired(level)
  }

  async #transfer(): Promise<TransferReport> {
    this.#adopt()
    let bestBytes = this.#chunks.doneBytes
    // Inits since the server last got further than ever before.
    for (let inits = 0; ;) {
      if (this.#upload === null) {
        if (inits > FURTHER_INITS) {
          const text = `the server lost the upload ${String(inits)} times without getting further`
          throw new FlashproofError('job.retries-exhausted', text, { inits, bestBytes })
        }
        await this.#begin()
        inits++
      }
      this.#context.enter('transferring', this.#standing)
      this.#context.progress(this.#chunks.doneBytes)
      const found = await this.#sendMissing()
      if (found !== 'lost') return await this.#settle(found)
      this.#context.log('warning', 'upload.lost', 'the server does not know the upload any more: it begins again')
      const { doneBytes } = this.#chunks
      if (doneBytes > bestBytes) inits = 1
      bestBytes = Math.max(bestBytes, doneBytes)
      this.#forget()
      await this.#backToBefore()
    }
  }

  /** Goes on with the upload of an earlier run: the server that answers to its guid is the one that holds it. */
  #adopt(): void {
    const ledger = this.#context.ledger()
    const { isResume, image } = this.#order
    if (!isResume || ledger === null || this.#completion === 'failed') return
    const session = sessionOf(ledger.targetPath, this.#endpoint.origin)
    const isSameDevice = ledger.deviceKey === null || ledger.deviceKey === this.#telemetry.deviceKey
    if (session === null || ledger.imageSha256 !== image.sha256 || !isSameDevice) {
      // It is not asked any more, so whether it was completed stays unknown.
      if (this.#completion === 'sent') this.#before = settled
      return
    }
    this.#chunks = new ChunkSet(image.bytes.length, ledger.chunkBytes, ledger.totalChunks, ledger.have)
    this.#upload = new Upload(this.#partsFor(ledger.chunkBytes, ledger.totalChunks), session)
    this.#upload.mayBeComplete = this.#completion === 'sent'
    this.#isAdopted = true
    // There is no question but a chunk: one that the server has already changes nothing.
    if (this.#chunks.isComplete) this.#chunks.remove(this.#chunks.totalChunks - 1)
    this.#context.log('info', 'upload.resumed', `${String(this.#chunks.doneBytes)} bytes were acknowledged before`)
  }

  async #begin(): Promise<void> {
    await this.#context.checkpoint()
    await this.#backToBefore()
    const { image } = this.#order
    const isBoard = this.#telemetry.before?.device?.chip !== undefined
    const chunkBytes = chooseChunkBytes(this.#options.chunkBytes, isBoard)
    const totalChunks = Math.ceil(image.bytes.length / chunkBytes)
    const upload = await Upload.begin(this.#partsFor(chunkBytes, totalChunks))
    this.#upload = upload
    this.#isAdopted = false
    this.#chunks = new ChunkSet(image.bytes.length, chunkBytes, totalChunks)
    this.#startSession(upload.session.uploadUrl)
  }

  #partsFor(chunkBytes: number, totalChunks: number): UploadParts {
    const { fileName, targetFolder } = this.#options
    return {
      client: this.#client,
      context: this.#context,
      telemetry: this.#telemetry,
      plan: { fileName, targetFolder, fileSizeBytes: this.#order.image.bytes.length, chunkBytes, totalChunks },
      origin: this.#endpoint.origin,
      path: this.#path,
    }
  }

  #startSession(targetPath: string): void {
    const { chunkBytes, totalChunks } = this.#chunks
    const imageSha256 = this.#order.image.sha256
    this.#context.startSession({
      chunkBytes,
      totalChunks,
      imageSha256,
      deviceKey: this.#telemetry.deviceKey,
      targetPath,
    })
  }

  /** From now on no upload of this job is known to be on the server; a later run begins a new one. */
  #forget(): void {
    this.#upload = null
    this.#startSession('')
  }

  async #sendMissing(): Promise<Found | 'lost'> {
    const context = this.#context
    for (let index = this.#chunks.nextMissing(0); index >= 0; index = this.#chunks.nextMissing(index + 1)) {
      const { wasPaused } = await context.checkpoint()
      if (wasPaused) await this.#telemetry.awaitReturn()
      const isLast = this.#chunks.count === this.#chunks.totalChunks - 1
      if (isLast) await this.#beforeLast()
      const found = await this.#sendChunk(index, isLast)
      if (found !== null) return found
    }
    // Every chunk was counted, so the loop met the last one and returned; an empty image was refused before.
    throw new FlashproofError('internal.unexpected', 'an upload without a last chunk')
  }

  /** Its answer may be lost, so what is done is journaled before it is done. */
  async #beforeLast(): Promise<void> {
    if (isRunningAsked(this.#order)) await this.#telemetry.reidentify()
    this.#standing = unclear
    this.#context.enter('transferring', unclear)
    this.#completion = 'sent'
    await this.#context.markCompletion('sent')
  }

  /** @returns null while more is to be sent */
  async #sendChunk(index: number, isLast: boolean): Promise<Found | 'lost' | null> {
    const upload = this.#upload
    if (upload === null) return 'lost'
    const bytes = this.#chunks.bytesOf(this.#order.image.bytes, index)
    const isAdopted = this.#isAdopted
    const onAnswer = (_answer: ChunkAnswer, attempt: number, durationMs: number): void => {
      this.#isAdopted = false
      this.#chunks.add(index)
      this.#context.acknowledge({ index, sizeBytes: bytes.length, attempt, durationMs })
      this.#context.progress(this.#chunks.doneBytes)
    }
    try {
      const found = await upload.send({ index, bytes, isLast, onAnswer })
      if (found === 'lost' || found === 'perhaps-complete') return found
      try {
        assertCompletion(found, { isLast, isAdopted })
      } catch (error) {
        // Nothing that could be sent now would make this upload whole.
        await this.#giveUp()
        throw error
      }
      return found.isComplete ? found : null
    } catch (error) {
      if (isLast && !upload.mayBeComplete) await this.#backToBefore()
      throw error
    }
  }

  /** The last chunk surely did not complete the upload. */
  async #backToBefore(): Promise<void> {
    this.#standing = this.#before
    if (this.#completion !== 'sent') return
    this.#completion = 'none'
    await this.#context.markCompletion('none')
    this.#context.enter('transferring', this.#before)
  }

  async #settle(found: Found): Promise<TransferReport> {
    const { image } = this.#order
    const context = this.#context
    const sizeBytes = image.bytes.length
    const sent = { basis: 'host-sent', method: 'byte-count', value: String(sizeBytes), matches: null } as const
    context.addEvidence({ level: 'sent', ...sent })
    if (found === 'perhaps-complete') {
      context.log('warning', 'completion.unanswered', 'the answer to the last chunk was lost; the upload is gone')
      context.warn(
        'The answer to the last chunk was lost, and the server does not know the upload any more: most likely it is complete. Look at the server, or resume to send it again.',
      )
      // A person who goes on from here wants it sent again.
      this.#forget()
      return await followFile(this.#order, context, this.#telemetry, { outcome: 'outcome-unknown', ...unclear })
    }
    context.progress(sizeBytes)
    const isOtherSize = found.sizeBytes !== null && found.sizeBytes !== sizeBytes
    const name = found.fileName ?? this.#options.fileName
    context.addEvidence({
      level: 'acknowledged',
      basis: 'device-said',
      method: found.sizeBytes === null ? 'http-body' : 'size',
      value: found.sizeBytes === null ? name : `${name}, ${String(found.sizeBytes)} bytes`,
      matches: isOtherSize ? false : found.sizeBytes === null ? null : true,
    })
    this.#completion = 'succeeded'
    await context.markCompletion('succeeded')
    if (isOtherSize) {
      const text = `the server kept ${String(found.sizeBytes)} bytes of ${String(sizeBytes)}`
      context.log('error', 'completion.other-size', text)
      return { outcome: 'answered', ...settled }
    }
    return await followFile(this.#order, context, this.#telemetry, { outcome: 'answered', ...settled })
  }

  /** The job ends here for good: the server need not keep the chunks. */
  async #giveUp(): Promise<void> {
    const upload = this.#upload
    if (upload === null) return
    const found = await upload.cancel()
    if (found === 'refused') {
      this.#context.warn('The server did not confirm the cancel; it may keep the unfinished upload for a while.')
      return
    }
    // Known and dropped, or not known although the last chunk was never sent: nothing was completed.
    if (found === 'gone' || !upload.mayBeComplete) await this.#backToBefore()
    this.#forget()
  }
}

export interface GuidChunksWorld {
  readonly endpoint: HttpEndpoint
  /** To the server's root: the address of an upload counts from there. */
  readonly client: RequestSender
}

/** Whether the ledger still names an upload that can be asked. */
function isNamed(context: TransferContext): boolean {
  return (context.ledger()?.targetPath ?? '') !== ''
}
