/**
 * One upload on the server: begun, continued, given up. Says of each chunk what became of it; in which order they go and
 * what is made of the end is left to `run.ts`.
 */
import { asFlashproofError, FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import type { HttpAnswer, HttpRequest } from '../../links/http-client.ts'
import type { RequestSender } from '../../links/http-auth.ts'
import { isNeverSent, isTransient, retryDelayMs } from '../retry.ts'
import type { TelemetryQuestions } from '../telemetry-questions.ts'
import type { TransferContext } from '../transfer-protocol.ts'
import {
  cancelRequest,
  chunkHeader,
  chunkRequest,
  guidOf,
  initRequest,
  readCancel,
  readChunk,
  readInit,
  remainingAfter,
  type ChunkAnswer,
  type UploadPlan,
  type UploadSession,
} from './requests.ts'

/** A cancel must not hold up the end of a job. */
const LONGEST_CANCEL_MS = 1000

export interface UploadParts {
  readonly client: RequestSender
  readonly context: TransferContext
  readonly telemetry: TelemetryQuestions
  readonly plan: UploadPlan
  readonly origin: string
  /** Where uploads begin and are cancelled, from the server's root. */
  readonly path: string
}

/** `lost`: the server knows no such upload. `perhaps-complete`: that too, but the last chunk may have completed it before. */
export type ChunkOutcome = ChunkAnswer | 'lost' | 'perhaps-complete'

export class Upload {
  readonly #parts: UploadParts
  readonly session: UploadSession
  /** Whether the last chunk was sent and nothing is known of it: a missing upload may then be a complete one. */
  mayBeComplete = false

  constructor(parts: UploadParts, session: UploadSession) {
    this.#parts = parts
    this.session = session
  }

  /** Begins an upload. @throws {FlashproofError} what `readInit` throws, network.* */
  static async begin(parts: UploadParts): Promise<Upload> {
    const { context, path, plan, origin } = parts
    const { retryPolicy, clock, random, signal } = context
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await send(parts, initRequest(path, plan), retryPolicy.requestTimeoutMs)
        return new Upload(parts, await readOrTakeBack(parts, answer, () => readInit(answer, plan, { origin, path })))
      } catch (thrown) {
        const error = asFlashproofError(thrown)
        signal.throwIfAborted()
        if (!isTransient(error) || attempt >= retryPolicy.tries) throw error
        context.countRetry()
        context.log('warning', 'init.retry', error.message)
        await clock.delay(retryDelayMs(retryPolicy, attempt, random), signal)
        await parts.telemetry.awaitReturn()
      }
    }
  }

  /**
   * Sends one chunk, again after what may pass by itself: a repeated chunk changes nothing on the server.
   * @param chunk `isLast`: with it the server has all, and completes the upload
   * @throws {FlashproofError} what `readChunk` throws, network.*, device.identity-changed, why the job was stopped
   */
  async send(chunk: {
    readonly index: number
    readonly bytes: Uint8Array
    readonly isLast: boolean
    readonly onAnswer: (answer: ChunkAnswer, attempt: number, durationMs: number) => void
  }): Promise<ChunkOutcome> {
    const { context, plan, telemetry } = this.#parts
    const { retryPolicy, clock, random, signal } = context
    const { index, isLast } = chunk
    let mustLook = false
    let awayUntilMs: number | null = null
    for (let attempt = 1; ;) {
      try {
        if (mustLook) await telemetry.awaitReturn()
        mustLook = false
        const answer = await this.#put(chunk)
        const read = readChunk(answer, index, plan.totalChunks)
        chunk.onAnswer(read, attempt, answer.durationMs)
        return read
      } catch (thrown) {
        const error = asFlashproofError(thrown)
        if (error.code === 'device.session-lost') return this.mayBeComplete ? 'perhaps-complete' : 'lost'
        if (isLast && !isRefusal(error)) {
          // The server drops an upload whose chunk it could not keep, so that such an answer means: not complete.
          this.mayBeComplete = error.details['status'] !== 500 && (this.mayBeComplete || !isNeverSent(error))
        }
        signal.throwIfAborted()
        if (!isTransient(error)) throw error
        // A closed port is a device that restarts: it has that long to come back, and nothing was sent meanwhile.
        awayUntilMs ??= isNeverSent(error) ? clock.monotonicMs() + retryPolicy.rebootTimeoutMs : null
        const isAway = isNeverSent(error) && clock.monotonicMs() < (awayUntilMs ?? 0)
        if (attempt >= retryPolicy.tries && !isAway) throw error
        context.countRetry()
        context.log('warning', 'chunk.retry', `chunk ${String(index)}, try ${String(attempt)}: ${error.message}`)
        await clock.delay(retryDelayMs(retryPolicy, attempt, random), signal)
        mustLook ||= error.code.startsWith('network.')
        if (!isAway) attempt++
      }
    }
  }

  /** Asks the server once to drop the upload. Never throws. */
  async cancel(): Promise<'gone' | 'unknown-upload' | 'refused'> {
    const { guid } = this.session
    if (guid === null) return 'refused'
    const result = await cancelOnce(this.#parts, guid)
    this.#parts.context.log('info', 'upload.cancelled', `cancel: ${result}`)
    return result
  }

  async #put({ index, bytes, isLast }: { index: number; bytes: Uint8Array; isLast: boolean }): Promise<HttpAnswer> {
    const { context, plan } = this.#parts
    const { requestTimeoutMs, completionFloorMs, completionBytesPerMs } = context.retryPolicy
    const remainingBytes = remainingAfter(plan, index)
    const header = chunkHeader({ random: Math.floor(context.random() * 0x1_0000), index, remainingBytes })
    // With the last chunk the server moves the whole file to its place before it answers.
    const assemblyMs = isLast ? completionFloorMs + plan.fileSizeBytes / completionBytesPerMs : 0
    const timeoutMs = requestTimeoutMs + bytes.length / completionBytesPerMs + assemblyMs
    const draft = chunkRequest(this.session.uploadUrl, header, bytes)
    return await send(this.#parts, isLast ? { ...draft, needsFreshConnection: true } : draft, timeoutMs)
  }
}

