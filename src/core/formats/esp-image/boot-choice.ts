/**
 * Which application partition a bootloader starts, and what makes it start another one. Source: ESP-IDF
 * `bootloader_common.c`, `bootloader_utility.c`, `esp_ota_ops.c`.
 */
import {
  activeOtaRecord,
  buildOtaRecord,
  OTA_SECTOR_BYTES,
  slotOfSequence,
  type OtaRecord,
  type OtaState,
} from './ota-data.ts'
import type { Partition } from './partition-table.ts'

/** The update slots in the order of their numbers. */
export function otaSlots(partitions: readonly Partition[]): readonly Partition[] {
  return partitions
    .filter(({ type, subtype }) => type === 'app' && subtype.startsWith('ota_'))
    .sort((left, right) => slotNumber(left) - slotNumber(right))
}

export function otaDataPartition(partitions: readonly Partition[]): Partition | null {
  return partitions.find(({ type, subtype }) => type === 'data' && subtype === 'ota') ?? null
}

export function factoryPartition(partitions: readonly Partition[]): Partition | null {
  return partitions.find(({ type, subtype }) => type === 'app' && subtype === 'factory') ?? null
}

/**
 * The partition that the bootloader tries first; it falls back to others only when no sound image lies there.
 * @param records of the board's otadata; ignored where the table has no otadata
 */
export function chosenPartition(partitions: readonly Partition[], records: readonly OtaRecord[]): Partition | null {
  const slots = otaSlots(partitions)
  const active = otaDataPartition(partitions) === null ? null : activeOtaRecord(records)
  if (active !== null && slots.length > 0) return slots[slotOfSequence(active.sequence, slots.length)] ?? null
  return factoryPartition(partitions) ?? slots[0] ?? null
}

export interface OtaSwitch {
  /** Sector 0 or 1 of otadata: the one that is not in force, so that the old choice stays until the new one is whole. */
  readonly sector: number
  /** The whole sector of 4096 bytes. */
  readonly bytes: Uint8Array
  readonly state: OtaState
}

/**
 * What `esp_ota_set_boot_partition` would write to make the bootloader start a slot.
 * @param slot 0 to `slotCount` - 1
 */
export function switchToSlot(slot: number, slotCount: number, records: readonly OtaRecord[]): OtaSwitch {
  const active = activeOtaRecord(records)
  let sequence = slot + 1
  if (active !== null) {
    const first = (slot + 1) % slotCount === 0 ? slotCount : (slot + 1) % slotCount
    const rounds = Math.max(0, Math.ceil((active.sequence - first) / slotCount))
    sequence = first + rounds * slotCount
  }
  const sector = active === null ? 0 : 1 - active.sector
  // Only a build with rollback ever writes a state; a new image is then on trial until it says that it is well.
  const hasRollback = records.some(({ state }) => state !== 'undefined')
  const state: OtaState = hasRollback ? 'new' : 'undefined'
  const bytes = new Uint8Array(OTA_SECTOR_BYTES).fill(0xff)
  bytes.set(buildOtaRecord(sequence, state))
  return { sector, bytes, state }
}

function slotNumber({ subtype }: Partition): number {
  return Number(subtype.slice('ota_'.length))
}
