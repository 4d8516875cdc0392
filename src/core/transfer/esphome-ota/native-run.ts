/**
 * The choreography of one run over ESPHome's native service: learn who answers, check the image, send it on one
 * connection from its first byte to its last, and watch the restart. A device forgets a transfer that broke off, so a
 * second try is a new one.
 */
import { createHash } from 'node:crypto'
import { asFlashproofError, FlashproofError } from '../../../shared/errors.ts'
import type { TelemetrySample } from '../../../shared/contract/models.ts'
import type { SocketEndpoint } from '../../discovery/target.ts'
import { connectTcp, type TcpLink } from '../../links/tcp-link.ts'
import { obeyJudgements } from '../judgement.ts'
import { watchLostAnswer } from '../lost-answer.ts'
import { hasRestarted, showsRestarts, watchRestart, type RestartWatch, type Sighting } from '../restart-watch.ts'
import { SideTelemetry, readTelemetryUrl } from '../side-telemetry.ts'
import type { TransferContext, TransferOrder, TransferReport } from '../transfer-protocol.ts'
import { judgeImage, judgeRequired, reachOf } from './checks.ts'
import { NativeSession } from './native-session.ts'
import { CANNOT_NAME, type EsphomeOptions } from './options.ts'
import { afterLostAnswer, afterSuccess, standing, type BoardStanding } from './standing.ts'
import { BLOCK_BYTES, byteInHex, MD5_MISMATCH } from './wire.ts'

/** The reference client waits 20 s and 90 s; the policy's own times for a request and a completion are 10 s and 30 s. */
const HANDSHAKE_REQUESTS = 2
const DATA_COMPLETIONS = 3
const LONGEST_CONNECT_MS = 5000
/** Where a transfer may pause or be cancelled: a fraction of a second apart, and seldom enough to cost nothing. */
const EDGE_BYTES = 2 * BLOCK_BYTES

export class NativeRun {
  readonly #order: TransferOrder
  readonly #options: EsphomeOptions
  readonly #context: TransferContext
  readonly #endpoint: SocketEndpoint
  readonly #telemetry: SideTelemetry
  readonly #md5: string
  /** What the device said of itself before it had this image; a restart is one since then. */
  #before: TelemetrySample | null = null
  /** How the board stands as long as it did not take this image. */
  #idle: BoardStanding = standing.untouched

  constructor(order: TransferOrder, options: EsphomeOptions, context: TransferContext, endpoint: SocketEndpoint) {
    this.#order = order
    this.#options = options
    this.#context = context
    this.#endpoint = endpoint
    this.#telemetry = new SideTelemetry(readTelemetryUrl(order.options, endpoint), context)
    this.#md5 = createHash('md5').update(order.image.bytes).digest('hex')
  }

