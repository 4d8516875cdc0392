/** ESP-IDF's partition table: 32-byte entries, then an MD5 of them. */
import { createHash } from 'node:crypto'
import type { Inspection } from '../../../shared/contract/models.ts'
import { stripControl } from '../../../shared/units.ts'
import { isFilledWith, readText, readUint16, readUint32, readUint8, writeText, writeUint32 } from './little-endian.ts'

export type Partition = NonNullable<NonNullable<Inspection['esp']>['partitions']>[number]

/** Where the table lies unless a project's settings move it. Source: ESP-IDF partition-tables.rst. */
export const DEFAULT_TABLE_OFFSET = 0x8000
/** A bootloader that outgrows its room moves the table; beyond this nobody does. */
const LAST_TABLE_OFFSET = 0x20000
/** Room for 95 entries and the MD5. Source: ESP-IDF gen_esp32part.py. */
export const PARTITION_TABLE_BYTES = 0xc00
const ENTRY_BYTES = 32
/** Partitions begin at a multiple of the smallest erase unit. */
const SECTOR_BYTES = 0x1000
const ENTRY_MAGIC = 0x50aa
const MD5_MAGIC = 0xebeb
/** Application partitions begin at a multiple of this, because flash is mapped in pages. */
export const APP_ALIGNMENT_BYTES = 0x10000

const types: Readonly<Record<number, string>> = { 0: 'app', 1: 'data', 2: 'bootloader', 3: 'partition_table' }
const dataSubtypes: Readonly<Record<number, string>> = {
  0x00: 'ota',
  0x01: 'phy',
  0x02: 'nvs',
  0x03: 'coredump',
  0x04: 'nvs_keys',
  0x05: 'efuse',
  0x06: 'undefined',
  0x80: 'esphttpd',
  0x81: 'fat',
  0x82: 'spiffs',
  0x83: 'littlefs',
}

export interface PartitionTable {
  readonly partitions: readonly Partition[]
  /** Null where the table carries no MD5. */
  readonly md5Valid: boolean | null
  /** What is wrong with it, each a sentence; empty for a sound table. */
  readonly faults: readonly string[]
  /** Whether a data partition of subtype `ota` decides which app starts. */
  readonly hasOtaData: boolean
  readonly otaSlotCount: number
}

/** Places of a table that was moved, the usual one left out. @param firstOffset what lies before it is the bootloader's */
export function movedTableOffsets(firstOffset: number): readonly number[] {
  const offsets: number[] = []
  for (let at = firstOffset; at <= LAST_TABLE_OFFSET; at += SECTOR_BYTES)
    if (at !== DEFAULT_TABLE_OFFSET) offsets.push(at)
  return offsets
}

/** Whether a table begins at `offset`: its first entry has the magic and makes sense. Damage further on does not matter. */
export function looksLikePartitionTable(bytes: Uint8Array, offset = 0): boolean {
  if (offset + ENTRY_BYTES > bytes.length || readUint16(bytes, offset) !== ENTRY_MAGIC) return false
  const { offset: start, sizeBytes } = readEntry(bytes, offset)
  return start > 0 && start % SECTOR_BYTES === 0 && sizeBytes > 0
}

/** Reads the table at `offset`; null where no table begins there. */
export function readPartitionTable(bytes: Uint8Array, offset = 0): PartitionTable | null {
  if (!looksLikePartitionTable(bytes, offset)) return null
  const limit = Math.min(bytes.length, offset + PARTITION_TABLE_BYTES)
  const partitions: Partition[] = []
  const faults: string[] = []
  let md5Valid: boolean | null = null
  let isEnded = false
  for (let at = offset; at + ENTRY_BYTES <= limit && !isEnded; at += ENTRY_BYTES) {
    const magic = readUint16(bytes, at)
    if (magic === ENTRY_MAGIC) {
      partitions.push(readEntry(bytes, at))
    } else if (magic === MD5_MAGIC) {
      md5Valid = isMd5Right(bytes, offset, at)
    } else {
      isEnded = true
      if (!isFilledWith(bytes.subarray(at, at + ENTRY_BYTES), 0xff)) {
        faults.push(`entry ${String((at - offset) / ENTRY_BYTES)} is neither a partition nor the end of the table`)
      }
    }
  }
  if (md5Valid === false) faults.push('the MD5 of the partition table is wrong')
  faults.push(...findLayoutFaults(partitions))
  return {
    partitions,
    md5Valid,
    faults,
    hasOtaData: partitions.some(partition => partition.type === 'data' && partition.subtype === 'ota'),
    otaSlotCount: partitions.filter(({ type, subtype }) => type === 'app' && subtype.startsWith('ota_')).length,
  }
}

