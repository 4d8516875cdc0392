/** THE LIST of device sources. Of two that know a board, the earlier says where it is. */
import type { DeviceSource } from './device-source.ts'
import { createMdnsSource } from './mdns.ts'
import { rememberedSource } from './remembered.ts'
import { createSerialSource } from './serial.ts'
import { simulatedSource } from './simulated.ts'

export const deviceSources: readonly DeviceSource[] = [
  simulatedSource,
  createSerialSource(),
  createMdnsSource(),
  rememberedSource,
]
