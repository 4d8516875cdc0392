/** The kind `arduino-ota` of virtual devices: boards with ArduinoOTA, with and without a password. */
import { instantTimes } from '../board/board-options.ts'
import type { DeviceKind } from '../device-kind.ts'
import { arduinoOtaFaults } from './ota-faults.ts'
import { startVirtualArduinoOta, type ArduinoOtaOptions } from './virtual-arduino-ota.ts'

const traits = {
  'auth-md5': { auth: 'md5' },
  'auth-pbkdf2': { auth: 'pbkdf2' },
  'auth-md5-hash': { auth: 'pbkdf2-md5-hash' },
  'old-core': { auth: 'md5', answersInvitationOnly: true },
  'glued-ok': { gluesEnd: true },
  telemetry: { telemetry: true },
  instant: instantTimes,
} as const satisfies Record<string, ArduinoOtaOptions>

export const arduinoOtaKind: DeviceKind = {
  id: 'arduino-ota',
  traits,
  faults: arduinoOtaFaults,
  start: options => startVirtualArduinoOta(options),
}
