/**
 * The order to the gateway to write the STM32: sent once, waited for long, and asked about where the gateway has a status.
 * A lost answer is an unknown outcome, never a second order.
 */
import { asFlashproofError, FlashproofError } from '../../../shared/errors.ts'
import type { RelayLeg } from '../../../shared/contract/models.ts'
import { sha256InPieces } from '../../image/digest-in-pieces.ts'
import type { HttpClient } from '../../links/http-client.ts'
import { isNeverSent, retryDelayMs } from '../retry.ts'
import type { TransferContext, TransferReport } from '../transfer-protocol.ts'
import { causeOf, readDownloadAnswer } from './answers.ts'
import { leftStm32Alone, settled, unclear, type BoardStanding } from './board-now.ts'
import { RelayLegWatch } from './relay-leg.ts'
import { isBusy, readStatus, statusRequest, type GatewayStatus } from './status.ts'
import { clockTime, downloadTimeoutMs, pollEveryMs, usualDownloadMs } from './timing.ts'
import { sum8 } from './upload-image.ts'

export interface DownloadParts {
  readonly context: TransferContext
  readonly client: HttpClient
  readonly connect: () => HttpClient
  /** What the gateway passes on, fill included. */
  readonly padded: Uint8Array
}

export class Download {
  readonly #parts: DownloadParts

  constructor(parts: DownloadParts) {
    this.#parts = parts
  }

  get waitingLeg(): RelayLeg {
    const totalBytes = this.#parts.padded.length
    return { state: 'waiting', doneBytes: null, totalBytes, elapsedMs: 0, usualMs: usualDownloadMs(totalBytes) }
  }

  get #timeoutMs(): number {
    return downloadTimeoutMs(this.#parts.padded.length, this.#parts.context.retryPolicy)
  }

  /**
   * Orders the writing and waits for its end.
   * @param before how the board stands as long as the STM32 was not spoken to
   * @throws {FlashproofError} relay.*, device.unauthorised, device.not-speaking; why the job was stopped
   */
  async send(before: BoardStanding, hasStatus: boolean): Promise<TransferReport> {
    const { context } = this.#parts
    const { retryPolicy, clock, random, signal } = context
    for (let attempt = 1; ; attempt++) {
      await context.checkpoint()
      const sent = await this.#sendOnce(before, hasStatus)
      if ('outcome' in sent) return sent
      // It never left, so the STM32 is as it was.
      if (attempt >= retryPolicy.tries) throw sent.neverSent
      context.countRetry()
      await clock.delay(retryDelayMs(retryPolicy, attempt, random), signal)
    }
  }

  /** The device's word of success: the STM32 counted the same 8-bit sum. */
  async acknowledged(word: string): Promise<TransferReport> {
    const { context, padded } = this.#parts
    const sum = sum8(padded).toString(16).toUpperCase().padStart(2, '0')
    context.addEvidence({
      level: 'acknowledged',
      basis: 'device-said',
      method: 'stm32-sum8',
      value: `8-bit sum 0x${sum} of ${String(padded.length)} bytes: ${word}`,
      matches: null,
    })
    await context.markCompletion('succeeded')
    return { outcome: 'answered', ...settled }
  }

  /**
   * Looks at the status until the writing has ended.
   * @returns the failure that the gateway names; `unknown` where it knows of no writing of our image
   */
  async follow(first: GatewayStatus | null): Promise<'done' | 'unknown' | FlashproofError> {
    const { context, padded, connect } = this.#parts
    const { clock, retryPolicy, signal } = context
    const ours = await sha256InPieces(padded)
    const deadlineMs = clock.monotonicMs() + this.#timeoutMs
    const client = connect()
    try {
      let status = first
      for (;;) {
        if (status !== null && !isBusy(status)) return endOf(status, ours, padded.length)
        if (clock.monotonicMs() >= deadlineMs) return 'unknown'
        await clock.delay(pollEveryMs(retryPolicy), signal)
        const timeoutMs = retryPolicy.requestTimeoutMs
        const answer = await client.request({ ...statusRequest, timeoutMs, signal }).catch(() => null)
        signal.throwIfAborted()
        status = answer === null ? null : readStatus(answer)
      }
    } finally {
      await client.close()
    }
  }

