/**
 * The choreography of one run: the image to the gateway, then one order to pass it on to the STM32, which is never
 * repeated by itself, because a second one starts the writing anew.
 */
import { asFlashproofError, FlashproofError } from '../../../shared/errors.ts'
import { sha256InPieces } from '../../image/digest-in-pieces.ts'
import type { HttpClient } from '../../links/http-client.ts'
import { multipartBody } from '../../links/multipart.ts'
import { obeyJudgements } from '../judgement.ts'
import { isNeverSent, isTransient, retryDelayMs } from '../retry.ts'
import { patiently, TelemetryQuestions } from '../telemetry-questions.ts'
import type { TransferContext, TransferOrder, TransferReport } from '../transfer-protocol.ts'
import { readUploadAnswer } from './answers.ts'
import { settled, standingAtStart, type BoardStanding } from './board-now.ts'
import { judgeImage, judgeRequired } from './checks.ts'
import { Download } from './download.ts'
import type { BridgeOptions } from './options.ts'
import { isBusy, readStatus, statusRequest, type GatewayStatus } from './status.ts'
import { uploadTimeoutMs } from './timing.ts'
import { assertPassesUnchanged, padForGateway } from './upload-image.ts'

/** The page of the seed's gateway names its one file field so; the gateway reads only the file's name and its bytes. */
const FIELD = 'file'
/** Accepted by a person who knows that the STM32 may be written a second time. */
export const REPEAT_DOWNLOAD = 'repeat-download'
/** Kept in the ledger for a later run: before the order was sent, the gateway's status said that nothing was done yet. */
const HAD_TELLING_STATUS = 'status'

export class BridgeRun {
  readonly #order: TransferOrder
  readonly #options: BridgeOptions
  readonly #context: TransferContext
  readonly #client: HttpClient
  readonly #telemetry: TelemetryQuestions
  readonly #download: Download
  readonly #padded: Uint8Array
  #standing: BoardStanding
  #hasStatus = false

  /** @param connect makes a connection of its own for looking while the other one waits */
  constructor(
    order: TransferOrder,
    options: BridgeOptions,
    context: TransferContext,
    client: HttpClient,
    connect: () => HttpClient,
  ) {
    this.#order = order
    this.#options = options
    this.#context = context
    this.#client = client
    this.#telemetry = new TelemetryQuestions(client, context, options.telemetryPath)
    this.#padded = padForGateway(order.image.bytes)
    this.#download = new Download({ context, client, connect, padded: this.#padded })
    this.#standing = standingAtStart(order.earlierCompletion)
  }

