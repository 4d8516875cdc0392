/** The kind `esphome-ota` of virtual devices: ESPHome's own update protocol over TCP, or its web server's form. */
import { instantTimes } from '../board/board-options.ts'
import { startUpdateServer, type UpdateServer, type UpdateServerSettings } from '../board/update-server.ts'
import type { DeviceKind } from '../device-kind.ts'
import { esphomeFaults } from './faults.ts'
import type { PasswordHash } from './password.ts'
import { startTcpEsphome, type VirtualEsphome } from './virtual-esphome.ts'
import { webOtaService } from './web-routes.ts'

export interface EsphomeSettings extends UpdateServerSettings {
  /** The web server's form in place of the TCP protocol. */
  readonly web?: boolean
  readonly version?: 1 | 2
  /** Empty: nobody is asked. */
  readonly password?: string
  /** Whose password that is; for the web server alone. */
  readonly username?: string
  /** How the TCP protocol checks it; `sha256` refuses clients that do not know it. */
  readonly hash?: PasswordHash | 'both'
  /** An ESP8266: takes gzip, looks at the first byte of an image alone. */
  readonly isEsp8266?: boolean
  /** Whether updates over the web are configured. */
  readonly webOta?: boolean
}

const traits = {
  v1: { version: 1 },
  md5: { password: 'secret', hash: 'md5' },
  sha256: { password: 'secret', hash: 'sha256' },
  both: { password: 'secret', hash: 'both' },
  esp8266: { isEsp8266: true },
  web: { web: true },
  basic: { web: true, password: 'secret' },
  'no-ota': { web: true, webOta: false },
  telemetry: { telemetry: true },
  instant: instantTimes,
} as const satisfies Record<string, EsphomeSettings>

/** The firmware waits this long, so that its last answer goes out. */
const DEFAULT_REBOOT_DELAY_MS = 100

/** @param settings with or without a password, on TCP */
export function startEsphome(settings: EsphomeSettings = {}): Promise<VirtualEsphome> {
  const version = settings.version ?? 2
  return startTcpEsphome(boardSettings(settings), {
    version,
    password: settings.password ?? '',
    hash: settings.hash ?? (version === 1 ? 'md5' : 'sha256'),
    isEsp8266: settings.isEsp8266 ?? false,
    knowsExtended: version === 2,
    rebootDelayMs: settings.rebootDelayMs ?? DEFAULT_REBOOT_DELAY_MS,
  })
}

export function startEsphomeWeb(settings: EsphomeSettings = {}): Promise<UpdateServer> {
  const { username = 'admin', password = '' } = settings
  const rules = {
    login: password === '' ? null : ({ username, password, scheme: 'basic' } as const),
    hasOta: settings.webOta ?? true,
    rebootDelayMs: settings.rebootDelayMs ?? DEFAULT_REBOOT_DELAY_MS,
  }
  return startUpdateServer({
    settings: boardSettings(settings),
    faultTable: esphomeFaults,
    updateSettings: { acceptsGzip: settings.isEsp8266 ?? false },
    createService: boot => webOtaService(boot, rules),
  })
}

function boardSettings(settings: EsphomeSettings): UpdateServerSettings {
  if (settings.isEsp8266 !== true) return settings
  return { ...settings, identity: { chip: 'ESP8266', board: 'NodeMCU', ...settings.identity } }
}

export const esphomeOtaKind: DeviceKind = {
  id: 'esphome-ota',
  traits,
  faults: esphomeFaults,
  start: (options: EsphomeSettings) => (options.web === true ? startEsphomeWeb(options) : startEsphome(options)),
}
