/** Decides what a file is for this board: an application for a slot, or pieces with addresses. Pure. */
import { FlashproofError } from '../../../shared/errors.ts'
import type { EspChip } from '../../formats/esp-image/chips.ts'
import { findMergedImage } from '../../formats/esp-image/merged-image.ts'
import { otaDataPartition } from '../../formats/esp-image/boot-choice.ts'
import { DEFAULT_TABLE_OFFSET } from '../../formats/esp-image/partition-table.ts'
import type { Segment } from '../../image/memory-image.ts'
import type { EspOptions } from './options.ts'
import type { Board, PlanImage } from './plan.ts'

export type PlacedImage =
  | { readonly kind: 'app'; readonly image: PlanImage; readonly bytes: Uint8Array }
  | {
      readonly kind: 'set'
      readonly segments: readonly Segment[]
      /** Whether runs of FF in it may be padding: of merged files, not of files that state each address. */
      readonly hasFiller: boolean
      /** Whether it is written as it is, so that nothing is added to make it start. */
      readonly isRaw: boolean
    }

/** @throws {FlashproofError} image.address-needed, image.wrong-kind, option.invalid */
export function placeImage(image: PlanImage, board: Board, options: EspOptions): PlacedImage {
  const { inspection, isAddressed, segments, fileName } = image
  const { address, mode } = options
  if (inspection.stm32?.isPlausible === true && inspection.esp === null && mode !== 'raw') {
    const text = `${fileName} is firmware for an STM32, and an ${board.facts.chip.name} answers`
    throw new FlashproofError('image.wrong-kind', text, { file: fileName, found: 'stm32' })
  }
  if (isAddressed) {
    if (mode === 'app' || address !== null) throw addressStated(image)
    return { kind: 'set', segments, hasFiller: false, isRaw: mode === 'raw' }
  }
  const bytes = segments[0]?.bytes ?? new Uint8Array()
  if (address !== null) return at(address, bytes)
  const kind = inspection.esp?.kind ?? null
  if (mode === 'app' && kind !== 'app') throw wrongKind(image, 'app')
  if (mode === 'set' && kind !== 'merged') throw wrongKind(image, 'merged')
  if (kind === 'app' && mode !== 'raw') return placeApp(image, board, bytes)
  if (kind === null || mode === 'raw') throw addressNeeded(image, board.facts.chip)
  if (kind === 'merged') {
    const start = findMergedImage(bytes)?.flashStart ?? 0
    return { kind: 'set', segments: [{ address: start, bytes }], hasFiller: true, isRaw: false }
  }
  return at(placeOfKind(image, kind, board), bytes)
}

function placeApp(image: PlanImage, board: Board, bytes: Uint8Array): PlacedImage {
  // The ESP8266 has no partition table: its one program begins at the first byte.
  if (board.facts.chip.imageChipId === null) return at(0, bytes)
  const partitions = board.map?.partitions ?? null
  if (partitions !== null) return { kind: 'app', image, bytes }
  const why =
    board.map === null
      ? 'the loader at hand cannot read the board’s partition table'
      : 'the board has no partition table that could be read; a new board wants a full set'
  throw new FlashproofError('image.address-needed', `${image.fileName}: ${why}`, {
    file: image.fileName,
    option: 'address',
    usual: '0x10000',
  })
}

function placeOfKind(image: PlanImage, kind: string, board: Board): number {
  switch (kind) {
    case 'bootloader':
      return board.facts.chip.bootloaderOffset
    case 'partition-table':
      return board.map?.tableOffset ?? DEFAULT_TABLE_OFFSET
    default: {
      const otaData = otaDataPartition(board.map?.partitions ?? [])
      if (otaData !== null) return otaData.offset
      const text = `${image.fileName} chooses an app slot, and no place for that was found on the board`
      throw new FlashproofError('image.address-needed', text, { file: image.fileName, option: 'address' })
    }
  }
}

function at(address: number, bytes: Uint8Array): PlacedImage {
  return { kind: 'set', segments: [{ address, bytes }], hasFiller: false, isRaw: true }
}

function addressStated({ fileName }: PlanImage): FlashproofError {
  return new FlashproofError('option.invalid', `${fileName} states its addresses itself`, {
    key: 'address',
    expected: 'no address, and the mode auto, set or raw, for a file that carries addresses',
  })
}

function wrongKind({ fileName, inspection }: PlanImage, wanted: string): FlashproofError {
  const found = inspection.esp?.kind ?? null
  const text = `${fileName} is ${found === null ? 'no Espressif image' : `a file of another kind (${found})`}`
  return new FlashproofError('image.wrong-kind', text, { file: fileName, wanted, found })
}

function addressNeeded({ fileName }: PlanImage, chip: EspChip): FlashproofError {
  return new FlashproofError('image.address-needed', `${fileName} does not say where in flash it belongs`, {
    file: fileName,
    chip: chip.name,
    option: 'address',
  })
}
