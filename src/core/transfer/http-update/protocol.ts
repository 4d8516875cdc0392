/**
 * `http-update`: HTTPUpdateServer of the ESP32 and ESP8266 Arduino cores (HTTPUpdateServer.h). Every answer has status
 * 200; the text alone tells, and newer cores refuse a form whose Origin is not their own Host.
 */
import { gzipSync } from 'node:zlib'
import { FlashproofError } from '../../../shared/errors.ts'
import type { Inspection } from '../../../shared/contract/models.ts'
import type { OptionSpec, OptionValues } from '../../../shared/option-spec.ts'
import { stripControl } from '../../../shared/units.ts'
import { multipartBody } from '../../links/multipart.ts'
import { baseOption } from '../flat-image.ts'
import { readPathOption, readTelemetryPath, telemetryPathOption } from '../http-telemetry.ts'
import type { Judgement } from '../judgement.ts'
import { assertAuthorised, credentialOptions, pageText, readCredentials } from '../update-page.ts'
import { updatePageProtocol, type UpdatePageDialect, type UpdatePageOptions } from '../update-page-protocol.ts'
import { updateRefusal } from '../update-refusal.ts'

const id = 'http-update'
const DEFAULT_PATH = '/update'
const SUCCESS = 'Update Success!'

interface HttpUpdateOptions extends UpdatePageOptions {
  readonly isCompressed: boolean
}

const optionSpecs: readonly OptionSpec[] = [
  {
    key: 'target',
    kind: 'choice',
    defaultValue: 'firmware',
    choices: [
      { value: 'firmware', label: { en: 'Firmware', vi: 'Phần sụn' } },
      { value: 'filesystem', label: { en: 'File system', vi: 'Hệ thống tệp' } },
    ],
    label: { en: 'What is written', vi: 'Ghi gì' },
    help: {
      en: 'The name of the form’s field: the device tells by it what to write. A file system is not checked.',
      vi: 'Tên trường của biểu mẫu: nhờ đó thiết bị biết ghi gì. Hệ thống tệp không được kiểm tra.',
    },
  },
  {
    key: 'path',
    kind: 'text',
    maximumLength: 200,
    defaultValue: DEFAULT_PATH,
    label: { en: 'Path of the update page', vi: 'Đường dẫn trang cập nhật' },
    help: {
      en: 'As the sketch set it up; /update unless it did.',
      vi: 'Như trong chương trình; mặc định là /update.',
    },
  },
  {
    key: 'compress',
    kind: 'flag',
    defaultValue: false,
    label: { en: 'Compress (ESP8266 only)', vi: 'Nén (chỉ ESP8266)' },
    help: {
      en: 'Sends the image as gzip, which the ESP8266 unpacks at its next start. An ESP32 refuses it.',
      vi: 'Gửi phần sụn dạng gzip, ESP8266 tự giải nén khi khởi động. ESP32 không nhận.',
    },
  },
  ...credentialOptions('admin'),
  baseOption,
  telemetryPathOption,
]

const dialect: UpdatePageDialect<HttpUpdateOptions> = {
  descriptor: {
    id,
    label: { en: 'Arduino web update (HTTPUpdateServer)', vi: 'Cập nhật web Arduino (HTTPUpdateServer)' },
    options: [...optionSpecs],
    profiles: [],
  },
  // The core ends the update together with the connection (Updater.cpp, abort).
  staysOpen: false,

  readOptions(values: OptionValues): HttpUpdateOptions {
    return {
      pagePath: readPathOption(values, 'path', DEFAULT_PATH) || DEFAULT_PATH,
      telemetryPath: readTelemetryPath(values),
      credentials: readCredentials(values, 'admin'),
      written: values['target'] === 'filesystem' ? 'filesystem' : 'app',
      isCompressed: values['compress'] === true,
    }
  },

  explainMismatch(page, { pagePath, written }) {
    if (/ElegantOTA/i.test(page)) return `the page at ${pagePath} is ElegantOTA’s`
    const field = written === 'filesystem' ? 'filesystem' : 'firmware'
    const fields = [...page.matchAll(/name\s*=\s*['"]?(firmware|filesystem)\b/gi)].map(match => match[1]?.toLowerCase())
    if (fields.length === 0) return `the page at ${pagePath} has no form for firmware`
    return fields.includes(field) ? null : `the page at ${pagePath} has no form for a ${field}`
  },

  judge: (inspection, { isCompressed }) => (isCompressed ? judgeCompression(inspection) : []),

  // The form itself begins the update.
  prepare: () => Promise.resolve(),

  request(page, { pagePath, written, isCompressed }, { bytes }) {
    const isFileSystem = written === 'filesystem'
    const field = isFileSystem ? 'filesystem' : 'firmware'
    const content = isCompressed ? gzipSync(bytes) : bytes
    const fileName = isCompressed ? `${field}.bin.gz` : `${field}.bin`
    return {
      path: pagePath,
      headers: { origin: `http://${page.host}` },
      form: multipartBody({ file: { field, fileName, bytes: content } }),
      fileBytes: content.length,
    }
  },

  readAnswer(answer) {
    assertAuthorised(answer)
    const text = stripControl(
      pageText(answer)
        .replaceAll(/<[^>]*>/g, ' ')
        .trim(),
      200,
    )
    if (answer.status === 200 && text.includes(SUCCESS)) return SUCCESS
    const reason = /Update error:\s*(.*)/i.exec(text)?.[1]
    if (reason !== undefined && /wrong origin/i.test(reason)) {
      throw new FlashproofError('device.refused', `the device refused the form's origin http header: ${reason}`, {
        status: answer.status,
        deviceError: reason,
      })
    }
    if (reason !== undefined) throw updateRefusal(reason, answer.status)
    if (answer.status === 404 || answer.status === 405) {
      throw new FlashproofError('device.not-speaking', `the upload is answered with ${String(answer.status)}`, {
        status: answer.status,
      })
    }
    if (answer.status >= 500) throw updateRefusal(text, answer.status)
    throw new FlashproofError('device.bad-answer', `the answer to the upload does not say “${SUCCESS}”`, {
      status: answer.status,
      answer: text,
    })
  },
}

export const httpUpdate = updatePageProtocol(dialect)

/** Only the ESP8266 unpacks gzip; an ESP32 would store it as it is, or refuse its first byte. */
function judgeCompression(inspection: Inspection): Judgement[] {
  const chip = inspection.esp?.chip
  if (chip === undefined || chip === null || chip === 'ESP8266') return []
  const error = new FlashproofError('option.invalid', `the ${chip} takes no compressed image`, {
    key: 'compress',
    given: true,
    expected: 'off, for every chip but the ESP8266',
  })
  const text = {
    en: `The ${chip} takes no compressed image: switch “Compress” off.`,
    vi: `${chip} không nhận phần sụn nén: hãy tắt “Nén”.`,
  }
  return [{ kind: 'refusal', error, text }]
}
