/** Recognises a whole-flash file such as `esptool merge-bin` makes: bootloader, partition table and app in one. */
import type { Inspection } from '../../../shared/contract/models.ts'
import { espChips } from './chips.ts'
import { looksLikeImage, readImageHeader } from './image-header.ts'
import { isFilledWith } from './little-endian.ts'
import { OTA_DATA_BYTES, readOtaRecords } from './ota-data.ts'
import {
  DEFAULT_TABLE_OFFSET,
  movedTableOffsets,
  PARTITION_TABLE_BYTES,
  readPartitionTable,
  type PartitionTable,
} from './partition-table.ts'

export type MergedPart = NonNullable<NonNullable<Inspection['esp']>['parts']>[number]

export interface MergedImage {
  /** Flash address of the file's first byte: 0, or the chip's bootloader offset for a file merged from there. */
  readonly flashStart: number
  /** File offsets. */
  readonly bootloaderAt: number | null
  readonly tableAt: number | null
  readonly table: PartitionTable | null
  readonly appsAt: readonly number[]
  readonly parts: readonly MergedPart[]
}

const SECTOR_BYTES = 0x1000
/** Data partitions begin with something when they hold anything. */
const LONGEST_LOOK_BYTES = 1024 * 1024
const bootloaderOffsets = [...new Set(espChips.map(chip => chip.bootloaderOffset))].sort((left, right) => left - right)

/** Looks for a merged image; null for a file that is one image, one table or something else. */
export function findMergedImage(bytes: Uint8Array): MergedImage | null {
  for (const bootloaderAt of bootloaderOffsets) {
    if (looksLikeImage(bytes, bootloaderAt) !== 'yes' || !isFilledWith(bytes.subarray(0, bootloaderAt), 0xff)) continue
    const chipOffset = readImageHeader(bytes, bootloaderAt)?.chip?.bootloaderOffset ?? bootloaderAt
    // Filler before the bootloader means that the file begins at flash address 0.
    if (bootloaderAt > 0 && chipOffset !== bootloaderAt) continue
    const flashStart = chipOffset - bootloaderAt
    const tableAt = findTable(bytes, bootloaderAt + SECTOR_BYTES, flashStart)
    if (tableAt === null && bootloaderAt === 0) continue
    return describe(bytes, flashStart, bootloaderAt, tableAt)
  }
  return findMergedFromTable(bytes)
}

/** A file that begins with the table and goes on with what lies behind it in flash. */
function findMergedFromTable(bytes: Uint8Array): MergedImage | null {
  if (bytes.length <= SECTOR_BYTES * 2 || readPartitionTable(bytes) === null) return null
  if (isFilledWith(bytes.subarray(SECTOR_BYTES), 0xff)) return null
  return describe(bytes, DEFAULT_TABLE_OFFSET, null, 0)
}

function findTable(bytes: Uint8Array, firstOffset: number, flashStart: number): number | null {
  const usual = DEFAULT_TABLE_OFFSET - flashStart
  const moved = movedTableOffsets(firstOffset + flashStart).map(offset => offset - flashStart)
  for (const at of [usual, ...moved]) {
    if (at < firstOffset || at + PARTITION_TABLE_BYTES > bytes.length) continue
    const table = readPartitionTable(bytes, at)
    // Two bytes may be chance. At the usual place a damaged table still counts, so that its damage is reported.
    const isSure = table !== null && (table.md5Valid === true || at === usual)
    if (isSure) return at
  }
  return null
}

function describe(
  bytes: Uint8Array,
  flashStart: number,
  bootloaderAt: number | null,
  tableAt: number | null,
): MergedImage {
  const parts: MergedPart[] = []
  if (bootloaderAt !== null) parts.push({ kind: 'bootloader', offset: bootloaderAt })
  const table = tableAt === null ? null : readPartitionTable(bytes, tableAt)
  if (tableAt !== null) parts.push({ kind: 'partition-table', offset: tableAt })
  const appsAt: number[] = []
  for (const partition of table?.partitions ?? []) {
    const at = partition.offset - flashStart
    if (at <= 0 || at >= bytes.length) continue
    if (partition.type === 'app') {
      if (looksLikeImage(bytes, at) === 'no' || appsAt.includes(at)) continue
      appsAt.push(at)
      parts.push({ kind: 'app', offset: at })
    } else if (partition.type === 'data' && !isErased(bytes, at, partition.sizeBytes)) {
      const isOtaData =
        partition.subtype === 'ota' && readOtaRecords(bytes.subarray(at, at + OTA_DATA_BYTES)).length > 0
      parts.push({ kind: isOtaData ? 'otadata' : `data:${partition.subtype}`, offset: at })
    }
  }
  parts.sort((left, right) => left.offset - right.offset)
  return { flashStart, bootloaderAt, tableAt, table, appsAt, parts }
}

function isErased(bytes: Uint8Array, at: number, sizeBytes: number): boolean {
  return isFilledWith(bytes.subarray(at, at + Math.min(sizeBytes, LONGEST_LOOK_BYTES)), 0xff)
}