/** Whether the server answered that it did not take the chunk. */
function isRefusal(error: FlashproofError): boolean {
  return hasErrorCode(error, 'device.refused', 'device.unauthorised', 'device.not-speaking')
}

/** Reads the answer to an init; an upload that is not followed is taken back. */
async function readOrTakeBack(
  parts: UploadParts,
  answer: HttpAnswer,
  read: () => UploadSession,
): Promise<UploadSession> {
  try {
    return read()
  } catch (error) {
    const guid = guidOf(answer)
    if (guid !== null) await cancelOnce(parts, guid)
    throw error
  }
}

async function cancelOnce(parts: UploadParts, guid: string): Promise<'gone' | 'unknown-upload' | 'refused'> {
  const timeoutMs = Math.min(LONGEST_CANCEL_MS, parts.context.retryPolicy.requestTimeoutMs)
  try {
    // Not by the signals of the job: this is what is said after them.
    const draft = { ...cancelRequest(parts.path, guid), needsFreshConnection: true }
    return readCancel(await parts.client.request({ ...draft, timeoutMs }))
  } catch (thrown) {
    parts.context.log('warning', 'upload.not-cancelled', asFlashproofError(thrown).message)
    return 'refused'
  }
}

function send(
  { client, context }: UploadParts,
  draft: Omit<HttpRequest, 'timeoutMs' | 'signal'>,
  timeoutMs: number,
): Promise<HttpAnswer> {
  return client.request({ ...draft, timeoutMs, signal: context.requestSignal })
}

/** The upload that an earlier run began, by the address that the ledger kept. */
export function sessionOf(uploadUrl: string, origin: string): UploadSession | null {
  if (!uploadUrl.startsWith('/')) return null
  return { uploadUrl, guid: new URL(uploadUrl, origin).searchParams.get('guid') }
}

/** @throws {FlashproofError} the server has every chunk of ours and does not complete, or completes too early */
export function assertCompletion(answer: ChunkAnswer, chunk: { isLast: boolean; isAdopted: boolean }): void {
  const { receivedChunks, totalChunks, isComplete } = answer
  const counts = { receivedChunks, totalChunks }
  if (chunk.isLast && !isComplete) {
    const text = `the server has ${String(receivedChunks ?? '?')} of ${String(totalChunks ?? '?')} chunks and does not complete the upload`
    throw new FlashproofError('device.rejected', text, counts)
  }
  if (chunk.isLast || !isComplete) return
  // An upload that goes on may have more on the server than the ledger counted.
  if (chunk.isAdopted && receivedChunks !== null && receivedChunks === totalChunks) return
  throw new FlashproofError('device.rejected', 'the server calls the upload complete before it has every chunk', counts)
}