/**
 * Makes a table of 0xC00 bytes with its MD5, as ESP-IDF's gen_esp32part.py does.
 * @throws {RangeError} for more than 95 partitions, or a type or subtype that has no number
 */
export function buildPartitionTable(partitions: readonly Partition[]): Uint8Array {
  if (partitions.length > 95) throw new RangeError(`${String(partitions.length)} partitions; a table holds 95`)
  const bytes = new Uint8Array(PARTITION_TABLE_BYTES).fill(0xff)
  partitions.forEach((partition, index) => {
    const at = index * ENTRY_BYTES
    bytes.fill(0, at, at + ENTRY_BYTES)
    bytes.set([ENTRY_MAGIC & 0xff, ENTRY_MAGIC >> 8, ...numbersOf(partition)], at)
    writeUint32(bytes, at + 4, partition.offset)
    writeUint32(bytes, at + 8, partition.sizeBytes)
    writeText(bytes, at + 12, 16, partition.label)
  })
  const md5At = partitions.length * ENTRY_BYTES
  bytes.set([MD5_MAGIC & 0xff, MD5_MAGIC >> 8], md5At)
  bytes.set(createHash('md5').update(bytes.subarray(0, md5At)).digest(), md5At + 16)
  return bytes
}

function readEntry(bytes: Uint8Array, at: number): Partition {
  const type = readUint8(bytes, at + 2)
  const subtype = readUint8(bytes, at + 3)
  return {
    type: types[type] ?? hexByte(type),
    subtype: nameSubtype(type, subtype),
    offset: readUint32(bytes, at + 4),
    sizeBytes: readUint32(bytes, at + 8),
    // The label is the builder's text and is shown to people.
    label: stripControl(readText(bytes, at + 12, 16)),
  }
}

function nameSubtype(type: number, subtype: number): string {
  if (type === 0) {
    if (subtype === 0x00) return 'factory'
    if (subtype >= 0x10 && subtype <= 0x1f) return `ota_${String(subtype - 0x10)}`
    if (subtype === 0x20) return 'test'
  }
  if (type === 1) return dataSubtypes[subtype] ?? hexByte(subtype)
  if (type === 2 || type === 3) {
    if (subtype === 0) return 'primary'
    if (subtype === 1) return 'ota'
  }
  return hexByte(subtype)
}

function numbersOf(partition: Partition): [type: number, subtype: number] {
  for (let type = 0; type < 256; type++) {
    if ((types[type] ?? hexByte(type)) !== partition.type) continue
    for (let subtype = 0; subtype < 256; subtype++) {
      if (nameSubtype(type, subtype) === partition.subtype) return [type, subtype]
    }
  }
  throw new RangeError(`no partition has the type ${partition.type} and the subtype ${partition.subtype}`)
}

function hexByte(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`
}

function isMd5Right(bytes: Uint8Array, tableOffset: number, md5At: number): boolean {
  const wanted = createHash('md5').update(bytes.subarray(tableOffset, md5At)).digest()
  return wanted.equals(bytes.subarray(md5At + 16, md5At + 32))
}

function findLayoutFaults(partitions: readonly Partition[]): string[] {
  const faults: string[] = []
  for (const { label, type, offset } of partitions) {
    if (type === 'app' && offset % APP_ALIGNMENT_BYTES !== 0) {
      faults.push(`the app partition “${label}” does not begin at a multiple of 64 KiB`)
    }
  }
  const sorted = [...partitions].sort((left, right) => left.offset - right.offset)
  sorted.forEach((partition, index) => {
    const next = sorted[index + 1]
    if (next !== undefined && partition.offset + partition.sizeBytes > next.offset) {
      faults.push(`the partitions “${partition.label}” and “${next.label}” overlap`)
    }
  })
  return faults
}
