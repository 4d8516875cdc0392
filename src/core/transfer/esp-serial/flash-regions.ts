/** Cuts an image into what goes to flash together: whole sectors, one region of the flash at a time. Pure. */
import { formatAddress } from '../../../shared/units.ts'
import type { EspChip } from '../../formats/esp-image/chips.ts'
import type { Partition } from '../../formats/esp-image/partition-table.ts'
import type { Segment } from '../../image/memory-image.ts'
import { SECTOR_BYTES, type FlashRun } from './sectors.ts'

export type RegionKind = 'app' | 'bootloader' | 'partition-table' | 'otadata' | 'data'

export interface FlashRegion {
  readonly what: RegionKind
  /** For people: a partition's label, `bootloader`, an address. */
  readonly place: string
  readonly offset: number
  readonly sizeBytes: number
  /** Null outside the partitions of the table. */
  readonly partition: Partition | null
}

export interface FlashPiece extends FlashRun {
  /** How many of the bytes come from the file; the rest closes gaps inside sectors. */
  readonly imageBytes: number
  readonly region: FlashRegion
}

/**
 * Joins segments that share a sector: flash is erased a sector at a time, so what a file leaves open in a sector that it
 * touches becomes FF.
 */
export function joinRuns(segments: readonly Segment[]): FlashRun[] {
  const groups: Segment[][] = []
  let end = -1
  for (const segment of segments) {
    const last = groups.at(-1)
    if (last !== undefined && sectorStart(segment.address) <= end) last.push(segment)
    else groups.push([segment])
    end = segment.address + segment.bytes.length
  }
  return groups.map(group => {
    const [first] = group
    const last = group.at(-1) ?? first
    if (first === undefined || last === undefined) throw new RangeError('a group of segments is never empty')
    const offset = sectorStart(first.address)
    if (group.length === 1 && offset === first.address) return { offset, bytes: first.bytes }
    const bytes = new Uint8Array(last.address + last.bytes.length - offset).fill(0xff)
    for (const segment of group) bytes.set(segment.bytes, segment.address - offset)
    return { offset, bytes }
  })
}

/**
 * The regions of a flash by a table, sorted and without overlaps.
 * @param tableOffset where the bootloader looks for the table
 * @param partitions null: only what the chip itself fixes
 */
export function regionsOf(
  chip: EspChip,
  tableOffset: number,
  partitions: readonly Partition[] | null,
): readonly FlashRegion[] {
  const regions: FlashRegion[] = [
    {
      what: 'bootloader',
      place: 'bootloader',
      offset: chip.bootloaderOffset,
      sizeBytes: tableOffset - chip.bootloaderOffset,
      partition: null,
    },
    {
      what: 'partition-table',
      place: 'partition table',
      offset: tableOffset,
      sizeBytes: SECTOR_BYTES,
      partition: null,
    },
  ]
  for (const partition of partitions ?? []) {
    const { label, subtype, offset, sizeBytes } = partition
    regions.push({ what: kindOf(partition), place: label === '' ? subtype : label, offset, sizeBytes, partition })
  }
  regions.sort((left, right) => left.offset - right.offset)
  const apart: FlashRegion[] = []
  for (const region of regions) {
    const last = apart.at(-1)
    // Newer tables name bootloader and table themselves; the first one that claims a place has it.
    if (last === undefined || region.offset >= last.offset + last.sizeBytes) apart.push(region)
  }
  return apart
}

function kindOf({ type, subtype }: Partition): RegionKind {
  if (type === 'app') return 'app'
  return type === 'data' && subtype === 'ota' ? 'otadata' : 'data'
}

/**
 * Cuts runs at the edges of regions, at whole sectors: a piece that began inside one would erase the end of the piece before
 * it. What lies in no region is data at an address.
 */
export function cutAtRegions(
  runs: readonly FlashRun[],
  regions: readonly FlashRegion[],
  segments: readonly Segment[],
): FlashPiece[] {
  return runs.flatMap(run => {
    const end = run.offset + run.bytes.length
    const inside = regions.flatMap(({ offset, sizeBytes }) => [sectorStart(offset), sectorEnd(offset + sizeBytes)])
    const edges = [run.offset, ...inside.filter(edge => edge > run.offset && edge < end), end]
    const sorted = [...new Set(edges)].sort((left, right) => left - right)
    return sorted.slice(0, -1).map((from, index) => {
      const to = sorted[index + 1] ?? end
      const bytes = run.bytes.subarray(from - run.offset, to - run.offset)
      return { offset: from, bytes, imageBytes: dataBytesIn(segments, from, to), region: regionAt(regions, from, to) }
    })
  })
}

function regionAt(regions: readonly FlashRegion[], from: number, to: number): FlashRegion {
  const found = regions.find(({ offset, sizeBytes }) => offset <= from && from < offset + sizeBytes)
  return found ?? { what: 'data', place: formatAddress(from), offset: from, sizeBytes: to - from, partition: null }
}

function dataBytesIn(segments: readonly Segment[], from: number, to: number): number {
  let sum = 0
  for (const { address, bytes } of segments) {
    sum += Math.max(0, Math.min(to, address + bytes.length) - Math.max(from, address))
  }
  return sum
}

function sectorEnd(address: number): number {
  return Math.ceil(address / SECTOR_BYTES) * SECTOR_BYTES
}

function sectorStart(address: number): number {
  return address - (address % SECTOR_BYTES)
}
