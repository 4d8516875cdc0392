/** THE LIST of device sources. */
import type { DeviceSource } from './device-source.ts'
import { rememberedSource } from './remembered.ts'
import { simulatedSource } from './simulated.ts'

export const deviceSources: readonly DeviceSource[] = [simulatedSource, rememberedSource]
