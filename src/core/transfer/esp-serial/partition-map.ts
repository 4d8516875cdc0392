/** What a board has now: its partition table, its choice of the app slot, and what each slot holds. Read, never guessed. */
import { createHash } from 'node:crypto'
import { APP_DESCRIPTOR_BYTES, readAppDescriptor, type AppDescriptor } from '../../formats/esp-image/app-descriptor.ts'
import { chosenPartition, otaDataPartition } from '../../formats/esp-image/boot-choice.ts'
import { HEADER_BYTES, looksLikeImage, SEGMENT_HEADER_BYTES } from '../../formats/esp-image/image-header.ts'
import { isFilledWith } from '../../formats/esp-image/little-endian.ts'
import {
  activeOtaRecord,
  OTA_DATA_BYTES,
  OTA_SECTOR_BYTES,
  readOtaRecords,
  type OtaRecord,
} from '../../formats/esp-image/ota-data.ts'
import {
  DEFAULT_TABLE_OFFSET,
  looksLikePartitionTable,
  movedTableOffsets,
  PARTITION_TABLE_BYTES,
  readPartitionTable,
  type Partition,
  type PartitionTable,
} from '../../formats/esp-image/partition-table.ts'
import type { EspLoader } from './esp-loader.ts'
import { SECTOR_BYTES } from './sectors.ts'

export interface BoardSlot {
  readonly partition: Partition
  /** Whether an image's header is there; whether it is sound only the bootloader finds out. */
  readonly hasImage: boolean
  readonly app: AppDescriptor | null
}

export interface BoardMap {
  /** Whether an image's header is where the ROM looks for it: the bootloader's, with the ESP8266 the program's. */
  readonly hasBootloader: boolean
  /** Whether the place of the bootloader is erased, so that nothing starts. */
  readonly isBlank: boolean
  /** Where the bootloader looks for the table, as far as it shows: where one was found, else the usual place. */
  readonly tableOffset: number
  /** Null: none was found, it is damaged, or it is encrypted. */
  readonly partitions: readonly Partition[] | null
  readonly otaRecords: readonly OtaRecord[]
  readonly slots: readonly BoardSlot[]
  /** What the bootloader tries first; null without a table. */
  readonly active: BoardSlot | null
  /** Whether the app that runs is on trial: a restart takes it back, unless it said before that it is well. */
  readonly isOnTrial: boolean
}

const DESCRIPTOR_AT = HEADER_BYTES + SEGMENT_HEADER_BYTES
/** A ROM reads 64 bytes a command, so no more is read than is looked at. */
const HEAD_BYTES = DESCRIPTOR_AT + APP_DESCRIPTOR_BYTES
const OTA_RECORD_BYTES = 32
const TABLE_HEAD_BYTES = 32
/** A flash has room for 16 update slots, a factory app and a test app. */
const MOST_SLOTS = 18

/** @throws {FlashproofError} loader.*, network.*, serial.* */
export async function readBoardMap(loader: EspLoader): Promise<BoardMap> {
  const { bootloaderOffset } = loader.facts.chip
  const head = await readFlash(loader, bootloaderOffset, DESCRIPTOR_AT)
  const hasBootloader = looksLikeImage(head) !== 'no'
  const { table, tableOffset } = await findTable(loader)
  const start = { hasBootloader, isBlank: isFilledWith(head, 0xff), tableOffset }
  if (table === null || table.md5Valid === false) {
    return { ...start, partitions: null, otaRecords: [], slots: [], active: null, isOnTrial: false }
  }
  const { partitions } = table
  const otaData = otaDataPartition(partitions)
  const otaRecords = otaData === null ? [] : readOtaRecords(await readOtaHeads(loader, otaData.offset))
  const slots: BoardSlot[] = []
  for (const partition of partitions.filter(({ type }) => type === 'app').slice(0, MOST_SLOTS)) {
    slots.push(await readSlot(loader, partition))
  }
  const chosen = chosenPartition(partitions, otaRecords)
  const active = slots.find(({ partition }) => partition === chosen) ?? null
  const state = activeOtaRecord(otaRecords)?.state
  const isOnTrial = state === 'new' || state === 'pending-verify'
  return { ...start, partitions, otaRecords, slots, active, isOnTrial }
}

interface FoundTable {
  readonly table: PartitionTable | null
  readonly tableOffset: number
}

/**
 * Looks at the usual place; where there is none, at the places that projects move it to. There its MD5 must be right, and it
 * must be the only one: another project may have left a table behind. Whether a bootloader is there does not count: a run
 * that goes on where another broke off may find it erased, and must still know which partitions are the board's own.
 */
async function findTable(loader: EspLoader): Promise<FoundTable> {
  const table = await readTable(loader, DEFAULT_TABLE_OFFSET)
  const usual = { table, tableOffset: DEFAULT_TABLE_OFFSET }
  const { chip, flashBytes } = loader.facts
  // The ESP8266 has none.
  if (table !== null || chip.imageChipId === null) return usual
  const places = movedTableOffsets(chip.bootloaderOffset + SECTOR_BYTES).filter(
    offset => flashBytes === null || offset + SECTOR_BYTES <= flashBytes,
  )
  if (await isErased(loader, places)) return usual
  const found: FoundTable[] = []
  for (const tableOffset of places) {
    if (!looksLikePartitionTable(await readFlash(loader, tableOffset, TABLE_HEAD_BYTES))) continue
    const moved = await readTable(loader, tableOffset)
    if (moved?.md5Valid === true) found.push({ table: moved, tableOffset })
  }
  const [only, second] = found
  return only !== undefined && second === undefined ? only : usual
}

/** One question in place of dozens: a board that was never written is the usual one without a table. */
async function isErased(loader: EspLoader, sectors: readonly number[]): Promise<boolean> {
  const [first] = sectors
  const last = sectors.at(-1)
  if (!loader.abilities.hasMd5 || first === undefined || last === undefined) return false
  const sizeBytes = last + SECTOR_BYTES - first
  const ofErased = createHash('md5').update(Buffer.alloc(sizeBytes, 0xff)).digest('hex')
  return (await loader.md5(first, sizeBytes)).toLowerCase() === ofErased
}

async function readTable(loader: EspLoader, offset: number): Promise<PartitionTable | null> {
  return readPartitionTable(await readFlash(loader, offset, PARTITION_TABLE_BYTES))
}

async function readSlot(loader: EspLoader, partition: Partition): Promise<BoardSlot> {
  const { flashBytes } = loader.facts
  // A table for a larger flash is no reason to read past the end of this one.
  if (flashBytes !== null && partition.offset + HEAD_BYTES > flashBytes) {
    return { partition, hasImage: false, app: null }
  }
  const head = await readFlash(loader, partition.offset, HEAD_BYTES)
  const hasImage = looksLikeImage(head) !== 'no'
  return { partition, hasImage, app: hasImage ? readAppDescriptor(head, DESCRIPTOR_AT) : null }
}

/** Both sectors of otadata, of which only the records are read. */
async function readOtaHeads(loader: EspLoader, offset: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(OTA_DATA_BYTES).fill(0xff)
  for (const at of [0, OTA_SECTOR_BYTES]) bytes.set(await readFlash(loader, offset + at, OTA_RECORD_BYTES), at)
  return bytes
}

async function readFlash(loader: EspLoader, offset: number, sizeBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes)
  let at = 0
  for await (const piece of loader.read(offset, sizeBytes)) {
    bytes.set(piece.subarray(0, sizeBytes - at), at)
    at += piece.length
  }
  return bytes
}