  async run(): Promise<TransferReport> {
    const { earlierCompletion, image } = this.#order
    this.#context.enter('connecting', this.#standing)
    await this.#telemetry.learn()
    const status = await this.#status()
    this.#hasStatus = status !== null
    this.#context.enter('preparing', this.#standing)
    const { level, judgements } = judgeRequired(this.#order.requiredLevel)
    await obeyJudgements(judgements, this.#context)
    this.#context.setRequired(level)
    if (earlierCompletion === 'succeeded') {
      this.#context.progress(image.bytes.length)
      return { outcome: 'answered', ...settled }
    }
    if (earlierCompletion === 'sent') {
      const found = await this.#findOut(status)
      if (found !== null) return found
    }
    await obeyJudgements(judgeImage(image.inspection, image.bytes.length, this.#options), this.#context)
    assertPassesUnchanged(image.bytes)
    if (this.#options.stm32 !== '') this.#context.log('info', 'stm32.stated', this.#options.stm32)
    if (this.#order.isDryRun) return { outcome: 'answered', ...this.#standing }
    await this.#upload()
    return await this.#download.send(this.#standing, this.#hasStatus)
  }

  /** An earlier `/download` was sent and never answered: only the gateway's status, or a person, can take it from here. */
  async #findOut(status: GatewayStatus | null): Promise<TransferReport | null> {
    // One that said “done” already before the order cannot tell what became of it.
    if (status !== null && this.#context.ledger()?.targetPath === HAD_TELLING_STATUS) {
      const found = await this.#download.follow(status)
      if (found === 'done') {
        this.#context.progress(this.#order.image.bytes.length)
        return await this.#download.acknowledged('the gateway’s status says done')
      }
      if (found !== 'unknown') {
        // It ended, and badly: a person who resumes means to try again.
        this.#context.log('warning', 'download.failed', found.message)
        await this.#context.markCompletion('failed')
        this.#standing = settled
        this.#context.enter('preparing', this.#standing)
        return null
      }
    }
    await this.#context.decide(
      REPEAT_DOWNLOAD,
      'The gateway was told to write the STM32 and its answer was lost. A second order starts the writing anew, also while the first may still go on. Send it all the same?',
      { sizeBytes: this.#padded.length },
    )
    return null
  }

  async #upload(): Promise<void> {
    const context = this.#context
    const { image } = this.#order
    const paddedBytes = this.#padded.length - image.bytes.length
    if (paddedBytes > 0) {
      context.log(
        'info',
        'image.padded',
        `${String(paddedBytes)} bytes of 0xFF at the end, so that the gateway keeps the rest as it is`,
      )
    }
    context.relay(this.#download.waitingLeg)
    context.enter('transferring', this.#standing)
    context.progress(0)
    const { retryPolicy, clock, random, signal } = context
    let awayUntilMs: number | null = null
    for (let attempt = 1; ;) {
      await context.checkpoint()
      try {
        await this.#uploadOnce()
        break
      } catch (thrown) {
        const error = asFlashproofError(thrown)
        if (signal.aborted || !isTransient(error)) throw error
        // A closed port is a gateway that restarts: it has that long to come back.
        awayUntilMs ??= isNeverSent(error) ? clock.monotonicMs() + retryPolicy.rebootTimeoutMs : null
        const isAway = isNeverSent(error) && clock.monotonicMs() < (awayUntilMs ?? 0)
        if (attempt >= retryPolicy.tries && !isAway) throw error
        context.countRetry()
        context.log('warning', 'upload.retry', `try ${String(attempt)}: ${error.message}`)
        await clock.delay(retryDelayMs(retryPolicy, Math.min(attempt, 4), random), signal)
        if (!isAway) attempt++
        context.progress(0)
        await this.#telemetry.awaitReturn()
      }
    }
    context.progress(image.bytes.length)
    context.addEvidence({
      level: 'sent',
      basis: 'host-sent',
      method: 'byte-count',
      value: String(this.#padded.length),
      matches: null,
    })
  }

  async #uploadOnce(): Promise<void> {
    const { image } = this.#order
    const { requestSignal, retryPolicy } = this.#context
    const file = { field: FIELD, fileName: this.#options.fileName, bytes: this.#padded }
    const { contentType, parts, sizeBytes } = multipartBody({ file })
    const headBytes = parts[0]?.length ?? 0
    const answer = await this.#client.request({
      method: 'POST',
      path: '/upload',
      headers: { 'content-type': contentType },
      body: parts,
      // The last byte counts only with the answer.
      onSent: sentBytes => {
        this.#context.progress(Math.max(0, Math.min(sentBytes - headBytes, image.bytes.length - 1)))
      },
      timeoutMs: uploadTimeoutMs(sizeBytes, retryPolicy),
      signal: requestSignal,
      needsFreshConnection: true,
    })
    readUploadAnswer(answer, this.#padded.length)
    await this.#compareWithStatus()
    this.#context.startSession({
      chunkBytes: this.#padded.length,
      totalChunks: 1,
      imageSha256: image.sha256,
      deviceKey: this.#telemetry.deviceKey,
      targetPath: this.#hasStatus ? HAD_TELLING_STATUS : '',
    })
  }

  /** A gateway that tells the hash of what it holds shows at once whether it holds our bytes. */
  async #compareWithStatus(): Promise<void> {
    if (!this.#hasStatus) return
    const status = await this.#status()
    // One that says done or busy about what it was just given cannot tell what becomes of it.
    if (status === null || status.state === 'done' || isBusy(status)) this.#hasStatus = false
    const held = status?.sha256 ?? null
    if (held === null) return
    const ours = await sha256InPieces(this.#padded)
    if (held === ours) {
      this.#context.log('info', 'gateway.holds-image', `the gateway holds our bytes: SHA-256 ${ours}`)
      return
    }
    throw new FlashproofError('device.rejected', 'the gateway holds other bytes than were sent', {
      expectedSha256: ours,
      foundSha256: held,
    })
  }

  async #status(): Promise<GatewayStatus | null> {
    const { requestSignal, retryPolicy } = this.#context
    return await patiently(this.#context, 'status', async () =>
      readStatus(
        await this.#client.request({
          ...statusRequest,
          timeoutMs: retryPolicy.requestTimeoutMs,
          signal: requestSignal,
        }),
      ),
    )
  }
}
