/**
 * An application alone: into the slot that does not run, with the choice of the slot last, so that a pulled cable always
 * leaves a board that starts. Into the slot that runs, or the only one, only after a person was asked. Pure.
 */
import { FlashproofError } from '../../../shared/errors.ts'
import { assertFlashableAs } from '../../formats/esp-image/assert-flashable.ts'
import { chosenPartition, otaDataPartition, otaSlots, switchToSlot } from '../../formats/esp-image/boot-choice.ts'
import { OTA_DATA_BYTES, OTA_SECTOR_BYTES } from '../../formats/esp-image/ota-data.ts'
import type { Partition } from '../../formats/esp-image/partition-table.ts'
import type { Judgement } from '../judgement.ts'
import { assertPieceFits } from './checks.ts'
import { OVERWRITE_RUNNING } from './decisions.ts'
import type { FlashRegion } from './flash-regions.ts'
import type { EspOptions } from './options.ts'
import type { Board, PlanDraft, PlannedWrite } from './plan.ts'
import type { BoardMap } from './partition-map.ts'
import type { PlacedImage } from './place-image.ts'

type Draft = Omit<PlannedWrite, 'isCritical'>

/** @throws {FlashproofError} image.*, option.invalid */
export function planApp(
  { image, bytes }: Extract<PlacedImage, { readonly kind: 'app' }>,
  board: Board,
  options: EspOptions,
  earlierPath: string | null,
): PlanDraft {
  const { map, facts } = board
  const partitions = map?.partitions ?? []
  const target = targetOf(partitions, map, options, earlierPath)
  if (target === null) throw noSlot(partitions, options)
  assertFlashableAs(image.inspection, {
    slot: 'app',
    chip: facts.chip.name,
    slotBytes: target.sizeBytes,
    ...(facts.revision === null ? {} : { chipRevision: facts.revision }),
  })
  const region: FlashRegion = { ...placed(target), what: 'app' }
  const app: Draft = { offset: target.offset, bytes, imageBytes: bytes.length, region }
  assertPieceFits(app, board, image.fileName)
  const writes = [app]
  const active = map?.active?.partition ?? null
  const isRunning = target.offset === active?.offset
  if (!isRunning) writes.push(...switchTo(target, partitions, map))
  // An earlier try may have switched the board over to it already.
  const isAsked = isRunning && target.subtype !== earlierPath
  const judgements = isAsked ? [overwriteQuestion(target, partitions)] : []
  return { writes, leftAlone: [], partitions, starts: target, isTableLost: false, judgements }
}

function targetOf(
  partitions: readonly Partition[],
  map: BoardMap | null,
  { slot }: EspOptions,
  earlierPath: string | null,
): Partition | null {
  const bySubtype = (subtype: string): Partition | null =>
    partitions.find(({ type, subtype: found }) => type === 'app' && found === subtype) ?? null
  const active = map?.active?.partition ?? chosenPartition(partitions, map?.otaRecords ?? [])
  if (slot === 'active') return active
  if (slot !== 'inactive') return bySubtype(slot)
  // The slot of an earlier try, even if the board was switched over to it already.
  const earlier = earlierPath === null ? null : bySubtype(earlierPath)
  if (earlier !== null) return earlier
  const slots = otaSlots(partitions)
  if (otaDataPartition(partitions) === null) return active
  const activeIndex = active === null ? -1 : slots.indexOf(active)
  const next = slots[(activeIndex + 1) % Math.max(1, slots.length)]
  return next ?? active
}

/** What makes the bootloader start a slot; nothing where the table has no otadata. */
function switchTo(target: Partition, partitions: readonly Partition[], map: BoardMap | null): Draft[] {
  const otaData = otaDataPartition(partitions)
  const records = map?.otaRecords ?? []
  if (otaData === null || chosenPartition(partitions, records) === target) return []
  const region: FlashRegion = { ...placed(otaData), what: 'otadata' }
  return [{ ...switchBytes(target, otaData, partitions, records), imageBytes: 0, region }]
}

/** The bytes of otadata that make the bootloader start `target`: one sector for an update slot, both erased for factory. */
export function switchBytes(
  target: Partition,
  otaData: Partition,
  partitions: readonly Partition[],
  records: BoardMap['otaRecords'],
): { readonly offset: number; readonly bytes: Uint8Array } {
  const slots = otaSlots(partitions)
  const slot = slots.indexOf(target)
  // Without a record in force the factory app is started.
  if (slot < 0) return { offset: otaData.offset, bytes: new Uint8Array(OTA_DATA_BYTES).fill(0xff) }
  const { sector, bytes } = switchToSlot(slot, slots.length, records)
  return { offset: otaData.offset + sector * OTA_SECTOR_BYTES, bytes }
}

function placed(partition: Partition): Omit<FlashRegion, 'what'> {
  const { label, subtype, offset, sizeBytes } = partition
  return { place: label === '' ? subtype : label, offset, sizeBytes, partition }
}

function noSlot(partitions: readonly Partition[], { slot }: EspOptions): FlashproofError {
  const apps = partitions.filter(({ type }) => type === 'app').map(({ subtype }) => subtype)
  const text = apps.length === 0 ? 'the board’s table has no app slot' : `the board has no slot “${slot}”`
  return new FlashproofError('option.invalid', text, { key: 'slot', given: slot, known: apps })
}

/** Asks before the app that the board starts is written over in place. */
export function overwriteQuestion({ label }: Partition, partitions: readonly Partition[]): Judgement {
  const apps = partitions.filter(({ type }) => type === 'app')
  const isOnly = apps.length === 1
  return {
    kind: 'question',
    code: OVERWRITE_RUNNING,
    typed: null,
    details: { slot: label, isOnly },
    text: {
      en: `${isOnly ? 'The board has only one app slot' : 'The board starts from this slot'} (“${label}”): until all is written it cannot start, and a pulled cable leaves it so until the job goes on. Write over it?`,
      vi: `${isOnly ? 'Bo mạch chỉ có một khe ứng dụng' : 'Bo mạch khởi động từ khe này'} (“${label}”): trước khi ghi xong, bo mạch không khởi động được; rút cáp giữa chừng thì phải ghi tiếp. Ghi đè chứ?`,
    },
  }
}
