/** The kind `fota-pull` of virtual devices: boards that fetch their firmware from the workstation. */
import { instantTimes } from '../board/board-options.ts'
import type { DeviceKind } from '../device-kind.ts'
import { fotaPullFaults } from './pull-faults.ts'
import { startVirtualFotaPull, type FotaPullOptions } from './virtual-fota-pull.ts'

const traits = {
  'seed-pace': { chunkPauseMs: 2000, pollMs: 2000, rebootDelayMs: 3000 },
  'seed-text': { wording: 'text' },
  seed: { knowsBoundMac: false, stopsAfterFailure: true, tries: 1 },
  'no-security': { acceptsAnything: true },
  'checks-hash': { checksHash: true },
  'no-device-id': { sendsDeviceId: false },
  range: { style: 'range' },
  'range-probe': { style: 'range', lengthBy: 'first-byte' },
  'plain-get': { style: 'plain' },
  instant: { ...instantTimes, pollMs: 10, retryMs: 5, timeoutMs: 500 },
} as const satisfies Record<string, FotaPullOptions>

export const fotaPullKind: DeviceKind = {
  id: 'fota-pull',
  traits,
  faults: fotaPullFaults,
  start: options => startVirtualFotaPull(options),
}
