/** A device of the list with nothing known but its address, and whatever a test says of it. */
import { deviceKey } from '../../src/core/discovery/device-key.ts'
import type { DeviceEntry } from '../../src/shared/contract/models.ts'

export function fakeDeviceEntry(target: string, changes: Partial<DeviceEntry> = {}): DeviceEntry {
  return {
    key: deviceKey(target, changes.identity ?? null),
    target,
    name: null,
    identity: null,
    source: 'remembered',
    protocols: [],
    lastSeenAt: null,
    simulated: false,
    label: null,
    place: null,
    present: null,
    appName: null,
    appVersion: null,
    ...changes,
  }
}
