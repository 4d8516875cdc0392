/** The kind `esp-parts` of virtual devices: boards of seed 1, with and without the optional endpoints. */
import type { DeviceKind, StartOptions, VirtualDevice } from '../device-kind.ts'
import { faultTable, type FaultSpec, type NamedFault } from '../faults/fault-table.ts'
import {
  instantTimes,
  seedFeatures,
  startVirtualEsp32,
  type VirtualEsp32,
  type VirtualEsp32Options,
} from '../virtual-esp32.ts'

const traits = {
  seed: { features: seedFeatures },
  direct: { storage: 'direct' },
  'compact-json': { compactJson: true },
  instant: instantTimes,
  stays: { apply: 'none' },
} as const satisfies Record<string, Partial<VirtualEsp32Options>>

export const espPartsKind: DeviceKind = {
  id: 'esp-parts',
  traits,
  faults: faultTable,
  start: async ({ faults, ...options }: StartOptions) =>
    asDevice(await startVirtualEsp32({ ...options, faults: checked(faults) })),
}

function asDevice(board: VirtualEsp32): VirtualDevice {
  return {
    target: board.target,
    get identity() {
      return board.identity
    },
    get faults() {
      return board.faults
    },
    stored: () => board.flash.readLatest(),
    activeImage: () => board.flash.activeImage(),
    leftovers: () => board.flash.leftovers(),
    dataRequests: () => board.stats.chunkPosts.reduce((sum, count) => sum + count, 0),
    setFaults: faults => {
      board.setFaults(checked(faults))
    },
    reboot: () => board.reboot(),
    panic: () => board.panic(),
    close: () => board.close(),
  }
}

/** The board checks every fault against its table when it takes them. */
function checked(faults: readonly NamedFault[]): readonly FaultSpec[] {
  return faults as readonly FaultSpec[]
}
