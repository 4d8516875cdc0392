/** THE LIST of device sources. Of two that know a board, the earlier says where it is. */
import type { DeviceSource } from './device-source.ts'
import { createMdnsSource, type MdnsSourceOptions } from './mdns.ts'
import { rememberedSource } from './remembered.ts'
import { createSerialSource } from './serial.ts'
import { simulatedSource } from './simulated.ts'

/** @param mdns what announcements mean, and how a board is asked what it is */
export function createDeviceSources(mdns: Pick<MdnsSourceOptions, 'readers' | 'fingerprints'>): DeviceSource[] {
  return [simulatedSource, createSerialSource(), createMdnsSource(mdns), rememberedSource]
}
