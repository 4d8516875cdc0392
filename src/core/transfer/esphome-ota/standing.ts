/** What a board holds, and whether it may be unplugged, around an update to the slot that does not run. */
import type { BoardNow, Unplug } from '../../../shared/contract/models.ts'
import type { TransferReport } from '../transfer-protocol.ts'

export interface BoardStanding {
  readonly boardNow: BoardNow
  readonly unplug: Unplug
}

export const standing = {
  /** The image goes to the inactive slot: until the device has all of it, what runs is as it was. */
  untouched: { boardNow: 'old-firmware', unplug: 'safe' },
  /** An earlier image may have been taken, or not: a whole program runs in both cases. */
  either: { boardNow: 'unknown', unplug: 'safe' },
  /** The device may be finishing the update, or restarting into it. */
  unclear: { boardNow: 'unknown', unplug: 'keep-powered' },
} as const satisfies Readonly<Record<string, BoardStanding>>

/** The device said that the update is done; what it starts is not seen yet. */
export const afterSuccess: TransferReport = { outcome: 'answered', boardNow: 'unknown', unplug: 'safe' }

export const afterLostAnswer: TransferReport = { outcome: 'outcome-unknown', ...standing.unclear }
