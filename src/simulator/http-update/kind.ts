/** The kind `http-update` of virtual devices: boards with the Arduino core's HTTPUpdateServer, on an ESP32 or an ESP8266. */
import { instantTimes } from '../board/board-options.ts'
import { startUpdateServer, type UpdateServer, type UpdateServerSettings } from '../board/update-server.ts'
import type { DeviceKind } from '../device-kind.ts'
import { imageFaults, uploadFaults } from '../faults/update-faults.ts'
import { httpUpdateService } from './routes.ts'

export interface HttpUpdateSettings extends UpdateServerSettings {
  readonly path?: string
  /** With it and a password every route asks for them. */
  readonly username?: string
  readonly password?: string
  readonly checksOrigin?: boolean
  /** An ESP8266: takes gzip, looks at the first byte of an image alone. */
  readonly isEsp8266?: boolean
}

const traits = {
  basic: { username: 'admin', password: 'secret' },
  'checks-origin': { checksOrigin: true },
  esp8266: { isEsp8266: true },
  telemetry: { telemetry: true },
  instant: instantTimes,
} as const satisfies Record<string, HttpUpdateSettings>

export const httpUpdateFaults = { ...uploadFaults, ...imageFaults } as const

/** The firmware waits this long, so that its answer goes out. */
const DEFAULT_REBOOT_DELAY_MS = 100

export function startHttpUpdate(settings: HttpUpdateSettings = {}): Promise<UpdateServer> {
  const { username = '', password = '', isEsp8266 = false } = settings
  const rules = {
    path: settings.path ?? '/update',
    login: username === '' || password === '' ? null : ({ username, password, scheme: 'basic' } as const),
    checksOrigin: settings.checksOrigin ?? false,
    rebootDelayMs: settings.rebootDelayMs ?? DEFAULT_REBOOT_DELAY_MS,
  } as const
  const esp8266 = { chip: 'ESP8266', board: 'NodeMCU' } as const
  return startUpdateServer({
    settings: isEsp8266 ? { ...settings, identity: { ...esp8266, ...settings.identity } } : settings,
    faultTable: httpUpdateFaults,
    updateSettings: { acceptsGzip: isEsp8266 },
    createService: boot => httpUpdateService(boot, rules),
  })
}

export const httpUpdateKind: DeviceKind = {
  id: 'http-update',
  traits,
  faults: httpUpdateFaults,
  start: options => startHttpUpdate(options),
}
