/** What a kind of virtual device must offer. A new one is one folder that has this shape, and one line in `device-kinds.ts`. */
import type { FaultTable, NamedFault } from './faults/fault-table.ts'
import type { VirtualIdentity } from './board/identity.ts'

/** One running virtual device, as fleets and tests see it. */
export interface VirtualDevice {
  /** What `--to` is given: `http://127.0.0.1:PORT`, `tcp://…`, `udp://…`, `pull://…`. */
  readonly target: string
  /** Where it answers `GET /telemetry`, when that is not at its target. */
  readonly telemetryUrl?: string | null
  readonly identity: VirtualIdentity
  readonly faults: readonly NamedFault[]
  /** What a finished update left where this device keeps it, read from its flash; null where there is none. */
  stored(): Uint8Array | null
  /** The image that the board runs; null for factory firmware without a known image, and for a device that runs none. */
  activeImage(): Uint8Array | null
  /** Unfinished uploads that still take room on it. */
  leftovers(): number
  /** Requests or frames that carried image bytes since it was started. */
  dataRequests(): number
  /** Replaces all faults, their counters included. */
  setFaults(faults: readonly NamedFault[]): void
  /** Restarts it; resolves when it answers again. */
  reboot(): Promise<void>
  /** Loses power in the middle of whatever it does; resolves when it answers again. */
  panic(): Promise<void>
  close(): Promise<void>
}

export interface StartOptions {
  /** Without a MAC the board makes one of its seed and id. */
  readonly identity: { readonly id: string; readonly name: string; readonly mac?: string }
  readonly faults: readonly NamedFault[]
  /** Folder of this device's flash; null keeps it in memory. */
  readonly flashDir: string | null
  readonly seed: number
}

export interface DeviceKind {
  /** The id of the protocol that it speaks. */
  readonly id: string
  /** What their names begin with, where they are no ESP32. */
  readonly namePrefix?: string
  /** Words that change a device without being a fault, with the start options that each means. */
  readonly traits: Readonly<Record<string, object>>
  readonly faults: FaultTable
  /**
   * Switches one on and resolves when it answers.
   * @param options the common ones, overlaid with those of its traits
   * @throws {FlashproofError} option.invalid for a fault that does not exist or a value out of its range
   */
  start(options: StartOptions): Promise<VirtualDevice>
}
