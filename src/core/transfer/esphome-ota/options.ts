/** Options of `esphome-ota`. */
import type { OptionSpec, OptionValues } from '../../../shared/option-spec.ts'
import { baseOption } from '../flat-image.ts'
import { readTelemetryPath, telemetryPathOption } from '../http-telemetry.ts'
import { readTelemetryUrl, telemetryUrlOption } from '../side-telemetry.ts'
import { credentialOptions, readCredentials } from '../update-page.ts'

export const DEFAULT_USERNAME = 'admin'

/** For the row of a device without telemetry: what is normal, and what would show more. */
export const CANNOT_NAME = 'The device does not say what it runs; telemetry that names the running image would show it.'

export const optionSpecs: readonly OptionSpec[] = [
  ...credentialOptions(DEFAULT_USERNAME),
  {
    key: 'platform',
    kind: 'choice',
    choices: [
      { value: 'esp32', label: { en: 'ESP32 family', vi: 'Họ ESP32' } },
      { value: 'esp8266', label: { en: 'ESP8266', vi: 'ESP8266' } },
      { value: 'other', label: { en: 'RP2040 or LibreTiny', vi: 'RP2040 hoặc LibreTiny' } },
    ],
    defaultValue: 'esp32',
    label: { en: 'Platform of the board', vi: 'Nền tảng của bo mạch' },
    help: {
      en: 'Which images are taken for right: only those of the ESP32 family are checked before the first byte.',
      vi: 'Loại phần sụn được coi là đúng: chỉ phần sụn họ ESP32 được kiểm tra trước byte đầu tiên.',
    },
  },
  telemetryUrlOption,
  telemetryPathOption,
  baseOption,
]

export interface EsphomeOptions {
  readonly password: string | null
  readonly platform: 'esp32' | 'esp8266' | 'other'
}

/** @throws {FlashproofError} option.invalid */
export function readOptions(values: OptionValues): EsphomeOptions {
  const { password, platform } = values
  readTelemetryUrl(values)
  readTelemetryPath(values)
  readCredentials(values, DEFAULT_USERNAME)
  return {
    password: typeof password === 'string' && password !== '' ? password : null,
    platform: platform === 'esp8266' || platform === 'other' ? platform : 'esp32',
  }
}
