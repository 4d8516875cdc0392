/**
 * The completion of an upload: sent once, never repeated blindly. On the seed's server a second completion finds the
 * parts gone and truncates the finished file, so a lost answer is followed by questions.
 */
import { asFlashproofError, FlashproofError } from '../../../shared/errors.ts'
import { isNeverSent, isTransient } from '../retry.ts'
import type { CompletionState, TransferContext, TransferOrder } from '../transfer-protocol.ts'
import { boardAfterFailure } from './board-now.ts'
import { ChunkMap } from './chunk-map.ts'
import type { EspPartsDevice } from './device.ts'
import type { EspPartsOptions } from './options.ts'
import { completeRequest, readSuccess, type SessionHeaders } from './requests.ts'

/** A completion that the device surely never ran is sent again this often. */
const SENDS = 5
/** Two looks that agree this many first delays apart count as a device that is not assembling any more. */
const SETTLED_AFTER_DELAYS = 6

/** `acknowledged`: the device said OK. `stored`: it says or shows that it has all. `missing`: it surely lacks some. */
export type CompletionFound = 'acknowledged' | 'stored' | 'missing' | 'unknown'

type Look = 'stored' | 'all-parts' | 'some-parts' | 'nothing' | 'not-ours' | 'cannot-tell'

export class Completion {
  readonly #order: TransferOrder
  readonly #options: EspPartsOptions
  readonly #context: TransferContext
  readonly #device: EspPartsDevice

  constructor(order: TransferOrder, options: EspPartsOptions, context: TransferContext, device: EspPartsDevice) {
    this.#order = order
    this.#options = options
    this.#context = context
    this.#device = device
  }

