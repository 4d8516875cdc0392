/**
 * Pieces at their own addresses: a merged image, a set with addresses, a single bootloader or table, bytes at an address
 * that was named. Filler over the board's own data stays unwritten, and an app slot that would not start is switched to.
 * Pure.
 */
import { FlashproofError } from '../../../shared/errors.ts'
import { formatAddress } from '../../../shared/units.ts'
import { assertFlashableAs } from '../../formats/esp-image/assert-flashable.ts'
import { chosenPartition, otaDataPartition } from '../../formats/esp-image/boot-choice.ts'
import { looksLikeImage } from '../../formats/esp-image/image-header.ts'
import { isFilledWith } from '../../formats/esp-image/little-endian.ts'
import { readOtaRecords } from '../../formats/esp-image/ota-data.ts'
import {
  DEFAULT_TABLE_OFFSET,
  movedTableOffsets,
  readPartitionTable,
  type Partition,
  type PartitionTable,
} from '../../formats/esp-image/partition-table.ts'
import type { Judgement } from '../judgement.ts'
import { overwriteQuestion, switchBytes } from './app-plan.ts'
import { assertPieceFits, judgePartSectors } from './checks.ts'
import { cutAtRegions, joinRuns, regionsOf, type FlashPiece } from './flash-regions.ts'
import type { EspOptions } from './options.ts'
import type { BoardMap } from './partition-map.ts'
import type { PlacedImage } from './place-image.ts'
import type { Board, PlanDraft, PlanImage } from './plan.ts'
import { SECTOR_BYTES, type FlashRun } from './sectors.ts'
import { judgeTableChange, judgeTableLoss, type BroughtTable } from './table-change.ts'

/** @throws {FlashproofError} image.* */
export function planSet(
  placed: Extract<PlacedImage, { readonly kind: 'set' }>,
  image: PlanImage,
  board: Board,
  options: EspOptions,
): PlanDraft {
  const { facts, map } = board
  const runs = joinRuns(placed.segments)
  assertWhole(image, board)
  assertInFlash(runs, board, image.fileName)
  const hasBootloader = bringsBootloader(runs, board)
  const brought = tableIn(runs, hasBootloader, board)
  const partitions = brought?.partitions ?? map?.partitions ?? null
  const tableOffset = brought?.offset ?? map?.tableOffset ?? DEFAULT_TABLE_OFFSET
  const pieces = cutAtRegions(runs, regionsOf(facts.chip, tableOffset, partitions), placed.segments)
  for (const piece of pieces) assertPieceFits(piece, board, image.fileName)
  const isLeftAlone = (piece: FlashPiece): boolean =>
    placed.hasFiller && !options.writeFill && isFillerOverData(piece, map)
  const writes = pieces.filter(piece => !isLeftAlone(piece))
  const choice = chooseStart(writes, partitions, map, placed.isRaw)
  const added = choice.added === null ? [] : [choice.added]
  const isTableLost = brought === null && writes.some(({ region }) => region.what === 'partition-table')
  return {
    writes: [...writes, ...added],
    leftAlone: pieces
      .filter(isLeftAlone)
      .map(({ offset, bytes, region }) => ({ offset, sizeBytes: bytes.length, place: region.place })),
    partitions,
    starts: choice.starts,
    isTableLost,
    judgements: [
      ...judgePartSectors(placed.segments),
      ...(isTableLost ? judgeTableLoss(board) : judgeTableChange(brought, hasBootloader, board)),
      ...judgeAppInPlace(writes, map),
      ...judgeOtherStart(writes, choice.starts),
    ],
  }
}

/** Damage, chip and revision, as far as the file as a whole tells them. */
function assertWhole({ inspection }: PlanImage, { facts }: Board): void {
  if (inspection.esp === null) return
  assertFlashableAs(inspection, {
    slot: inspection.esp.kind,
    chip: facts.chip.name,
    ...(facts.revision === null ? {} : { chipRevision: facts.revision }),
  })
}

function assertInFlash(runs: readonly FlashRun[], { facts }: Board, fileName: string): void {
  const { flashBytes } = facts
  if (flashBytes === null) return
  const run = runs.find(({ offset, bytes }) => offset + bytes.length > flashBytes)
  if (run === undefined) return
  const end = run.offset + run.bytes.length
  throw new FlashproofError(
    'image.outside-flash',
    `${fileName} reaches from ${formatAddress(run.offset)} to ${formatAddress(end)}; this chip’s flash ends at ${formatAddress(flashBytes)}`,
    { file: fileName, address: run.offset, end, flashBytes },
  )
}

/**
 * The table that the file brings where the bootloader looks for it; null where it brings none that a bootloader takes. Where
 * that is the bootloader itself knows: the one that the file brings, for which the file speaks, or the board's.
 */
