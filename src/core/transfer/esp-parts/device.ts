/**
 * One `esp-parts` device as the run sees it: its connection, what it can do, who it is, and questions that only read.
 * Leaves sending and deciding to `run.ts`.
 */
import { randomBytes } from 'node:crypto'
import { asFlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import type { TelemetrySample } from '../../../shared/contract/models.ts'
import { isoWithZone } from '../../clock.ts'
import type { HttpAnswer, HttpClient, HttpRequest } from '../../links/http-client.ts'
import { httpJsonSource } from '../../telemetry/http-json.ts'
import type { AskedTelemetry } from '../../telemetry/telemetry-source.ts'
import { isTransient, retryDelayMs } from '../retry.ts'
import type { TransferContext } from '../transfer-protocol.ts'
import type { EspPartsOptions } from './options.ts'
import {
  capabilitiesRequest,
  hashRequest,
  readCapabilities,
  readHash,
  readStatus,
  statusRequest,
  type Capabilities,
  type HashAnswer,
  type UploadStatus,
} from './requests.ts'

/** How often the device is asked for telemetry while chunks go out: between chunks, never beside one. */
const TELEMETRY_EVERY_MS = 1000
const NONCE_BYTES = 16

export class EspPartsDevice {
  readonly #client: HttpClient
  readonly #context: TransferContext
  readonly #path: string
  readonly #telemetrySource: AskedTelemetry | null
  readonly #startedMs: number
  #lastTelemetryMs = Number.NEGATIVE_INFINITY
  #hasTelemetry: boolean
  capabilities: Capabilities | null = null
  /** The first sample of this run: what the device was before. */
  before: TelemetrySample | null = null
  latest: TelemetrySample | null = null
  /** Taken right before the completion: a restart after it is the one into the new image. */
  baseline: TelemetrySample | null = null

  constructor(client: HttpClient, context: TransferContext, options: EspPartsOptions) {
    this.#client = client
    this.#context = context
    this.#path = options.targetPath
    this.#hasTelemetry = options.telemetryPath !== ''
    this.#telemetrySource = this.#hasTelemetry
      ? httpJsonSource({ path: options.telemetryPath, map: options.telemetryMap })
      : null
    this.#startedMs = context.clock.monotonicMs()
  }

  /**
   * Asks what the device can do and who it is. Only reads.
   * @param earlier what it said before the completion of an earlier run, to which it is compared from now on
   */
  async learn(earlier: TelemetrySample | null): Promise<void> {
    this.capabilities = await this.#learnCapabilities()
    const sample = await this.patiently('telemetry', () => this.sampleTelemetry())
    if (sample === null) this.#hasTelemetry = false
    this.before = earlier ?? sample
    this.baseline = this.before
    await this.#context.identify(sample?.device ?? null)
    if (sample?.appVersion !== undefined) this.#context.setVersion('before', sample.appVersion)
  }

  /** A device whose capabilities fail every time is one without: older servers answer unknown routes with 500. */
  async #learnCapabilities(): Promise<Capabilities | null> {
    try {
      return await this.patiently('capabilities', async () => readCapabilities(await this.send(capabilitiesRequest)))
    } catch (error) {
      if (hasErrorCode(error, 'device.rejected')) return null
      throw error
    }
  }

  /**
   * Whether its status says what it has. Only a device that was told size and hash of a session can know them, so a
   * status without sessions is no word on the upload.
   */
  get canTellUpload(): boolean {
    return this.capabilities?.hasStatus === true && this.capabilities.hasSession
  }

  /** Whether it names the firmware that it runs: an upload to another place then leaves that one as it is. */
  get namesItsApp(): boolean {
    return this.before?.appVersion !== undefined || this.before?.appElfSha256 !== undefined
  }

  /** Notes how the board stands before the completion; it may have restarted while the chunks went out. */
  async noteBaseline(): Promise<void> {
    const sample = await this.patiently('telemetry', () => this.reidentify())
    if (sample !== null) this.baseline = sample
  }

  /**
   * Makes sure that the same board still answers at this address.
   * @throws {FlashproofError} device.identity-changed, network.*
   */
  async reidentify(): Promise<TelemetrySample | null> {
    if (!this.#hasTelemetry) return null
    const sample = await this.sampleTelemetry()
    if (sample !== null) await this.#context.identify(sample.device ?? null)
    return sample
  }

  async sampleTelemetry(): Promise<TelemetrySample | null> {
    if (this.#telemetrySource === null || !this.#hasTelemetry) return null
    const { clock, requestSignal, retryPolicy } = this.#context
    this.#lastTelemetryMs = clock.monotonicMs()
    const sample = await this.#telemetrySource.sample({
      client: this.#client,
      timeoutMs: retryPolicy.requestTimeoutMs,
      signal: requestSignal,
      stamp: () => ({ at: isoWithZone(clock.nowMs()), elapsedMs: Math.round(clock.monotonicMs() - this.#startedMs) }),
    })
    if (sample !== null) {
      this.latest = sample
      this.#context.addTelemetry(sample)
    }
    return sample
  }

  get isTelemetryDue(): boolean {
    return this.#hasTelemetry && this.#context.clock.monotonicMs() - this.#lastTelemetryMs >= TELEMETRY_EVERY_MS
  }

  /** The device's own word on the upload; null where it knows of none. @throws {FlashproofError} network.* */
  async status(): Promise<UploadStatus | null> {
    return readStatus(await this.send(statusRequest(this.#path)))
  }

  /** Asks for the hash of what lies in flash now, with a nonce that no earlier answer can know. */
  async hash(timeoutMs: number): Promise<{ readonly nonce: string; readonly answer: HashAnswer }> {
    const nonce = randomBytes(NONCE_BYTES).toString('hex')
    return { nonce, answer: readHash(await this.send(hashRequest(this.#path, nonce), timeoutMs)) }
  }

  send(draft: Omit<HttpRequest, 'timeoutMs' | 'signal'>, timeoutMs?: number): Promise<HttpAnswer> {
    return this.#client.request({
      ...draft,
      timeoutMs: timeoutMs ?? this.#context.retryPolicy.requestTimeoutMs,
      signal: this.#context.requestSignal,
    })
  }

  /** Waits for a device that restarts to answer again, and makes sure that it is still the same board. */
  async awaitReturn(): Promise<void> {
    const { clock, retryPolicy } = this.#context
    await this.patiently('identity', () => this.reidentify(), clock.monotonicMs() + retryPolicy.rebootTimeoutMs)
  }

  /**
   * Repeats a question that only reads until it is answered: as often as the policy says, and beyond that, while
   * `untilMs` (monotonic) has not passed, for a device that is silent. Wrong answers do not become right by waiting.
   */
  async patiently<Answer>(what: string, ask: () => Promise<Answer>, untilMs = 0): Promise<Answer> {
    const { clock, retryPolicy, random, signal } = this.#context
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask()
      } catch (thrown) {
        const error = asFlashproofError(thrown)
        const mayWait = error.code.startsWith('network.') && clock.monotonicMs() < untilMs
        const isOver = attempt >= retryPolicy.tries && !mayWait
        // A refused connection while connecting is for the job to wait out (`--wait-device`), not for this request.
        const isAway = untilMs === 0 && hasErrorCode(error, 'network.refused', 'network.name-not-found')
        if (isOver || isAway || !isTransient(error) || signal.aborted) throw error
        this.#context.countRetry()
        this.#context.log('info', 'question.repeated', `${what}: ${error.message}`)
        await clock.delay(retryDelayMs(retryPolicy, Math.min(attempt, 4), random), signal)
      }
    }
  }
}
