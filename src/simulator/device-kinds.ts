/** THE LIST of kinds of virtual devices. */
import type { DeviceKind } from './device-kind.ts'
import { espPartsKind } from './esp-parts/kind.ts'

export const deviceKinds: readonly DeviceKind[] = [espPartsKind]
