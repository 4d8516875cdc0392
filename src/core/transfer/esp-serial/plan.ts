/**
 * What is written where, in which order, and what must be known or asked before: made from the image, the options and what
 * the board has, without touching either. Pure.
 *
 * The order keeps a board startable as long as it can: first what nothing starts from (data, slots that do not run), then
 * the app that runs, then bootloader and partition table, which are small and so take the shortest time, and the choice of
 * the app slot last of all, when everything that it points to is proven.
 */
import type { BoardNow, Inspection } from '../../../shared/contract/models.ts'
import type { Partition } from '../../formats/esp-image/partition-table.ts'
import type { Segment } from '../../image/memory-image.ts'
import type { Judgement } from '../judgement.ts'
import { planApp } from './app-plan.ts'
import type { EspAbilities, EspFacts } from './esp-loader.ts'
import type { FlashRegion } from './flash-regions.ts'
import type { EspOptions } from './options.ts'
import type { BoardMap } from './partition-map.ts'
import { placeImage } from './place-image.ts'
import type { FlashRange, FlashRun } from './sectors.ts'
import { planSet } from './set-plan.ts'
import { boardAfter, judgeStartLoss } from './start-after.ts'

export interface PlanImage {
  readonly fileName: string
  /** Whether the segments' addresses came from the file. */
  readonly isAddressed: boolean
  readonly segments: readonly Segment[]
  readonly inspection: Inspection
}

export interface Board {
  readonly facts: EspFacts
  readonly abilities: EspAbilities
  /** Null: the loader at hand cannot read flash. */
  readonly map: BoardMap | null
}

export interface PlannedWrite extends FlashRun {
  readonly region: FlashRegion
  readonly imageBytes: number
  /** Whether the board cannot start while this is half written. */
  readonly isCritical: boolean
}

export interface Plan {
  /** In the order in which they are written. */
  readonly writes: readonly PlannedWrite[]
  /** Filler of the file that is not written, because the board keeps its data there. */
  readonly leftAlone: readonly (FlashRange & { readonly place: string })[]
  /** Where it goes, for the ledger: the subtype of the one app slot that it goes to, or `flash`. */
  readonly targetPath: string
  /** What the board holds when everything is proven. */
  readonly boardAfter: BoardNow
  readonly judgements: readonly Judgement[]
}

/** `targetPath` of what is not one update slot alone. */
export const WHOLE_FLASH = 'flash'

/** What a plan is made of by `app-plan.ts` and `set-plan.ts`. */
export interface PlanDraft {
  readonly writes: readonly Omit<PlannedWrite, 'isCritical'>[]
  readonly leftAlone: Plan['leftAlone']
  /** The table in force when all is written; null where nobody knows it. */
  readonly partitions: readonly Partition[] | null
  /** The app partition that the bootloader then tries first; null where nobody knows. */
  readonly starts: Partition | null
  /** Whether the board's table is written over with what is none. */
  readonly isTableLost: boolean
  readonly judgements: readonly Judgement[]
}

/**
 * @param earlierPath where an earlier run of the same job wrote to, so that it is gone on with there
 * @throws {FlashproofError} image.*, option.invalid: the refusal
 */
export function makePlan(image: PlanImage, board: Board, options: EspOptions, earlierPath: string | null): Plan {
  const placed = placeImage(image, board, options)
  const draft =
    placed.kind === 'app' ? planApp(placed, board, options, earlierPath) : planSet(placed, image, board, options)
  const writes = draft.writes
    .map(write => ({ ...write, isCritical: isCritical(write, board.map) }))
    .sort((left, right) => stageOf(left) - stageOf(right) || left.offset - right.offset)
  return {
    writes,
    leftAlone: draft.leftAlone,
    targetPath: targetPathOf(writes),
    boardAfter: boardAfter(draft, board),
    judgements: [...draft.judgements, ...judgeStartLoss(draft, board)],
  }
}

type PlannedRun = Pick<PlannedWrite, 'region' | 'offset' | 'bytes'>

/** Whether the board starts from there, as far as it was read; where it was not, everything may be what it starts from. */
function isCritical({ region, offset, bytes }: PlannedRun, map: BoardMap | null): boolean {
  const active = map?.active ?? null
  if (active?.hasImage !== true) return true
  const { what } = region
  if (what === 'bootloader' || what === 'partition-table') return true
  // A restart takes an app on trial back, and then the other slot must be whole.
  if (map?.isOnTrial === true && what === 'app') return true
  // By the bytes: in a new table another partition may lie where the app is that still runs. Of otadata one of the two
  // sectors is in force all the time.
  const { partition } = active
  return offset < partition.offset + partition.sizeBytes && offset + bytes.length > partition.offset
}

function stageOf({ region, isCritical: critical }: PlannedWrite): number {
  switch (region.what) {
    case 'data':
      return critical ? 2 : 0
    case 'app':
      return critical ? 2 : 1
    case 'bootloader':
      return 3
    case 'partition-table':
      return 4
    case 'otadata':
      return 5
  }
}

function targetPathOf(writes: readonly PlannedWrite[]): string {
  const apps = writes.filter(({ region }) => region.what === 'app')
  const [only] = apps
  const isSlotAlone = writes.every(({ region, isCritical: critical }) => !critical && region.what !== 'data')
  const partition = only?.region.partition ?? null
  return isSlotAlone && apps.length === 1 && partition !== null ? partition.subtype : WHOLE_FLASH
}
