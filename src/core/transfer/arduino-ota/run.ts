/**
 * The choreography of one `arduino-ota` run: learn who answers, check the image, open a port for this one device, invite
 * it, send the image over the connection that it opens, and watch its restart. A device forgets a transfer that broke off,
 * so a second try is a new invitation.
 */
import { createHash } from 'node:crypto'
import { asFlashproofError, FlashproofError } from '../../../shared/errors.ts'
import type { TelemetrySample } from '../../../shared/contract/models.ts'
import type { SocketEndpoint } from '../../discovery/target.ts'
import { listenForOne, type TcpLink } from '../../links/tcp-link.ts'
import { openUdpExchange } from '../../links/udp-exchange.ts'
import { obeyJudgements } from '../judgement.ts'
import { watchLostAnswer } from '../lost-answer.ts'
import { hasRestarted, showsRestarts, watchRestart, type RestartWatch } from '../restart-watch.ts'
import { readTelemetryUrl, SideTelemetry } from '../side-telemetry.ts'
import type { TransferContext, TransferOrder, TransferReport } from '../transfer-protocol.ts'
import { judgeImage, judgeRequired, reachOf } from './checks.ts'
import { DataPhase, PIECE_BYTES } from './data-phase.ts'
import { invite } from './invitation.ts'
import type { ArduinoOptions } from './options.ts'
import { afterLostAnswer, afterSuccess, standing, type BoardStanding } from './standing.ts'

/** The reference client invites ten times, a second apart, while the policy's own time for a request is ten seconds. */
const INVITATIONS_A_TRY = 2
const ANSWERS_A_REQUEST = 10
/** How much longer an error text may take than its first letter. */
const RESTS_A_REQUEST = 20
/** A commit for every kilobyte would cost more than the sending. */
const PIECES_AN_EDGE = 8
const COMMAND = { app: 0, filesystem: 100 } as const

export class ArduinoRun {
  readonly #order: TransferOrder
  readonly #options: ArduinoOptions
  readonly #context: TransferContext
  readonly #endpoint: SocketEndpoint
  readonly #telemetry: SideTelemetry
  readonly #md5: string
  /** What the device said of itself before it had this image; a restart is one since then. */
  #before: TelemetrySample | null = null
  /** How the board stands as long as it did not take this image. */
  #idle: BoardStanding = standing.untouched

  constructor(order: TransferOrder, options: ArduinoOptions, context: TransferContext, endpoint: SocketEndpoint) {
    this.#order = order
    this.#options = options
    this.#context = context
    this.#endpoint = endpoint
    this.#telemetry = new SideTelemetry(readTelemetryUrl(order.options, endpoint), context)
    this.#md5 = createHash('md5').update(order.image.bytes).digest('hex')
  }

