/**
 * Whether the board starts once everything is written: the bootloader, the table and the app of the choice, each of which
 * is kept, brought or lost. What would be lost without anything in its place is asked about first. Pure.
 */
import { formatAddress } from '../../../shared/units.ts'
import { looksLikeImage } from '../../formats/esp-image/image-header.ts'
import type { Partition } from '../../formats/esp-image/partition-table.ts'
import type { Judgement } from '../judgement.ts'
import { OVERWRITE_START } from './decisions.ts'
import type { FlashPiece, RegionKind } from './flash-regions.ts'
import type { Board, Plan } from './plan.ts'

/** What a person types to accept it. */
const WORD = 'overwrite'

/** How a place that a program lies at stands once everything is written. */
type ProgramAfter =
  | 'kept'
  | 'brought'
  /** What is written at its beginning is no program. */
  | 'broken'
  /** Written over behind its beginning, or never read. */
  | 'unsure'
  | 'none'

export interface StartParts {
  readonly writes: readonly FlashPiece[]
  /** The app partition that the bootloader then tries first; null where nobody knows. */
  readonly starts: Partition | null
  /** Whether the board's table is written over with what is none. */
  readonly isTableLost: boolean
}

/** Asks before bytes that are no program go over the bootloader, or over the app that is to start. */
export function judgeStartLoss({ writes, starts }: StartParts, board: Board): Judgement[] {
  // What an encrypted flash holds, and what goes there, cannot be told; that is asked about by itself.
  if (isEncrypted(board)) return []
  const ofBootloader = board.map?.hasBootloader !== false && isLoss(bootloaderAfter(writes, board))
  const ofApp = starts !== null && hasImageAt(board, starts) && isLoss(appAfter(writes, starts, board))
  const first = writes.find(
    piece => (ofBootloader && piece.region.what === 'bootloader') || (ofApp && overlaps(piece, starts)),
  )
  if (first === undefined) return []
  const place = formatAddress(first.offset)
  const { place: name } = first.region
  return [
    {
      kind: 'question',
      code: OVERWRITE_START,
      typed: WORD,
      details: { place: name, address: first.offset },
      text: {
        en: `What is written at ${place} is no program, and lies over what the board starts from (“${name}”): it may not start any more. Write it all the same?`,
        vi: `Dữ liệu ghi tại ${place} không phải chương trình và đè lên phần mà bo mạch khởi động từ đó (“${name}”): bo mạch có thể không khởi động nữa. Vẫn ghi chứ?`,
      },
    },
  ]
}

function isLoss(after: ProgramAfter): boolean {
  return after === 'broken' || after === 'unsure'
}

/** What the board holds when everything is proven. */
export function boardAfter(parts: StartParts, board: Board): Plan['boardAfter'] {
  const { writes, starts, isTableLost } = parts
  const bootloader = bootloaderAfter(writes, board)
  if (isEncrypted(board)) return 'unknown'
  if (bootloader === 'broken' || isTableLost) return 'not-bootable'
  // The one program of an ESP8266 lies where other chips have their bootloader.
  if (board.facts.chip.imageChipId === null) return programOf(bootloader)
  if (starts === null || bootloader === 'none' || bootloader === 'unsure') return 'unknown'
  const app = appAfter(writes, starts, board)
  // Where another slot holds an app, the bootloader may fall back to it.
  if (app === 'broken') return hasOtherApp(board, starts) ? 'unknown' : 'not-bootable'
  if (app !== 'kept') return programOf(app)
  const isAppLeft = brings(writes, 'app') || !writes.some(({ region }) => region.what !== 'data')
  return isAppLeft ? 'old-firmware' : 'new-firmware'
}

function programOf(after: ProgramAfter): Plan['boardAfter'] {
  if (after === 'brought') return 'new-firmware'
  return after === 'kept' ? 'old-firmware' : 'unknown'
}

function bootloaderAfter(writes: readonly FlashPiece[], { map }: Board): ProgramAfter {
  const pieces = writes.filter(({ region }) => region.what === 'bootloader')
  if (pieces.length === 0) return map === null ? 'unsure' : map.hasBootloader ? 'kept' : 'none'
  const first = pieces.find(({ offset, region }) => offset === region.offset)
  return first === undefined ? 'unsure' : imageIn(first)
}

function appAfter(writes: readonly FlashPiece[], starts: Partition, board: Board): ProgramAfter {
  const pieces = writes.filter(piece => overlaps(piece, starts))
  if (pieces.length === 0) return hasImageAt(board, starts) ? 'kept' : 'none'
  const first = pieces.find(({ offset }) => offset === starts.offset)
  return first === undefined ? 'unsure' : imageIn(first)
}

function imageIn({ bytes }: FlashPiece): ProgramAfter {
  return looksLikeImage(bytes) === 'no' ? 'broken' : 'brought'
}

function overlaps({ offset, bytes }: FlashPiece, partition: Partition): boolean {
  return offset < partition.offset + partition.sizeBytes && offset + bytes.length > partition.offset
}

function brings(writes: readonly FlashPiece[], what: RegionKind): boolean {
  return writes.some(({ region }) => region.what === what)
}

function hasImageAt({ map }: Board, { offset }: Partition): boolean {
  return map?.slots.some(({ partition, hasImage }) => hasImage && partition.offset === offset) === true
}

function hasOtherApp({ map }: Board, { offset }: Partition): boolean {
  return map?.slots.some(({ partition, hasImage }) => hasImage && partition.offset !== offset) === true
}

function isEncrypted({ facts }: Board): boolean {
  return facts.security?.isFlashEncrypted === true
}
