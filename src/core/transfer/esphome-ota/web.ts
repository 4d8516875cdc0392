/**
 * ESPHome's update page on HTTP: one form, answered with status 200 for success and failure alike. Source: ESPHome,
 * `ota_web_server.cpp` and `web_server.cpp`.
 */
import { noMatch } from '../endpoint-of.ts'
import { FlashproofError, hasErrorCode } from '../../../shared/errors.ts'
import { stripControl } from '../../../shared/units.ts'
import type { HttpEndpoint } from '../../discovery/target.ts'
import type { HttpAnswer } from '../../links/http-client.ts'
import { multipartBody } from '../../links/multipart.ts'
import { readTelemetryPath } from '../http-telemetry.ts'
import { SingleUploadRun, type UploadDevice } from '../single-upload-run.ts'
import { assertAuthorised, pageText, readCredentials, UpdatePage, type Asking } from '../update-page.ts'
import type {
  ProbeResult,
  ReadingContext,
  TransferContext,
  TransferOrder,
  TransferReport,
} from '../transfer-protocol.ts'
import type { OptionValues } from '../../../shared/option-spec.ts'
import { judgeImage, judgeRequired, reachOf } from './checks.ts'
import { CANNOT_NAME, DEFAULT_USERNAME, readOptions } from './options.ts'

const UPDATE_PATH = '/update'
/** The field of the form on the device's own page. */
const FIELD = 'update'
const SUCCESS = 'Update Successful!'
const FAILURE = 'Update Failed!'

export function openPage(
  endpoint: HttpEndpoint,
  options: OptionValues,
  asking: Asking,
  context?: TransferContext,
): UpdatePage {
  return new UpdatePage({
    endpoint,
    credentials: readCredentials(options, DEFAULT_USERNAME),
    telemetryPath: readTelemetryPath(options),
    pagePath: UPDATE_PATH,
    asking,
    ...(context === undefined ? {} : { context }),
  })
}

/** Tells ESPHome's web server from others, by reading its pages. @throws {FlashproofError} network.* */
export async function probeWeb(endpoint: HttpEndpoint, context: ReadingContext): Promise<ProbeResult> {
  const page = openPage(endpoint, {}, context)
  try {
    // The update address of other firmware is a page; ESPHome's takes uploads alone, and its pages lie elsewhere.
    for (const path of [UPDATE_PATH, '/']) {
      const answer = await readPage(page, path)
      if (answer?.status === 401) return noMatch('the page wants credentials before it shows what it is')
      if (answer === null || !isEsphomePage(answer)) continue
      const telemetry = await page.sample()
      return {
        isMatch: true,
        identity: telemetry?.device ?? null,
        reach: reachOf('web', telemetry, null),
        telemetry,
        notes: [],
      }
    }
    return noMatch('no page of ESPHome answers there')
  } finally {
    await page.close()
  }
}

export async function runWeb(
  order: TransferOrder,
  context: TransferContext,
  endpoint: HttpEndpoint,
): Promise<TransferReport> {
  const { image, isResume } = order
  const { platform } = readOptions(order.options)
  const { clock, retryPolicy, requestSignal } = context
  const asking = { clock, timeoutMs: retryPolicy.requestTimeoutMs, signal: requestSignal }
  const page = openPage(endpoint, order.options, asking, context)
  try {
    return await new SingleUploadRun(order, context, new WebDevice(page, image.bytes), {
      written: 'app',
      // The update ends with its connection.
      staysOpen: false,
      cannotName: CANNOT_NAME,
      judgeImage: sample => judgeImage(image.inspection, platform, sample, isResume),
      judgeRequired: (sample, wanted) => judgeRequired(reachOf('web', sample, image.inspection), wanted),
    }).run()
  } finally {
    await page.close()
  }
}

class WebDevice implements UploadDevice {
  readonly #page: UpdatePage
  readonly #bytes: Uint8Array

  constructor(page: UpdatePage, bytes: Uint8Array) {
    this.#page = page
    this.#bytes = bytes
  }

  get sender(): UploadDevice['sender'] {
    return this.#page.sender
  }

  async learn(): ReturnType<UploadDevice['learn']> {
    // The page shows whether the credentials are right, whatever else it is answered with.
    const answer = await readPage(this.#page, UPDATE_PATH)
    if (answer !== null) assertAuthorised(answer)
    return await this.#page.sample()
  }

  ask(timeoutMs: number): ReturnType<UploadDevice['ask']> {
    return this.#page.look(timeoutMs)
  }

  prepare(): ReturnType<UploadDevice['prepare']> {
    return Promise.resolve({})
  }

  request(): ReturnType<UploadDevice['request']> {
    const form = multipartBody({ file: { field: FIELD, fileName: 'firmware.bin', bytes: this.#bytes } })
    return { path: UPDATE_PATH, form, fileBytes: this.#bytes.length }
  }

  readAnswer(answer: HttpAnswer): string {
    assertAuthorised(answer)
    const { status } = answer
    if (status === 404 || status === 405 || status === 501) {
      const message = 'the web server of the device takes no update; its firmware needs “ota: platform: web_server”'
      throw new FlashproofError('device.not-speaking', message, { status })
    }
    const text = stripControl(Buffer.from(answer.body.subarray(0, 800)).toString('utf8'), 200)
    if (status === 200 && text.includes(SUCCESS)) return SUCCESS
    if (text.includes(FAILURE)) {
      const message = 'the device says that the update failed, without a reason; its own log says why'
      throw new FlashproofError('device.rejected', message, { status, answer: text })
    }
    const message = `the device answered ${String(status)}, and neither success nor failure`
    throw new FlashproofError(status >= 500 ? 'device.rejected' : 'device.bad-answer', message, {
      status,
      answer: text,
    })
  }
}

async function readPage(page: UpdatePage, path: string): Promise<HttpAnswer | null> {
  try {
    return await page.get(path)
  } catch (error) {
    // The page of an older web server is larger than any answer of an update.
    if (hasErrorCode(error, 'network.answer-too-large')) return null
    throw error
  }
}

/** Whether a page is one of ESPHome's own: they load its script, or build on its element. */
function isEsphomePage(answer: HttpAnswer): boolean {
  return answer.status === 200 && /<esp-app\b|\/\/oi\.esphome\.io\/|ESPHome/.test(pageText(answer))
}
