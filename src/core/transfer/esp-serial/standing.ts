/** What a board holds, and whether it may be unplugged, while it is written over a serial line. */
import type { BoardNow, Unplug } from '../../../shared/contract/models.ts'

export interface BoardStanding {
  readonly boardNow: BoardNow
  readonly unplug: Unplug
}

export const standing = {
  /** Nothing that the board starts from was touched. */
  untouched: { boardNow: 'old-firmware', unplug: 'safe' },
  /** Nothing was touched, and what the board starts from could not be told. */
  unsure: { boardNow: 'unknown', unplug: 'safe' },
  /** A file system or settings are half written; the program is as it was. */
  half: { boardNow: 'unknown', unplug: 'keep-powered' },
  /** The board starts from what is half written. */
  broken: { boardNow: 'not-bootable', unplug: 'keep-powered' },
  /** The choice of the app slot is being written: the old app or the new one starts, both whole. */
  switching: { boardNow: 'unknown', unplug: 'keep-powered' },
  /** The choice was made and proven; whether what starts is well shows only then. */
  switched: { boardNow: 'new-firmware', unplug: 'safe' },
  /** A new board, or one whose flash was erased: there is nothing to lose. */
  empty: { boardNow: 'not-bootable', unplug: 'safe' },
} as const satisfies Readonly<Record<string, BoardStanding>>