  get #timeoutMs(): number {
    const { completionFloorMs, completionBytesPerMs } = this.#context.retryPolicy
    return completionFloorMs + this.#order.image.bytes.length / completionBytesPerMs
  }

  /** Sends the completion and finds out what became of it. */
  async send(totalChunks: number, session: SessionHeaders | null): Promise<CompletionFound> {
    const request = completeRequest(this.#options.targetPath, totalChunks, session)
    const draft = { ...request, needsFreshConnection: true }
    for (let attempt = 1; ; attempt++) {
      await this.#context.markCompletion('sent')
      try {
        const answer = await this.#device.send(draft, this.#timeoutMs)
        readSuccess(answer, 'completion')
        await this.#acknowledged('http-body')
        return 'acknowledged'
      } catch (thrown) {
        const error = asFlashproofError(thrown)
        if (this.#context.requestSignal.aborted) throw error
        this.#context.log('warning', 'completion.unanswered', error.message)
        const found = await this.#afterFailure(error)
        if (found !== 'again') return found
        if (attempt >= SENDS) throw error
        this.#context.countRetry()
        // It may have restarted meanwhile; that restart is not the one into the new image.
        await this.#device.noteBaseline()
      }
    }
  }

  /** Asks what became of a completion that an earlier run sent. */
  async findOut(earlier: CompletionState): Promise<Exclude<CompletionFound, 'unknown'>> {
    const found = await this.#settle()
    if (found === 'again') return 'missing'
    if (found !== 'unknown') return found
    // Nothing to ask with: a word that was given stays given; a word that was lost means sending the whole image, never
    // the completion alone, because the parts may be gone and a second completion would truncate the finished file.
    if (earlier === 'succeeded') return 'acknowledged'
    await this.#context.markCompletion('failed')
    return 'missing'
  }

  async #afterFailure(error: FlashproofError): Promise<CompletionFound | 'again'> {
    if (isNeverSent(error)) {
      await this.#context.markCompletion('none')
      await this.#device.patiently('identity', () => this.#device.reidentify(), this.#deadlineMs())
      return 'again'
    }
    if (error.code === 'device.unauthorised' || error.code === 'device.not-speaking') {
      // Refused at the door: the completion did not run, and asking again would not change that.
      await this.#context.markCompletion('none')
      throw error
    }
    const wasAnswered = error.code === 'device.rejected' && Number(error.details['status']) < 300
    if (wasAnswered || error.code === 'device.session-lost') {
      if (await this.#isStoredByHash()) {
        this.#context.log('warning', 'completion.contradicted', 'the device said no, and holds the whole image')
        await this.#context.markCompletion('succeeded')
        return 'stored'
      }
      await this.#context.markCompletion('failed')
      // The seed's server deletes every part when it fails, so only a device that can be asked may still have some.
      if (this.#device.canTellUpload) return 'missing'
      this.#context.enter('transferring', boardAfterFailure(this.#order, this.#device))
      throw error
    }
    if (!isTransient(error) && !error.code.startsWith('device.')) throw error
    return await this.#settle()
  }

  /** Looks until two looks agree, because a device that is still assembling changes between them. */
  async #settle(): Promise<CompletionFound | 'again'> {
    const deadlineMs = this.#deadlineMs()
    const { clock, retryPolicy, signal } = this.#context
    let earlier = ''
    for (;;) {
      const seen = await this.#device
        .patiently('upload', () => this.#look(), deadlineMs)
        .catch((thrown: unknown) => {
          const error = asFlashproofError(thrown)
          if (!isTransient(error) || signal.aborted) throw error
          return null
        })
      if (seen === null) return 'unknown'
      if (seen.look === 'cannot-tell') return 'unknown'
      if (seen.look === 'stored') {
        await this.#acknowledged(seen.method)
        return 'stored'
      }
      const isSettled = seen.text === earlier
      // Only a hash to go by: a device may still be assembling for as long as a completion may take.
      const mustWait = seen.look === 'not-ours' && clock.monotonicMs() < deadlineMs - retryPolicy.rebootTimeoutMs
      if (isSettled && !mustWait) {
        const hasAll = seen.look === 'all-parts'
        await this.#context.markCompletion(hasAll ? 'none' : 'failed')
        return hasAll ? 'again' : 'missing'
      }
      earlier = seen.text
      await clock.delay(SETTLED_AFTER_DELAYS * retryPolicy.firstDelayMs, signal)
    }
  }

  async #look(): Promise<{ look: Look; text: string; method: string }> {
    await this.#device.reidentify()
    const hasHash = this.#device.capabilities?.hasHash === true
    const canTell = this.#device.canTellUpload
    const image = this.#order.image
    if (canTell) {
      const status = await this.#device.status()
      const isOurs = status?.sha256 === image.sha256 && status.sizeBytes === image.bytes.length
      if (status !== null && isOurs) {
        if (status.state !== 'receiving') return { look: 'stored', text: status.state, method: 'status' }
        const map = new ChunkMap(image.bytes.length, status.chunkBytes, status.have)
        const text = Buffer.from(status.have).toString('base64')
        // The hash knows better than a status that lags behind; a completion is not sent again over a stored image.
        if (map.isComplete && (await this.#isStoredByHash())) return { look: 'stored', text, method: 'hash' }
        return { look: map.isComplete ? 'all-parts' : 'some-parts', text, method: 'status' }
      }
      if (!hasHash) return { look: 'nothing', text: 'nothing', method: 'status' }
    }
    if (!hasHash) return { look: 'cannot-tell', text: '', method: '' }
    const { answer } = await this.#device.hash(this.#timeoutMs)
    if (answer.kind === 'unsupported') return { look: canTell ? 'nothing' : 'cannot-tell', text: '', method: '' }
    const isStored = answer.kind === 'hash' && answer.hash.sha256 === image.sha256
    if (isStored) return { look: 'stored', text: '', method: 'hash' }
    const text = answer.kind === 'hash' ? answer.hash.sha256 : 'absent'
    return { look: canTell ? 'nothing' : 'not-ours', text, method: 'hash' }
  }

  /** Whether the device has a hash and it is ours; what it proves is looked at later. */
  async #isStoredByHash(): Promise<boolean> {
    if (this.#device.capabilities?.hasHash !== true) return false
    const ask = (): ReturnType<EspPartsDevice['hash']> => this.#device.hash(this.#timeoutMs)
    const { answer } = await this.#device.patiently('hash', ask)
    return answer.kind === 'hash' && answer.hash.sha256 === this.#order.image.sha256
  }

  async #acknowledged(method: string): Promise<void> {
    this.#context.addEvidence({
      level: 'acknowledged',
      basis: 'device-said',
      method,
      value: this.#options.targetPath,
      matches: null,
    })
    await this.#context.markCompletion('succeeded')
  }

  /** Enough for the longest completion and a restart after it. */
  #deadlineMs(): number {
    const { clock, retryPolicy } = this.#context
    return clock.monotonicMs() + this.#timeoutMs + retryPolicy.rebootTimeoutMs
  }
}
