/**
 * Who answers during a run, and what it says of itself: `GET /telemetry` where a device has it, nothing where it has not.
 * For protocols whose own requests tell neither.
 */
import { asFlashproofError, hasErrorCode } from '../../shared/errors.ts'
import type { TelemetrySample } from '../../shared/contract/models.ts'
import type { HttpClient } from '../links/http-client.ts'
import { sampleHttpTelemetry } from './http-telemetry.ts'
import { isTransient, retryDelayMs } from './retry.ts'
import type { ReadingContext, TransferContext } from './transfer-protocol.ts'

export { readRequestPath, telemetryPathOption } from './http-telemetry.ts'

type Client = Pick<HttpClient, 'request'>

/** One look before a run; null where the device has no such route. @throws {FlashproofError} network.* */
export async function lookAtTelemetry(
  client: Client,
  path: string,
  { signal, clock, timeoutMs }: ReadingContext,
): Promise<TelemetrySample | null> {
  return await sampleHttpTelemetry(client, path, { signal, clock, timeoutMs })
}

export class TelemetryQuestions {
  readonly #client: Client
  readonly #context: TransferContext
  readonly #path: string | null
  readonly #startedMs: number
  #isThere: boolean
  /** The first sample of this run. */
  before: TelemetrySample | null = null

  /** @param path null: the device is never asked */
  constructor(client: Client, context: TransferContext, path: string | null) {
    this.#client = client
    this.#context = context
    this.#path = path
    this.#isThere = path !== null
    this.#startedMs = context.clock.monotonicMs()
  }

  /** Whether the device names the firmware that it runs. */
  get namesItsApp(): boolean {
    return this.before?.appVersion !== undefined || this.before?.appElfSha256 !== undefined
  }

  /** Names the board across restarts; null where it tells nothing of the kind. */
  get deviceKey(): string | null {
    const device = this.before?.device
    return device?.mac?.toLowerCase() ?? device?.id ?? null
  }

  /** Asks who answers, before anything else. @throws {FlashproofError} network.*, device.identity-changed, device.busy */
  async learn(): Promise<void> {
    const sample = await patiently(this.#context, 'telemetry', () => this.sample())
    if (sample === null) this.#isThere = false
    this.before = sample
    await this.#context.identify(sample?.device ?? null)
    if (sample?.appVersion !== undefined) this.#context.setVersion('before', sample.appVersion)
  }

  /**
   * Makes sure that the same board still answers; a device that tells nothing of itself passes.
   * @throws {FlashproofError} device.identity-changed, network.*
   */
  async reidentify(): Promise<TelemetrySample | null> {
    if (!this.#isThere) return null
    const sample = await this.sample()
    if (sample !== null) await this.#context.identify(sample.device ?? null)
    return sample
  }

  /** Waits for a device that restarts to answer again, and makes sure that it is still the same one. */
  async awaitReturn(): Promise<void> {
    const { clock, retryPolicy } = this.#context
    const untilMs = clock.monotonicMs() + retryPolicy.rebootTimeoutMs
    await patiently(this.#context, 'identity', () => this.reidentify(), untilMs)
  }

  /** One look over a connection of its own, for the watch of a restart. @throws {FlashproofError} device.identity-changed, network.* */
  async askAfresh(timeoutMs: number): Promise<TelemetrySample | 'alive'> {
    const request: Client['request'] = draft => this.#client.request({ ...draft, needsFreshConnection: true })
    const sample = await this.sample({ request }, timeoutMs)
    if (sample === null) return 'alive'
    await this.#context.identify(sample.device ?? null)
    return sample
  }

  async sample(
    client: Client = this.#client,
    timeoutMs = this.#context.retryPolicy.requestTimeoutMs,
  ): Promise<TelemetrySample | null> {
    if (this.#path === null || !this.#isThere) return null
    const { clock, requestSignal } = this.#context
    const reading = { clock, startedMs: this.#startedMs, timeoutMs, signal: requestSignal }
    const sample = await sampleHttpTelemetry(client, this.#path, reading)
    if (sample !== null) this.#context.addTelemetry(sample)
    return sample
  }
}

/**
 * Repeats a question that only reads: as often as the policy says, and for a silent device until `untilMs` (monotonic).
 * @throws {FlashproofError} the last failure; a device that refuses connections at the first question is not waited for
 */
export async function patiently<Answer>(
  context: TransferContext,
  what: string,
  ask: () => Promise<Answer>,
  untilMs = 0,
): Promise<Answer> {
  const { clock, retryPolicy, random, signal } = context
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask()
    } catch (thrown) {
      const error = asFlashproofError(thrown)
      const mayWait = error.code.startsWith('network.') && clock.monotonicMs() < untilMs
      const isOver = attempt >= retryPolicy.tries && !mayWait
      const isAway = untilMs === 0 && hasErrorCode(error, 'network.refused', 'network.name-not-found')
      if (isOver || isAway || !isTransient(error) || signal.aborted) throw error
      context.countRetry()
      context.log('info', 'question.repeated', `${what}: ${error.message}`)
      await clock.delay(retryDelayMs(retryPolicy, Math.min(attempt, 4), random), signal)
    }
  }
}
