/** One Tasmota device as a run or a question sees it: its Status, its restart into safeboot, and the form that it takes. */
import { FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import type { TelemetrySample } from '../../../shared/contract/models.ts'
import { isoWithZone } from '../../clock.ts'
import type { HttpEndpoint } from '../../discovery/target.ts'
import { authorised, HttpAuth, type RequestSender } from '../../links/http-auth.ts'
import { HttpClient, type HttpAnswer } from '../../links/http-client.ts'
import { multipartBody } from '../../links/multipart.ts'
import type { Sighting } from '../restart-watch.ts'
import { isTransient } from '../retry.ts'
import type { UploadRequest } from '../single-upload.ts'
import type { Prepared } from '../single-upload-run.ts'
import { patiently } from '../telemetry-questions.ts'
import type { TransferContext } from '../transfer-protocol.ts'
import type { Asking, Credentials } from '../update-page.ts'
import { commandPath, readFirmware, readGroup, SAFEBOOT, sampleOf, wantsCredentials } from './status.ts'

/** How often a device is asked whether it is in safeboot by now. */
const SAFEBOOT_POLL_MS = 500

export interface TasmotaParts {
  readonly endpoint: HttpEndpoint
  readonly credentials: Credentials | null
  readonly asking: Asking
  /** The job; absent for a question without one. */
  readonly context?: TransferContext
}

export class TasmotaDevice {
  readonly sender: RequestSender
  readonly #client: HttpClient
  readonly #parts: TasmotaParts
  readonly #startedMs: number
  #demanded = false
  /** Whether it answers `Status 5`; unknown until it was asked. */
  #hasNetworkStatus: boolean | null = null

  constructor(parts: TasmotaParts) {
    const { endpoint, credentials, asking } = parts
    this.#parts = parts
    this.#client = new HttpClient(endpoint, { connectTimeoutMs: Math.min(5000, asking.timeoutMs) })
    const auth = credentials === null ? null : new HttpAuth({ ...credentials, basePath: endpoint.basePath })
    this.sender = authorised(this.#client, auth)
    this.#startedMs = asking.clock.monotonicMs()
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  /** Whether it asked for credentials in Tasmota's own words. */
  get isKnownByItsDemand(): boolean {
    return this.#demanded
  }

  /**
   * Reads its Status, tells the job who answers, and journals the sample.
   * @throws {FlashproofError} network.*, device.not-speaking, device.unauthorised, device.identity-changed
   */
  async status(timeoutMs = this.#parts.asking.timeoutMs): Promise<TelemetrySample> {
    const { clock } = this.#parts.asking
    const answer = await this.#command('Status 2', timeoutMs)
    this.#demanded = wantsCredentials(answer)
    const firmware = readFirmware(readGroup(answer, 'StatusFWR'))
    const state = await this.#group('Status 11', 'StatusSTS', timeoutMs)
    const network = this.#hasNetworkStatus === false ? null : await this.#group('Status 5', 'StatusNET', timeoutMs)
    this.#hasNetworkStatus ??= network !== null
    const sample = sampleOf({
      firmware,
      state,
      network,
      at: isoWithZone(clock.nowMs()),
      elapsedMs: Math.round(clock.monotonicMs() - this.#startedMs),
    })
    const { context } = this.#parts
    const { mac, name } = sample.device ?? {}
    // A chip alone names nobody.
    await context?.identify(mac === undefined && name === undefined ? null : (sample.device ?? null))
    context?.addTelemetry(sample)
    return sample
  }

  /** One look over a fresh connection. @throws {FlashproofError} network.* */
  async look(timeoutMs: number): Promise<Sighting> {
    this.#client.forgetConnection()
    try {
      return await this.status(timeoutMs)
    } catch (error) {
      // A web server that is up before its commands are.
      if (hasErrorCode(error, 'device.not-speaking')) return 'alive'
      throw error
    }
  }

  /**
   * Gets it ready for the form. `/up` tells it what the next upload is: without it, it would be taken for whatever page
   * was visited last. One with a single app slot restarts into safeboot first.
   */
  async prepare(context: TransferContext): Promise<Prepared> {
    await patiently(context, 'arm', () => this.#arm())
    const slots = await patiently(context, 'safeboot', () => this.#askSafeboot())
    if (slots === 'none') return {}
    if (slots === 'restarting') {
      context.warn('The device restarts into its safeboot program, which takes the update.')
      context.enter('preparing', { boardNow: 'old-firmware', unplug: 'keep-powered' })
      await this.#awaitSafeboot(context)
    }
    const untilMs = context.clock.monotonicMs() + context.retryPolicy.rebootTimeoutMs
    const baseline = await patiently(context, 'status', () => this.status(), untilMs)
    // A restart forgets what was armed.
    await patiently(context, 'arm', () => this.#arm(), untilMs)
    return { baseline, replacesFirmware: true }
  }

  request(bytes: Uint8Array): UploadRequest {
    const file = { field: 'u2', fileName: 'firmware.bin', bytes }
    return {
      path: `/u2?fsz=${String(bytes.length)}`,
      headers: this.#headers,
      form: multipartBody({ file }),
      fileBytes: bytes.length,
    }
  }

  /** Tasmota refuses a request whose Referer is not its own address; one without is taken too (SetOption128). */
  get #headers(): Readonly<Record<string, string>> {
    return { referer: `http://${this.#client.host}/` }
  }

  #get(path: string, timeoutMs = this.#parts.asking.timeoutMs): Promise<HttpAnswer> {
    const { signal } = this.#parts.asking
    return this.sender.request({ method: 'GET', path, headers: this.#headers, timeoutMs, signal })
  }

  #command(command: string, timeoutMs: number): Promise<HttpAnswer> {
    return this.#get(commandPath(command, this.#parts.credentials), timeoutMs)
  }

  async #group(command: string, group: string, timeoutMs: number): Promise<Readonly<Record<string, unknown>> | null> {
    try {
      return readGroup(await this.#command(command, timeoutMs), group)
    } catch (error) {
      if (hasErrorCode(error, 'device.not-speaking')) return null
      throw error
    }
  }

  async #arm(): Promise<void> {
    const answer = await this.#get('/up')
    if (answer.status === 200) return
    const code = answer.status === 401 ? 'device.unauthorised' : 'device.not-speaking'
    throw new FlashproofError(code, `the page for uploads is answered with ${String(answer.status)}`, {
      status: answer.status,
    })
  }

  /** `none`: it has two slots, or is an ESP8266. */
  async #askSafeboot(): Promise<'none' | 'there' | 'restarting'> {
    const answer = await this.#get('/u4?u4=fct&api=')
    // The ESP8266 and older builds have no such page.
    if (answer.status !== 200) return 'none'
    switch (Buffer.from(answer.body.subarray(0, 16)).toString('latin1').trim().toLowerCase()) {
      case 'true':
        return 'there'
      case 'false':
        return 'restarting'
      default:
        return 'none'
    }
  }

  async #isInSafeboot(): Promise<boolean> {
    return (await this.status()).otaRunning === SAFEBOOT
  }

  async #awaitSafeboot(context: TransferContext): Promise<void> {
    const { clock, retryPolicy, signal } = context
    const deadlineMs = clock.monotonicMs() + retryPolicy.rebootTimeoutMs
    let wasAway = false
    while (clock.monotonicMs() < deadlineMs) {
      await clock.delay(Math.min(SAFEBOOT_POLL_MS, retryPolicy.firstDelayMs), signal)
      this.#client.forgetConnection()
      try {
        // One that has not gone away yet may already say that it is there.
        if ((await this.#askSafeboot()) === 'there' && (wasAway || (await this.#isInSafeboot()))) return
      } catch (error) {
        wasAway = error instanceof FlashproofError && isTransient(error)
        if (!wasAway || signal.aborted) throw error
      }
    }
    throw new FlashproofError('device.reboot-not-seen', 'the device did not come back in its safeboot program', {
      waitedMs: retryPolicy.rebootTimeoutMs,
    })
  }
}
