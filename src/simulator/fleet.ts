/** Starts the devices of a specification and describes them to whoever asked for them. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { DeviceSpec } from './device-spec.ts'
import type { VirtualDevice } from './device-kind.ts'
import type { NamedFault } from './faults/fault-table.ts'

/** One device as other processes see it. */
export interface AnnouncedDevice {
  readonly name: string
  readonly target: string
  /** Where it answers telemetry, when that is not at its target. */
  readonly telemetryUrl?: string
  /** What it speaks: the kind of its specification. */
  readonly protocol: string
  readonly mac: string
  readonly chip: string
  readonly faults: readonly NamedFault[]
}

export interface Fleet {
  readonly devices: readonly VirtualDevice[]
  readonly announced: readonly AnnouncedDevice[]
  close(): Promise<void>
}

/**
 * Starts all devices; none stays behind when one cannot start.
 * @param flashDir folder with one folder a device; null keeps flash in memory
 */
export async function startFleet(
  specs: readonly DeviceSpec[],
  options: {
    readonly flashDir: string | null
    readonly seed: number
    /** What tells this fleet from others that run: its boards have MACs of their own. Null: the seed alone decides. */
    readonly fleetId?: string | null
  },
): Promise<Fleet> {
  const devices: VirtualDevice[] = []
  const close = async (): Promise<void> => {
    await Promise.all(devices.map(device => device.close()))
  }
  try {
    for (const spec of specs) {
      const device = await spec.kind.start({
        ...spec.options,
        identity: { id: spec.name, name: spec.name, ...macOf(options.fleetId ?? null, spec.name) },
        faults: spec.faults,
        flashDir: options.flashDir === null ? null : join(options.flashDir, spec.name),
        seed: options.seed,
      })
      devices.push(device)
    }
  } catch (thrown) {
    await close()
    throw thrown
  }
  const announced = devices.map(({ identity, target, telemetryUrl, faults }, index) => {
    const protocol = specs[index]?.kind.id ?? ''
    const place = telemetryUrl === undefined || telemetryUrl === null ? {} : { telemetryUrl }
    return { name: identity.name, target, ...place, protocol, mac: identity.mac, chip: identity.chip, faults }
  })
  return { devices, announced, close }
}

/** Locally administered, as the board's own: no real board has it. */
function macOf(fleetId: string | null, name: string): { mac?: string } {
  if (fleetId === null) return {}
  const digest = createHash('sha256').update(`${fleetId} ${name}`).digest()
  const tail = [...digest.subarray(0, 3)].map(byte => byte.toString(16).padStart(2, '0'))
  return { mac: ['02', '4f', '50', ...tail].join(':') }
}
