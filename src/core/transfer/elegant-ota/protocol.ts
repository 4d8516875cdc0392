/**
 * `elegant-ota`: ElegantOTA v3 (ElegantOTA.cpp) and AsyncElegantOTA v2. The device takes a hash and compares it with
 * nothing, and an upload that broke off stays open until it restarts, so that the next one is appended to it.
 */
import { createHash } from 'node:crypto'
import { FlashproofError } from '../../../shared/errors.ts'
import type { OptionSpec, OptionValues } from '../../../shared/option-spec.ts'
import { stripControl } from '../../../shared/units.ts'
import type { HttpAnswer } from '../../links/http-client.ts'
import { multipartBody } from '../../links/multipart.ts'
import { baseOption } from '../flat-image.ts'
import { readTelemetryPath, telemetryPathOption } from '../http-telemetry.ts'
import { assertAuthorised, credentialOptions, pageText, readCredentials } from '../update-page.ts'
import { updatePageProtocol, type UpdatePageDialect, type UpdatePageOptions } from '../update-page-protocol.ts'
import { updateRefusal } from '../update-refusal.ts'

const id = 'elegant-ota'
const PAGE_PATH = '/update'

interface ElegantOptions extends UpdatePageOptions {
  readonly version: 'v3' | 'v2'
}

const optionSpecs: readonly OptionSpec[] = [
  {
    key: 'mode',
    kind: 'choice',
    defaultValue: 'fr',
    choices: [
      { value: 'fr', label: { en: 'Firmware', vi: 'Phần sụn' } },
      { value: 'fs', label: { en: 'File system', vi: 'Hệ thống tệp' } },
    ],
    label: { en: 'What is written', vi: 'Ghi gì' },
    help: {
      en: 'fr: the application. fs: the file system, which the device does not check.',
      vi: 'fr: ứng dụng. fs: hệ thống tệp, thiết bị không kiểm tra.',
    },
  },
  {
    key: 'version',
    kind: 'choice',
    defaultValue: 'v3',
    choices: [
      { value: 'v3', label: { en: 'ElegantOTA v3', vi: 'ElegantOTA v3' } },
      { value: 'v2', label: { en: 'AsyncElegantOTA v2', vi: 'AsyncElegantOTA v2' } },
    ],
    label: { en: 'Version of the library', vi: 'Phiên bản thư viện' },
    help: {
      en: 'v2 takes the form at /update; v3 begins at /ota/start.',
      vi: 'v2 nhận biểu mẫu tại /update; v3 bắt đầu tại /ota/start.',
    },
  },
  ...credentialOptions('admin'),
  baseOption,
  telemetryPathOption,
]

const dialect: UpdatePageDialect<ElegantOptions> = {
  descriptor: {
    id,
    label: { en: 'ElegantOTA', vi: 'ElegantOTA' },
    options: [...optionSpecs],
    profiles: [{ id: 'v2', label: { en: 'AsyncElegantOTA v2', vi: 'AsyncElegantOTA v2' }, values: { version: 'v2' } }],
  },
  staysOpen: true,

  readOptions(values: OptionValues): ElegantOptions {
    return {
      pagePath: PAGE_PATH,
      telemetryPath: readTelemetryPath(values),
      credentials: readCredentials(values, 'admin'),
      written: values['mode'] === 'fs' ? 'filesystem' : 'app',
      version: values['version'] === 'v2' ? 'v2' : 'v3',
    }
  },

  explainMismatch: page => (/ElegantOTA/i.test(page) ? null : `the page at ${PAGE_PATH} is not ElegantOTA’s`),

  judge: () => [],

  async prepare(page, { version, written }, { bytes }) {
    // In v2 nothing begins an update but the form itself.
    if (version === 'v2') return
    const mode = written === 'filesystem' ? 'fs' : 'fr'
    const answer = await page.get(`/ota/start?mode=${mode}&hash=${md5(bytes)}`)
    assertAuthorised(answer)
    if (answer.status === 404) {
      const text = 'there is no /ota/start: an older ElegantOTA wants --set version=v2'
      throw new FlashproofError('device.not-speaking', text, { status: answer.status })
    }
    if (answer.status !== 200) throw updateRefusal(textOf(answer), answer.status)
  },

  request(_page, { version, written }, { bytes }) {
    const isFileSystem = written === 'filesystem'
    if (version === 'v3') {
      const file = { field: 'file', fileName: isFileSystem ? 'filesystem.bin' : 'firmware.bin', bytes }
      return { path: '/ota/upload', form: multipartBody({ file }), fileBytes: bytes.length }
    }
    // The name alone tells v2 what to write.
    const name = isFileSystem ? 'filesystem' : 'firmware'
    const form = multipartBody({ fields: [['MD5', md5(bytes)]], file: { field: name, fileName: name, bytes } })
    return { path: PAGE_PATH, form, fileBytes: bytes.length }
  },

  readAnswer(answer) {
    assertAuthorised(answer)
    const text = textOf(answer)
    if (answer.status === 200 && text === 'OK') return text
    if (answer.status === 404 || answer.status === 405) {
      throw new FlashproofError('device.not-speaking', `the upload is answered with ${String(answer.status)}`, {
        status: answer.status,
      })
    }
    // 400 with the update's error from v3, 500 from v2.
    if (answer.status >= 400) throw updateRefusal(text, answer.status)
    throw new FlashproofError(
      'device.bad-answer',
      'the answer to the upload is neither OK nor an error of the update',
      {
        status: answer.status,
        answer: text,
      },
    )
  },
}

export const elegantOta = updatePageProtocol(dialect)

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}

function textOf(answer: HttpAnswer): string {
  return stripControl(pageText(answer).trim(), 200)
}
