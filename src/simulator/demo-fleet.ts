/** The eight devices of the demonstration: four sound ones and one of each of the faults that matter most in a workshop. */
import type { DeviceSpec } from './device-spec.ts'
import { espPartsKind } from './esp-parts/kind.ts'
import type { FaultSpec } from './faults/fault-table.ts'

const faultsOfEach: readonly (readonly FaultSpec[])[] = [
  [],
  [],
  [{ name: 'slow', ms: 40 }],
  [{ name: 'drop-reply', chunk: 'any', every: 9 }],
  [{ name: 'reboot', chunk: 20 }],
  [{ name: 'liar' }],
  [],
  [],
]

/** thermostat-3 is slow, 4 loses answers, 5 reboots in the middle, 6 lies; the others are sound. */
export function demoFleet(): DeviceSpec[] {
  return faultsOfEach.map((faults, index) => ({
    kind: espPartsKind,
    name: `thermostat-${String(index + 1)}`,
    faults,
    options: {},
  }))
}
