/** What every kind of virtual board can be started with, and what it is without a word. */
import type { FaultTable, NamedFault } from '../faults/fault-table.ts'
import { seededRandom } from '../random.ts'
import type { BoardOptions } from './board.ts'
import { systemDeviceClock, type DeviceClock } from './device-clock.ts'
import { defaultFlashSpeed, instantFlash, type FlashSpeed } from './flash-time.ts'
import type { VirtualIdentity } from './identity.ts'

export interface BoardSettings {
  readonly identity?: Partial<VirtualIdentity>
  /** What runs before the first update. */
  readonly firmware?: Partial<BoardOptions['firmware']>
  /** Folder of this device's flash; null keeps it in memory. */
  readonly flashDir?: string | null
  readonly flashSpeed?: Partial<FlashSpeed>
  readonly slotBytes?: number
  readonly bootMs?: number
  readonly confirmMs?: number
  readonly seed?: number
  /** Decides when timed things happen; the system's clock by default. */
  readonly clock?: DeviceClock
  readonly faults?: readonly NamedFault[]
}

/** No modelled times at all, for tests and benches. */
export const instantTimes = {
  flashSpeed: instantFlash,
  rebootDelayMs: 0,
  bootMs: 0,
  confirmMs: 0,
} as const

const MIB = 1024 * 1024

/** @param faultTable the faults that a board of this kind can have; those of `esp-parts` by default */
export function boardOptionsOf(settings: BoardSettings, faultTable?: FaultTable): BoardOptions {
  const id = settings.identity?.id ?? 'esp32-1'
  const seed = settings.seed ?? 1
  return {
    identity: {
      id,
      mac: settings.identity?.mac ?? virtualMac(seed, id),
      chip: settings.identity?.chip ?? 'ESP32',
      board: settings.identity?.board ?? 'ESP32-DevKitC',
      name: settings.identity?.name ?? id,
    },
    firmware: { name: 'thermostat', version: '1.0.0', elfSha256: '00'.repeat(32), ...settings.firmware },
    flashSpeed: { ...defaultFlashSpeed, ...settings.flashSpeed },
    slotBytes: settings.slotBytes ?? 4 * MIB,
    bootMs: settings.bootMs ?? 400,
    confirmMs: settings.confirmMs ?? 1000,
    seed,
    clock: settings.clock ?? systemDeviceClock,
    faults: settings.faults ?? [],
    ...(faultTable === undefined ? {} : { faultTable }),
  }
}

/** A MAC of its own for every seed and id, marked as locally administered: no real board has it. */
function virtualMac(seed: number, id: string): string {
  const random = seededRandom(seed, `${id} mac`)
  const tail = Array.from({ length: 3 }, () => random.integer(256).toString(16).padStart(2, '0'))
  return ['02', '4f', '50', ...tail].join(':')
}
