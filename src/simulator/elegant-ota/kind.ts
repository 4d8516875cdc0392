/** The kind `elegant-ota` of virtual devices: boards with ElegantOTA 3 on either web server, or AsyncElegantOTA 2. */
import { instantTimes } from '../board/board-options.ts'
import { startUpdateServer, type UpdateServer, type UpdateServerSettings } from '../board/update-server.ts'
import type { DeviceKind } from '../device-kind.ts'
import { elegantOtaFaults } from './faults.ts'
import { elegantOtaService } from './routes.ts'

export interface ElegantOtaSettings extends UpdateServerSettings {
  /** With it and a password every route asks for them. */
  readonly username?: string
  readonly password?: string
  /** How it asks: as the WebServer was compiled. */
  readonly scheme?: 'basic' | 'digest'
  /** ESPAsyncWebServer: asks with Digest, takes Basic too. */
  readonly async?: boolean
  readonly version?: 2 | 3
  /** Whether it restarts by itself. */
  readonly autoReboot?: boolean
}

const credentials = { username: 'admin', password: 'secret' } as const

const traits = {
  basic: { ...credentials, scheme: 'basic' },
  digest: { ...credentials, scheme: 'digest' },
  async: { async: true },
  v2: { version: 2, async: true },
  telemetry: { telemetry: true },
  instant: instantTimes,
  stays: { autoReboot: false },
} as const satisfies Record<string, ElegantOtaSettings>

/** About 2 s on a real one. */
const DEFAULT_REBOOT_DELAY_MS = 200

export function startElegantOta(settings: ElegantOtaSettings = {}): Promise<UpdateServer> {
  const { username = '', password = '', async: isAsync = false } = settings
  const hasLogin = username !== '' && password !== ''
  const login = {
    username,
    password,
    scheme: isAsync ? 'digest' : (settings.scheme ?? 'basic'),
    takesBasicToo: isAsync,
    realm: isAsync ? 'asyncesp' : 'Login Required',
  } as const
  const rules = {
    login: hasLogin ? login : null,
    isAsync,
    version: settings.version ?? 3,
    restarts: settings.autoReboot ?? true,
    rebootDelayMs: settings.rebootDelayMs ?? DEFAULT_REBOOT_DELAY_MS,
  } as const
  return startUpdateServer({
    settings,
    faultTable: elegantOtaFaults,
    createService: boot => elegantOtaService(boot, rules),
  })
}

export const elegantOtaKind: DeviceKind = {
  id: 'elegant-ota',
  traits,
  faults: elegantOtaFaults,
  start: options => startElegantOta(options),
}
