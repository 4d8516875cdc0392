/** The kind `tasmota` of virtual devices: Tasmota on an ESP32, with two slots or with safeboot. */
import { instantTimes } from '../board/board-options.ts'
import { startUpdateServer, type UpdateServer, type UpdateServerSettings } from '../board/update-server.ts'
import type { DeviceKind } from '../device-kind.ts'
import { tasmotaFaults } from './faults.ts'
import { TasmotaLayout } from './layout.ts'
import { tasmotaService } from './routes.ts'
import type { TasmotaLanguage } from './texts.ts'

export interface TasmotaSettings extends UpdateServerSettings {
  /** With it `admin` has to give it, on pages and for commands. */
  readonly password?: string
  readonly language?: TasmotaLanguage
  /** One application and a small program that replaces it. */
  readonly safeboot?: boolean
  /** Whether commands over HTTP are on. */
  readonly api?: boolean
  readonly needsReferer?: boolean
}

const traits = {
  basic: { password: 'secret' },
  de: { language: 'de' },
  vi: { language: 'vi' },
  fr: { language: 'fr' },
  safeboot: { safeboot: true },
  'no-api': { api: false },
  'needs-referer': { needsReferer: true },
  telemetry: { telemetry: true },
  instant: instantTimes,
} as const satisfies Record<string, TasmotaSettings>

/** About 2 s on a real one. */
const DEFAULT_REBOOT_DELAY_MS = 200

export function startTasmota(settings: TasmotaSettings = {}): Promise<UpdateServer> {
  const hasSafeboot = settings.safeboot ?? false
  const rules = {
    password: settings.password ?? '',
    language: settings.language ?? 'en',
    hasSafeboot,
    hasApi: settings.api ?? true,
    needsReferer: settings.needsReferer ?? false,
    rebootDelayMs: settings.rebootDelayMs ?? DEFAULT_REBOOT_DELAY_MS,
  }
  return startUpdateServer({
    settings: { ...settings, firmware: { name: 'tasmota32', version: '14.2.0', ...settings.firmware } },
    faultTable: tasmotaFaults,
    createService: boot => tasmotaService(boot, rules),
    runsApplication: board => !new TasmotaLayout(board, hasSafeboot).runsSafeboot,
  })
}

export const tasmotaKind: DeviceKind = {
  id: 'tasmota',
  traits,
  faults: tasmotaFaults,
  start: options => startTasmota(options),
}
