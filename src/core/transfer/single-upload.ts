/**
 * One POST that carries the whole image: for devices whose update page takes a form with one file. Shows what the network
 * took as progress, notes before the last piece that the device may act from then on, and tells a break before the body
 * was whole from a lost answer.
 */
import { asFlashproofError, FlashproofError } from '../../shared/errors.ts'
import type { RequestSender } from '../links/http-auth.ts'
import type { HttpAnswer } from '../links/http-client.ts'
import type { MultipartBody } from '../links/multipart.ts'
import type { TransferContext } from './transfer-protocol.ts'

export interface UploadRequest {
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly form: MultipartBody
  /** Bytes of the file in the form; other than the image's where it goes out compressed. */
  readonly fileBytes: number
}

export type UploadEnd =
  /** `isWhole`: whether the body had left when the answer came. */
  | { readonly kind: 'answered'; readonly answer: HttpAnswer; readonly isWhole: boolean }
  /** `isWhole` false: the device surely did not get everything. */
  | { readonly kind: 'broken'; readonly error: FlashproofError; readonly isWhole: boolean }

/** How often a silent device is looked after, as a share of how long it may be silent. */
const STALL_CHECKS = 4

/**
 * Sends the form. Nothing is sent twice here, except that a device may ask for other credentials before it takes it.
 * @param imageBytes what progress is counted in; the last byte counts only with the answer
 * @throws {FlashproofError} job.*, journal.*: the job stopped; the device has a part of the image then
 */
export async function uploadOnce(
  sender: RequestSender,
  request: UploadRequest,
  context: TransferContext,
  imageBytes: number,
): Promise<UploadEnd> {
  const { completionFloorMs, completionBytesPerMs } = context.retryPolicy
  const answerMs = completionFloorMs + imageBytes / completionBytesPerMs
  const headBytes = request.form.parts[0]?.length ?? 0
  const watch = new StallWatch(context, completionFloorMs)
  let isWhole = false
  try {
    const answer = await sender.request({
      method: 'POST',
      path: request.path,
      headers: { 'content-type': request.form.contentType, ...request.headers },
      body: request.form.parts,
      endsConnection: true,
      needsFreshConnection: true,
      // The network takes a long body at the device's pace: the clock of the answer begins when it is out.
      timeoutMs: longestBodyMs(context, imageBytes) + answerMs,
      signal: watch.signal,
      onSent: sentBytes => {
        watch.alive()
        isWhole = sentBytes === request.form.sizeBytes
        if (isWhole) watch.expectAnswer(answerMs)
        const share = Math.min(1, Math.max(0, sentBytes - headBytes) / request.fileBytes)
        context.progress(Math.min(imageBytes - 1, Math.floor(share * imageBytes)))
      },
      beforeLastPiece: async () => {
        context.signal.throwIfAborted()
        context.enter('transferring', { boardNow: 'unknown', unplug: 'keep-powered' })
        await context.markCompletion('sent')
        watch.handOver()
      },
    })
    return { kind: 'answered', answer, isWhole }
  } catch (thrown) {
    const error = asFlashproofError(thrown)
    const isNetwork = error.code.startsWith('network.') || error.code === 'device.not-speaking'
    if (!isNetwork) throw error
    return { kind: 'broken', error, isWhole }
  } finally {
    watch.stop()
  }
}

/** A device that takes less than a fifth of what every one of them takes is held by something. */
function longestBodyMs(context: TransferContext, imageBytes: number): number {
  const { completionFloorMs, completionBytesPerMs } = context.retryPolicy
  return completionFloorMs + (5 * imageBytes) / completionBytesPerMs
}

/** Ends the request when the device takes nothing for too long, and at once when the job stops before the last piece. */
class StallWatch {
  readonly #stop = new AbortController()
  readonly #ended = new AbortController()
  readonly #context: TransferContext
  #silentMs: number
  #aliveMs: number
  #mayCut = true
  readonly signal: AbortSignal

  constructor(context: TransferContext, silentMs: number) {
    this.#context = context
    this.#silentMs = silentMs
    this.#aliveMs = context.clock.monotonicMs()
    this.signal = AbortSignal.any([context.requestSignal, this.#stop.signal])
    context.signal.addEventListener('abort', this.#onAbort, { once: true })
    void this.#run()
  }

  alive(): void {
    this.#aliveMs = this.#context.clock.monotonicMs()
  }

  expectAnswer(withinMs: number): void {
    this.#silentMs = withinMs
  }

  /** From now on the device may act: a cancel waits for its answer as long as the job allows. */
  handOver(): void {
    this.#mayCut = false
  }

  stop(): void {
    this.#ended.abort()
    this.#context.signal.removeEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (): void => {
    if (this.#mayCut) this.#stop.abort(this.#context.signal.reason)
  }

  async #run(): Promise<void> {
    const { clock } = this.#context
    try {
      for (;;) {
        await clock.delay(this.#silentMs / STALL_CHECKS, this.#ended.signal)
        const silentMs = clock.monotonicMs() - this.#aliveMs
        if (silentMs < this.#silentMs) continue
        const text = `the device took nothing and answered nothing for ${String(Math.round(silentMs))} ms`
        this.#stop.abort(new FlashproofError('network.timeout', text, { silentMs: Math.round(silentMs) }))
        return
      }
    } catch {
      // The upload ended before.
    }
  }
}