  async #sendOnce(before: BoardStanding, hasStatus: boolean): Promise<TransferReport | { neverSent: FlashproofError }> {
    const { context, connect, padded } = this.#parts
    const { clock } = context
    const until = clockTime(clock.nowMs() + this.#timeoutMs)
    context.enter('transferring', unclear)
    await context.markCompletion('sent')
    context.cannotUndo({
      en: `The gateway writes to the STM32 by itself; stopping here does not stop it. Keep both powered until ${until}.`,
      vi: `Gateway đang tự ghi vào STM32; dừng ở đây không dừng được nó. Hãy giữ nguồn cho cả hai đến ${until}.`,
    })
    const leg = new RelayLegWatch(context, padded.length, hasStatus ? connect() : null)
    leg.start()
    try {
      return await this.#orderOnce(leg, { before, hasStatus, until })
    } finally {
      await leg.close()
    }
  }

  async #orderOnce(
    leg: RelayLegWatch,
    run: { before: BoardStanding; hasStatus: boolean; until: string },
  ): Promise<TransferReport | { neverSent: FlashproofError }> {
    const { context, client } = this.#parts
    const { requestSignal } = context
    let word: string
    try {
      const answer = await client.request({
        method: 'POST',
        path: '/download',
        // With a length of zero: a server that waits for a body would wait for ever.
        body: new Uint8Array(0),
        timeoutMs: this.#timeoutMs,
        signal: requestSignal,
        needsFreshConnection: true,
      })
      word = readDownloadAnswer(answer)
    } catch (thrown) {
      return await this.#afterFailure(asFlashproofError(thrown), { leg, ...run })
    }
    await leg.end('done')
    context.cannotUndo(null)
    return await this.acknowledged(word)
  }

  async #afterFailure(
    error: FlashproofError,
    run: { leg: RelayLegWatch; before: BoardStanding; hasStatus: boolean; until: string },
  ): Promise<TransferReport | { neverSent: FlashproofError }> {
    const { context } = this.#parts
    const { leg, before, hasStatus, until } = run
    const isAtDoor = isNeverSent(error) || error.code === 'device.unauthorised' || isMissingRoute(error)
    if (isAtDoor && !context.requestSignal.aborted) {
      await leg.end('failed')
      context.cannotUndo(null)
      await context.markCompletion('none')
      context.enter('transferring', before)
      if (isNeverSent(error)) return { neverSent: error }
      throw error
    }
    if (error.code.startsWith('relay.')) return await this.#failed(error, leg, before)
    if (!context.requestSignal.aborted) context.log('warning', 'download.unanswered', error.message)
    if (hasStatus && !context.signal.aborted) {
      const found = await this.follow(null).catch((thrown: unknown) => {
        if (!context.signal.aborted) throw thrown
        return 'unknown' as const
      })
      if (found === 'done') {
        await leg.end('done')
        context.cannotUndo(null)
        return await this.acknowledged('the answer was lost, the gateway’s status says done')
      }
      if (found !== 'unknown') return await this.#failed(found, leg, before)
    }
    await leg.end('unknown')
    context.warn(
      `The gateway’s answer was lost; it may still be writing to the STM32. Keep both powered until ${until}, then look whether the STM32 works; “resume” asks before it writes again.`,
    )
    if (context.requestSignal.aborted) throw error
    // Stopped while the status was looked at.
    if (hasStatus) context.signal.throwIfAborted()
    return { outcome: 'outcome-unknown', ...unclear }
  }

  async #failed(error: FlashproofError, leg: RelayLegWatch, before: BoardStanding): Promise<never> {
    const { context } = this.#parts
    await leg.end('failed')
    context.cannotUndo(null)
    const isUntouched = leftStm32Alone(error.code)
    await context.markCompletion(isUntouched ? 'none' : 'failed')
    context.enter('transferring', isUntouched ? before : settled)
    throw error
  }
}

function endOf(status: GatewayStatus, ours: string, sizeBytes: number): 'done' | 'unknown' | FlashproofError {
  // Of another file it tells nothing; a gateway that tells no hash must at least name our length.
  const isOurs = status.sha256 === null ? status.total === sizeBytes : status.sha256 === ours
  if (!isOurs) return 'unknown'
  if (status.state === 'done') return 'done'
  return status.state === 'error' ? causeOf(status.error ?? 'error') : 'unknown'
}

/** Answered by the server itself: nothing there takes the order. */
function isMissingRoute(error: FlashproofError): boolean {
  return error.code === 'device.not-speaking' && error.details['status'] !== undefined
}
