/** Options of `arduino-ota`. */
import type { OptionSpec, OptionValues } from '../../../shared/option-spec.ts'
import { baseOption } from '../flat-image.ts'
import { readTelemetryUrl, telemetryUrlOption } from '../side-telemetry.ts'

const LOWEST_PORT = 1024

export const optionSpecs: readonly OptionSpec[] = [
  {
    key: 'password',
    kind: 'secret',
    label: { en: 'Password', vi: 'Mật khẩu' },
    help: {
      en: 'The password of ArduinoOTA.setPassword; never sent, only a hash that holds for one invitation.',
      vi: 'Mật khẩu của ArduinoOTA.setPassword; không bao giờ được gửi đi, chỉ gửi một giá trị băm dùng cho một lời mời.',
    },
  },
  {
    key: 'writes',
    kind: 'choice',
    choices: [
      { value: 'app', label: { en: 'The application', vi: 'Ứng dụng' } },
      { value: 'filesystem', label: { en: 'The file system', vi: 'Hệ thống tệp' } },
    ],
    defaultValue: 'app',
    label: { en: 'What is written', vi: 'Phần được ghi' },
    help: {
      en: 'The application, or the image of a file system (SPIFFS, LittleFS).',
      vi: 'Ứng dụng, hoặc ảnh của hệ thống tệp (SPIFFS, LittleFS).',
    },
  },
  {
    key: 'platform',
    kind: 'choice',
    choices: [
      { value: 'esp32', label: { en: 'ESP32 family', vi: 'Họ ESP32' } },
      { value: 'other', label: { en: 'ESP8266, RP2040 or another one', vi: 'ESP8266, RP2040 hoặc loại khác' } },
    ],
    defaultValue: 'esp32',
    label: { en: 'Platform of the board', vi: 'Nền tảng của bo mạch' },
    help: {
      en: 'Which images are taken for right: only those of the ESP32 family are checked before the first byte.',
      vi: 'Loại phần sụn được coi là đúng: chỉ phần sụn họ ESP32 được kiểm tra trước byte đầu tiên.',
    },
  },
  {
    key: 'listenPort',
    kind: 'integer',
    minimum: LOWEST_PORT,
    maximum: 65_535,
    isAutoAllowed: true,
    defaultValue: 'auto',
    label: { en: 'Port of this PC', vi: 'Cổng của máy này' },
    help: {
      en: 'The TCP port that the device connects back to; a fixed one is easier to allow in a firewall. auto: any free one.',
      vi: 'Cổng TCP mà thiết bị kết nối ngược lại; cổng cố định dễ cho phép trong tường lửa hơn. auto: cổng trống bất kỳ.',
    },
  },
  telemetryUrlOption,
  baseOption,
]

export interface ArduinoOptions {
  readonly password: string | null
  readonly writes: 'app' | 'filesystem'
  readonly platform: 'esp32' | 'other'
  /** 0: any free one. */
  readonly listenPort: number
}

/** @throws {FlashproofError} option.invalid */
export function readOptions(values: OptionValues): ArduinoOptions {
  const { password, writes, platform, listenPort } = values
  readTelemetryUrl(values)
  return {
    password: typeof password === 'string' && password !== '' ? password : null,
    writes: writes === 'filesystem' ? 'filesystem' : 'app',
    platform: platform === 'other' ? 'other' : 'esp32',
    listenPort: typeof listenPort === 'number' ? listenPort : 0,
  }
}