  async run(): Promise<TransferReport> {
    const { earlierCompletion, telemetryBefore, isResume, image, isDryRun } = this.#order
    const context = this.#context
    const wasCompleted = earlierCompletion === 'sent' || earlierCompletion === 'succeeded'
    context.enter('connecting', wasCompleted ? standing.unclear : standing.untouched)
    await this.#telemetry.learn()
    this.#before = (wasCompleted ? telemetryBefore : null) ?? this.#telemetry.before
    const reach = reachOf('native', this.#telemetry.before, image.inspection)
    const { level, judgements } = judgeRequired(reach, this.#order.requiredLevel)
    await obeyJudgements(judgements, context)
    context.setRequired(level)
    if (earlierCompletion === 'succeeded') return await this.#prove('taken')
    if (earlierCompletion === 'sent') {
      if (hasRestarted(telemetryBefore, this.#telemetry.before)) return await this.#prove('unknown')
      const isSameBoot = showsRestarts(telemetryBefore, this.#telemetry.before)
      if (!isSameBoot) this.#idle = standing.either
      this.#before = this.#telemetry.before
      // Nothing shows that the image was taken. To send it again from its first byte harms nobody.
      context.log('info', 'upload.again', 'whether the earlier upload was taken is not known: it is sent again')
      await context.markCompletion('none')
      context.enter('connecting', this.#idle)
    }
    const { platform } = this.#options
    await obeyJudgements(judgeImage(image.inspection, platform, this.#telemetry.before, isResume), context)
    if (isDryRun) return { outcome: 'answered', ...this.#idle }
    return await this.#prove(await this.#transfer())
  }

  async #transfer(): Promise<'taken' | 'unknown'> {
    const context = this.#context
    const { requestTimeoutMs, completionFloorMs } = context.retryPolicy
    const link = await this.#connect()
    try {
      context.enter('preparing', this.#idle)
      const times = { handshakeMs: HANDSHAKE_REQUESTS * requestTimeoutMs, dataMs: DATA_COMPLETIONS * completionFloorMs }
      const session = new NativeSession(link, times, context.requestSignal)
      const version = await session.begin(this.#options.password)
      context.log('info', 'session.version', `the device speaks version ${String(version)}`)
      await context.checkpoint()
      await session.announce(this.#order.image.bytes.length, this.#md5)
      context.enter('transferring', this.#idle)
      return await this.#sendAll(session, version)
    } finally {
      link.close()
    }
  }

  #connect(): Promise<TcpLink> {
    const { retryPolicy, requestSignal } = this.#context
    const timeoutMs = Math.min(LONGEST_CONNECT_MS, retryPolicy.requestTimeoutMs)
    return connectTcp(this.#endpoint, { timeoutMs, signal: requestSignal })
  }

  async #sendAll(session: NativeSession, version: 1 | 2): Promise<'taken' | 'unknown'> {
    const context = this.#context
    const { bytes } = this.#order.image
    context.progress(0)
    for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
      if (start % EDGE_BYTES === 0) await context.checkpoint()
      const block = bytes.subarray(start, start + BLOCK_BYTES)
      const isLast = start + block.length === bytes.length
      if (isLast) return await this.#sendLast(session, version, block)
      await session.sendBlock({ bytes: block, isLast }, version)
      context.progress(start + block.length)
    }
    throw new FlashproofError('format.no-data', 'the image is empty')
  }

  /** Once the last block is on its way the device may finish the update by itself, whatever is heard of it. */
  async #sendLast(session: NativeSession, version: 1 | 2, block: Uint8Array): Promise<'taken' | 'unknown'> {
    const context = this.#context
    context.enter('transferring', standing.unclear)
    await context.markCompletion('sent')
    try {
      await session.sendBlock({ bytes: block, isLast: true }, version)
      await session.finish()
    } catch (thrown) {
      const error = asFlashproofError(thrown)
      const isHeard = error.code.startsWith('device.') && error.code !== 'device.bad-answer'
      if (!isHeard) {
        if (context.requestSignal.aborted) throw error
        context.log('warning', 'completion.unanswered', error.message)
        this.#addSent()
        return 'unknown'
      }
      // The device said no: it keeps what it ran before, and its connection ends.
      await context.markCompletion('failed')
      context.enter('transferring', this.#idle)
      if (error.details['deviceByte'] === byteInHex(MD5_MISMATCH)) {
        context.log('error', 'upload.damaged', 'what arrived at the device is not what was sent')
      }
      throw error
    }
    this.#addSent()
    await context.markCompletion('succeeded')
    await session.thank()
    context.progress(this.#order.image.bytes.length)
    return 'taken'
  }

  #addSent(): void {
    const value = String(this.#order.image.bytes.length)
    this.#context.addEvidence({ level: 'sent', basis: 'host-sent', method: 'byte-count', value, matches: null })
  }

  async #prove(found: 'taken' | 'unknown'): Promise<TransferReport> {
    const context = this.#context
    if (found === 'taken') {
      context.progress(this.#order.image.bytes.length)
      this.#addTaken()
    }
    const watch: RestartWatch = {
      order: this.#order,
      context,
      before: this.#before,
      ask: timeoutMs => this.#look(timeoutMs),
      written: 'app',
      otherwise: found === 'taken' ? afterSuccess : afterLostAnswer,
      cannotName: CANNOT_NAME,
    }
    return found === 'taken' ? await watchRestart(watch) : await watchLostAnswer(watch, this.#idle)
  }

  /** The final byte came only after the device had compared its own MD5 of what it received with the announced one. */
  #addTaken(): void {
    const context = this.#context
    const said = { basis: 'device-said', matches: null } as const
    context.addEvidence({ level: 'acknowledged', method: 'update-end', value: '0x45', ...said })
    context.addEvidence({
      level: 'received',
      basis: 'device-hash',
      method: 'md5-received',
      value: this.#md5,
      matches: true,
    })
  }

  /** Without telemetry the port alone shows whether the device is there; a connection that says nothing starts nothing. */
  async #look(timeoutMs: number): Promise<Sighting> {
    if (this.#telemetry.isThere) return (await this.#telemetry.look(timeoutMs)) ?? 'alive'
    const link = await connectTcp(this.#endpoint, { timeoutMs, signal: this.#context.requestSignal })
    link.close()
    return 'alive'
  }
}
