/**
 * A device with an update page on HTTP, as a job or a question sees it: its connection, its credentials, its page and its
 * telemetry. Leaves what the page means to the protocols.
 */
import { gunzipSync } from 'node:zlib'
import { FlashproofError } from '../../shared/errors.ts'
import type { OptionSpec, OptionValues } from '../../shared/option-spec.ts'
import type { TelemetrySample } from '../../shared/contract/models.ts'
import type { Clock } from '../clock.ts'
import type { HttpEndpoint } from '../discovery/target.ts'
import { assertUsername, authorised, HttpAuth, type RequestSender } from '../links/http-auth.ts'
import { HttpClient, MAX_ANSWER_BYTES, type HttpAnswer } from '../links/http-client.ts'
import { sampleHttpTelemetry } from './http-telemetry.ts'
import type { Sighting } from './restart-watch.ts'
import type { TransferContext } from './transfer-protocol.ts'

export function credentialOptions(defaultUsername: string): readonly OptionSpec[] {
  return [
    {
      key: 'username',
      kind: 'text',
      maximumLength: 100,
      defaultValue: defaultUsername,
      label: { en: 'User name', vi: 'Tên người dùng' },
      help: {
        en: 'For a device that asks for credentials; used only together with a password.',
        vi: 'Dành cho thiết bị yêu cầu đăng nhập; chỉ dùng khi có mật khẩu.',
      },
    },
    {
      key: 'password',
      kind: 'secret',
      label: { en: 'Password', vi: 'Mật khẩu' },
      help: {
        en: 'Sent to this device alone; never journaled, logged or exported.',
        vi: 'Chỉ gửi cho thiết bị này; không bao giờ được ghi nhật ký, ghi log hay xuất ra.',
      },
    },
  ]
}

export interface Credentials {
  readonly username: string
  readonly password: string
}

/** Null without a password. @throws {FlashproofError} option.invalid for a name that HTTP cannot carry */
export function readCredentials(values: OptionValues, defaultUsername: string): Credentials | null {
  const password = values['password']
  if (typeof password !== 'string' || password === '') return null
  const username = String(values['username'] ?? defaultUsername)
  assertUsername(username)
  return { username, password }
}

export interface Asking {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

export interface UpdatePageParts {
  readonly endpoint: HttpEndpoint
  readonly credentials: Credentials | null
  /** Empty: never asked. */
  readonly telemetryPath: string
  /** A page that only reads, and that every request for credentials can be settled with. */
  readonly pagePath: string
  readonly asking: Asking
  /** The job; absent for a question without one. */
  readonly context?: TransferContext
}

export class UpdatePage {
  readonly sender: RequestSender
  readonly #client: HttpClient
  readonly #parts: UpdatePageParts
  readonly #startedMs: number

  constructor(parts: UpdatePageParts) {
    const { endpoint, credentials, asking } = parts
    this.#parts = parts
    this.#client = new HttpClient(endpoint, { connectTimeoutMs: Math.min(5000, asking.timeoutMs) })
    const auth = credentials === null ? null : new HttpAuth({ ...credentials, basePath: endpoint.basePath })
    this.sender = authorised(this.#client, auth)
    this.#startedMs = asking.clock.monotonicMs()
  }

  /** Value of the Host header that it is sent. */
  get host(): string {
    return this.#client.host
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  get(path: string, timeoutMs = this.#parts.asking.timeoutMs): Promise<HttpAnswer> {
    return this.sender.request({ method: 'GET', path, timeoutMs, signal: this.#parts.asking.signal })
  }

  /**
   * Reads the page; compressed ones are unpacked.
   * @throws {FlashproofError} network.*, device.unauthorised, device.not-speaking where there is no such page
   */
  async read(): Promise<string> {
    const { pagePath } = this.#parts
    const answer = await this.get(pagePath)
    assertAuthorised(answer)
    if (answer.status !== 200) {
      throw new FlashproofError('device.not-speaking', `GET ${pagePath} is answered with ${String(answer.status)}`, {
        status: answer.status,
      })
    }
    return pageText(answer)
  }

  /** Reads the telemetry, tells the job who answers, and journals the sample. Null: the device has none. */
  async sample(timeoutMs = this.#parts.asking.timeoutMs): Promise<TelemetrySample | null> {
    const { telemetryPath, asking, context } = this.#parts
    const reading = { ...asking, timeoutMs, startedMs: this.#startedMs }
    const sample = await sampleHttpTelemetry(this.sender, telemetryPath, reading)
    if (sample === null) return null
    await context?.identify(sample.device ?? null)
    context?.addTelemetry(sample)
    return sample
  }

  /** One look over a fresh connection, for whoever watches a restart. @throws {FlashproofError} network.* */
  async look(timeoutMs: number): Promise<Sighting> {
    this.#client.forgetConnection()
    const { telemetryPath, pagePath } = this.#parts
    if (telemetryPath !== '') return (await this.sample(timeoutMs)) ?? 'alive'
    await this.get(pagePath, timeoutMs)
    return 'alive'
  }
}

/** @throws {FlashproofError} device.unauthorised */
export function assertAuthorised(answer: HttpAnswer): void {
  if (answer.status !== 401 && answer.status !== 403) return
  throw new FlashproofError('device.unauthorised', 'the device wants a user name and a password, or other ones', {
    status: answer.status,
  })
}

/** The text of an answer; one that is compressed and cannot be unpacked is an empty page. */
export function pageText({ body, headers }: HttpAnswer): string {
  const isPacked = body[0] === 0x1f && body[1] === 0x8b
  if (!isPacked && headers.get('content-encoding') === undefined) return Buffer.from(body).toString('utf8')
  try {
    // A small page that unpacks into a huge one is none of these.
    return gunzipSync(body, { maxOutputLength: 4 * MAX_ANSWER_BYTES }).toString('utf8')
  } catch {
    return ''
  }
}