  async run(): Promise<TransferReport> {
    const { earlierCompletion, telemetryBefore, isResume, image, isDryRun } = this.#order
    const { writes } = this.#options
    const context = this.#context
    const wasCompleted = earlierCompletion === 'sent' || earlierCompletion === 'succeeded'
    context.enter('connecting', wasCompleted ? standing.unclear : standing.untouched)
    await this.#telemetry.learn()
    this.#before = (wasCompleted ? telemetryBefore : null) ?? this.#telemetry.before
    const reach = reachOf(writes, this.#telemetry.before, image.inspection)
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
      context.enter('connecting', this.#whileSending)
    }
    await obeyJudgements(judgeImage(image.inspection, this.#options, this.#telemetry.before, isResume), context)
    if (isDryRun) return { outcome: 'answered', ...this.#idle }
    return await this.#prove(await this.#transfer())
  }

  async #transfer(): Promise<'taken' | 'unknown'> {
    const context = this.#context
    const exchange = await openUdpExchange(this.#endpoint.hostname, this.#endpoint.port)
    try {
      // The address that faces the device, so that no other network is offered the port.
      const place = { address: exchange.localAddress, port: this.#options.listenPort }
      const port = await listenForOne(place, exchange.address)
      try {
        const link = await this.#invite(exchange, port)
        try {
          return await this.#sendAll(link)
        } finally {
          link.close()
        }
      } finally {
        port.close()
      }
    } finally {
      exchange.close()
      context.log('debug', 'port.closed', 'this PC listens no more for the device')
    }
  }

  async #invite(
    exchange: Awaited<ReturnType<typeof openUdpExchange>>,
    port: Awaited<ReturnType<typeof listenForOne>>,
  ): Promise<TcpLink> {
    const { retryPolicy, requestSignal, signal } = this.#context
    const where = `${exchange.localAddress}:${String(port.port)}`
    this.#context.log('info', 'device.invited', `the device is invited to ${where}`)
    return await invite(
      {
        command: COMMAND[this.#options.writes],
        sizeBytes: this.#order.image.bytes.length,
        md5: this.#md5,
        password: this.#options.password,
      },
      {
        exchange,
        port,
        times: {
          tries: INVITATIONS_A_TRY * retryPolicy.tries,
          answerMs: retryPolicy.requestTimeoutMs / ANSWERS_A_REQUEST,
          patienceMs: retryPolicy.requestTimeoutMs,
        },
        signal: AbortSignal.any([signal, requestSignal]),
        log: text => {
          this.#context.log('info', 'device.invited-again', text)
        },
      },
    )
  }

  async #sendAll(link: TcpLink): Promise<'taken' | 'unknown'> {
    const context = this.#context
    const { bytes } = this.#order.image
    const { requestTimeoutMs, completionFloorMs, completionBytesPerMs } = context.retryPolicy
    const times = {
      idleMs: requestTimeoutMs,
      finishMs: completionFloorMs + bytes.length / completionBytesPerMs,
      restMs: requestTimeoutMs / RESTS_A_REQUEST,
    }
    const phase = new DataPhase(link, times, context.requestSignal)
    context.enter('transferring', this.#whileSending)
    context.progress(0)
    for (let piece = 0; piece * PIECE_BYTES < bytes.length; piece++) {
      const start = piece * PIECE_BYTES
      if (piece % PIECES_AN_EDGE === 0) {
        context.progress(start)
        await context.checkpoint()
      }
      const part = bytes.subarray(start, start + PIECE_BYTES)
      if (start + part.length === bytes.length) return await this.#sendLast(phase, part)
      if (!(await this.#sendPiece(phase, part))) return 'unknown'
    }
    throw new FlashproofError('format.no-data', 'the image is empty')
  }

  /** @returns false when the device says that it is done, which it cannot be */
  async #sendPiece(phase: DataPhase, part: Uint8Array): Promise<boolean> {
    const context = this.#context
    try {
      await phase.sendPiece(part)
      return true
    } catch (thrown) {
      const error = asFlashproofError(thrown)
      if (error.code !== 'device.bad-answer') throw error
      context.log('error', 'upload.ended-early', error.message)
      context.enter('transferring', standing.unclear)
      await context.markCompletion('sent')
      return false
    }
  }

  /** Once the last piece is on its way the device may finish the update by itself, whatever is heard of it. */
  async #sendLast(phase: DataPhase, part: Uint8Array): Promise<'taken' | 'unknown'> {
    const context = this.#context
    context.enter('transferring', standing.unclear)
    await context.markCompletion('sent')
    try {
      await phase.sendLast(part)
    } catch (thrown) {
      const error = asFlashproofError(thrown)
      if (error.code.startsWith('device.')) {
        // The device said no: it keeps the program that ran before.
        await context.markCompletion('failed')
        context.enter('transferring', this.#whileSending)
        throw error
      }
      if (context.requestSignal.aborted) throw error
      context.log('warning', 'completion.unanswered', error.message)
      this.#addSent()
      return 'unknown'
    }
    this.#addSent()
    await context.markCompletion('succeeded')
    return 'taken'
  }

  /** A program goes to the slot that does not run; a file system has one place only. */
  get #whileSending(): BoardStanding {
    return this.#options.writes === 'app' ? this.#idle : standing.half
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
    if (!this.#telemetry.isThere) {
      // Nothing of this protocol answers without beginning an update, so its restart cannot be watched.
      context.warn('The restart cannot be seen without telemetry; the option telemetryUrl names where it is told.')
      return found === 'taken' ? afterSuccess : afterLostAnswer
    }
    const watch: RestartWatch = {
      order: this.#order,
      context,
      before: this.#before,
      ask: async timeoutMs => (await this.#telemetry.look(timeoutMs)) ?? 'alive',
      written: this.#options.writes,
      otherwise: found === 'taken' ? afterSuccess : afterLostAnswer,
      cannotName: 'The device does not say what it runs; telemetry that names the running image would show it.',
    }
    if (found === 'taken') return await watchRestart(watch)
    return await watchLostAnswer(watch, this.#whileSending)
  }

  /** The final word came only after the device had compared its own MD5 of what it received with the announced one. */
  #addTaken(): void {
    const context = this.#context
    const said = { basis: 'device-said', matches: null } as const
    context.addEvidence({ level: 'acknowledged', method: 'final-word', value: 'OK', ...said })
    context.addEvidence({
      level: 'received',
      basis: 'device-hash',
      method: 'md5-received',
      value: this.#md5,
      matches: true,
    })
  }
}
