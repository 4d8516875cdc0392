/** THE LIST of kinds of virtual devices. */
import { arduinoOtaKind } from './arduino-ota/kind.ts'
import type { DeviceKind } from './device-kind.ts'
import { elegantOtaKind } from './elegant-ota/kind.ts'
import { espPartsKind } from './esp-parts/kind.ts'
import { espSerialKind } from './esp-serial/kind.ts'
import { esphomeOtaKind } from './esphome-ota/kind.ts'
import { guidChunksKind } from './guid-chunks/kind.ts'
import { fotaPullKind } from './fota-pull/kind.ts'
import { httpUpdateKind } from './http-update/kind.ts'
import { resumableKind } from './resumable/kind.ts'
import { tasmotaKind } from './tasmota/kind.ts'
import { stm32BridgeKind } from './stm32-bridge/kind.ts'
import { stm32SerialKind } from './stm32-serial/kind.ts'
import { ymodemKind } from './ymodem/kind.ts'

export const deviceKinds: readonly DeviceKind[] = [
  espPartsKind,
  elegantOtaKind,
  httpUpdateKind,
  tasmotaKind,
  esphomeOtaKind,
  resumableKind,
  guidChunksKind,
  arduinoOtaKind,
  fotaPullKind,
  stm32BridgeKind,
  stm32SerialKind,
  ymodemKind,
  espSerialKind,
]