function tableIn(runs: readonly FlashRun[], hasBootloader: boolean, { facts, map }: Board): BroughtTable | null {
  const { bootloaderOffset } = facts.chip
  const own = hasBootloader || (map?.partitions ?? null) === null ? null : map
  const usual = own?.tableOffset ?? DEFAULT_TABLE_OFFSET
  const table = tableAt(runs, usual)
  // A damaged one at the usual place is the one that the bootloader will not take.
  if (table !== null) return table.md5Valid === false ? null : { offset: usual, partitions: table.partitions }
  const moved = own === null ? movedTableOffsets(bootloaderOffset + SECTOR_BYTES) : []
  const found = moved.flatMap(offset => {
    const other = tableAt(runs, offset)
    return other?.md5Valid === true ? [{ offset, partitions: other.partitions }] : []
  })
  const [only, second] = found
  return second === undefined ? (only ?? null) : null
}

function bringsBootloader(runs: readonly FlashRun[], { facts }: Board): boolean {
  const at = facts.chip.bootloaderOffset
  return runs.some(({ offset, bytes }) => offset <= at && looksLikeImage(bytes, at - offset) !== 'no')
}

function tableAt(runs: readonly FlashRun[], offset: number): PartitionTable | null {
  const run = runs.find(({ offset: from, bytes }) => from <= offset && offset < from + bytes.length)
  return run === undefined ? null : readPartitionTable(run.bytes, offset - run.offset)
}

/** FF over a data partition that the board has now and keeps: settings and files that the file knows nothing of. */
function isFillerOverData({ region, bytes }: FlashPiece, map: BoardMap | null): boolean {
  const { partition } = region
  // The choice of the app slot is no data: padding there means that none is made.
  if (region.what !== 'data' || partition === null) return false
  const isOwn = (map?.partitions ?? []).some(
    own =>
      own.type === partition.type &&
      own.subtype === partition.subtype &&
      own.offset === partition.offset &&
      own.sizeBytes === partition.sizeBytes,
  )
  return isOwn && isFilledWith(bytes, 0xff)
}

interface StartChoice {
  readonly starts: Partition | null
  readonly added: FlashPiece | null
}

/** What starts when all is written; with one app in the file, and no choice of its own, the choice is added. */
function chooseStart(
  writes: readonly FlashPiece[],
  partitions: readonly Partition[] | null,
  map: BoardMap | null,
  isRaw: boolean,
): StartChoice {
  if (partitions === null) return { starts: null, added: null }
  const otaData = otaDataPartition(partitions)
  const written = writes.find(({ region }) => region.what === 'otadata')
  // What is chosen now nobody knows where the loader at hand cannot read.
  if (map === null && written === undefined && otaData !== null) return { starts: null, added: null }
  const isSamePlace = otaDataPartition(map?.partitions ?? [])?.offset === otaData?.offset
  const records =
    written === undefined || otaData === null
      ? isSamePlace
        ? (map?.otaRecords ?? [])
        : []
      : readOtaRecords(written.bytes, otaData.offset - written.offset)
  const starts = chosenPartition(partitions, records)
  const apps = writes.filter(isAppImage)
  const [only] = apps
  const app = only?.region.partition ?? null
  if (isRaw || written !== undefined || otaData === null || apps.length !== 1 || app === null || app === starts) {
    return { starts, added: null }
  }
  const region = regionOf(otaData)
  return { starts: app, added: { ...switchBytes(app, otaData, partitions, records), imageBytes: 0, region } }
}

function regionOf(partition: Partition): FlashPiece['region'] {
  const { label, subtype, offset, sizeBytes } = partition
  return { what: 'otadata', place: label === '' ? subtype : label, offset, sizeBytes, partition }
}

function isAppImage({ region, offset, bytes }: FlashPiece): boolean {
  return region.what === 'app' && offset === region.offset && looksLikeImage(bytes) !== 'no'
}

/** Asks before an app alone goes over the one that runs; a full set says itself that it makes the board anew. */
function judgeAppInPlace(writes: readonly FlashPiece[], map: BoardMap | null): Judgement[] {
  const active = map?.active ?? null
  const isWhole = writes.some(({ region }) => region.what === 'bootloader' || region.what === 'partition-table')
  if (isWhole || active?.hasImage !== true) return []
  const { partition } = active
  const isOver = writes.some(piece => isAppImage(piece) && piece.offset === partition.offset)
  return isOver ? [overwriteQuestion(partition, map?.partitions ?? [])] : []
}

/** Says it when the board will go on starting another slot than the one that is written. */
function judgeOtherStart(writes: readonly FlashPiece[], starts: Partition | null): Judgement[] {
  const apps = writes.filter(isAppImage)
  if (starts === null || apps.length === 0 || apps.some(({ region }) => region.offset === starts.offset)) return []
  const places = apps.map(({ region }) => `“${region.place}”`).join(', ')
  return [
    {
      kind: 'warning',
      code: 'other-slot-starts',
      text: {
        en: `The board goes on starting “${starts.label}”; this file writes ${places}.`,
        vi: `Bo mạch vẫn khởi động từ “${starts.label}”; tệp này ghi vào ${places}.`,
      },
    },
  ]
}
