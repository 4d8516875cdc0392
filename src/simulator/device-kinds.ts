/** THE LIST of kinds of virtual devices. */
import type { DeviceKind } from './device-kind.ts'
import { elegantOtaKind } from './elegant-ota/kind.ts'
import { espPartsKind } from './esp-parts/kind.ts'
import { httpUpdateKind } from './http-update/kind.ts'

export const deviceKinds: readonly DeviceKind[] = [espPartsKind, elegantOtaKind, httpUpdateKind]
