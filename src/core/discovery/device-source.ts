/** What a source of devices must offer. A new one is one file with this shape and one line in `index.ts`. */
import type { DeviceEntry } from '../../shared/contract/models.ts'

export interface DiscoveryWorld {
  readonly home: string
  readonly signal: AbortSignal
  /** How long a source that listens may listen. */
  readonly waitMs: number
}

export interface DeviceSource {
  readonly id: DeviceEntry['source']
  /** Devices that this source knows of now. Never sends to a device that was not announced. */
  list(world: DiscoveryWorld): DeviceEntry[] | Promise<DeviceEntry[]>
}
