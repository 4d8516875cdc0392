/** What a source of devices must offer. A new one is one file with this shape and one line in `index.ts`. */
import type { DeviceEntry, DiscoveryChannel } from '../../shared/contract/models.ts'
import type { Clock } from '../clock.ts'

export interface DiscoveryWorld {
  readonly home: string
  readonly signal: AbortSignal
  /** How long a source that listens may listen. */
  readonly waitMs: number
  /** Told how it went, by a source that listens. */
  readonly onChannels?: (channels: readonly DiscoveryChannel[]) => void
}

export interface WatchWorld {
  readonly home: string
  readonly clock: Clock
  /** To be called whenever `devices` or `channels` would answer differently; as often as it likes. */
  readonly onChanged: () => void
}

/** A source that is listening; it ends with `close` and never throws out of itself. */
export interface DeviceWatch {
  devices(): DeviceEntry[]
  channels(): DiscoveryChannel[]
  /** Looks again now instead of when it is next due. */
  refresh(): void
  /** Takes in what a board of this source said of itself when it was asked; good as long as it stays where it is. */
  learn?(entry: DeviceEntry): void
  close(): Promise<void>
}

export interface DeviceSource {
  readonly id: DeviceEntry['source']
  /** Devices that this source knows of now. Never sends to a device that was not announced. */
  list(world: DiscoveryWorld): DeviceEntry[] | Promise<DeviceEntry[]>
  /** Listens until closed. A source without it is asked again with `list` whenever the list is made. */
  watch?(world: WatchWorld): DeviceWatch
}
