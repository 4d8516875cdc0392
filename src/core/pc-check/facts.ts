/** What “Check this PC” looks at: facts of this computer, read by `read-facts.ts` and passed in by tests. */
import type { DiscoveryChannel } from '../../shared/contract/models.ts'

export interface InterfaceFact {
  readonly name: string
  /** Without the loopback ones. */
  readonly addresses: readonly string[]
}

export interface SerialPortFact {
  readonly path: string
  readonly isUsable: boolean
}

/** A known adapter on USB that has no serial port. */
export interface LostAdapter {
  readonly name: string
  readonly location: string
  readonly isTakenByBrltty: boolean
}

/** Null wherever the computer does not tell. */
export interface PcFacts {
  readonly platform: NodeJS.Platform
  readonly home: {
    readonly path: string
    readonly freeBytes: number | null
    /** The system's reason when it cannot be written. */
    readonly writeFailure: string | null
  }
  readonly serial: {
    readonly ports: readonly SerialPortFact[]
    /** Names of the groups that this process has. */
    readonly groups: readonly string[] | null
    /** The group that owns serial ports here, such as `dialout`. */
    readonly portGroup: string | null
    /** Whether there is a way to list ports. */
    readonly canList: boolean
    /** Whether the udev rule of Flashproof is installed. */
    readonly hasRule: boolean
    readonly adaptersWithoutPort: readonly LostAdapter[]
  } | null
  /** Why the native serial driver does not load; null when it does. */
  readonly serialDriver: { readonly failure: string | null }
  /** Names of running programs; null where they cannot be listed. */
  readonly programs: readonly string[] | null
  readonly interfaces: readonly InterfaceFact[]
  readonly channels: readonly DiscoveryChannel[]
  /** Whether the computer may go to sleep by itself after some time. */
  readonly sleep: { readonly mayIdleSleep: boolean; readonly source: string } | null
  readonly firewall: { readonly isActive: boolean; readonly source: string } | null
  readonly nowMs: number
  /** When this version of Flashproof was built or installed: no clock is right that is earlier. */
  readonly builtMs: number | null
}
