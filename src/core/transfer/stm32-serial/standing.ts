/** What the board holds, and whether it may be unplugged, around a write over its bootloader. */
import type { BoardNow, Unplug } from '../../../shared/contract/models.ts'

export interface BoardStanding {
  readonly boardNow: BoardNow
  readonly unplug: Unplug
}

export const standing = {
  /** The bootloader runs, which lies in ROM; nothing was erased yet. */
  untouched: { boardNow: 'old-firmware', unplug: 'safe' },
  /** Pages are erased and written in place. */
  writing: { boardNow: 'not-bootable', unplug: 'keep-powered' },
  /** Half written, and nothing is being written: the bootloader in ROM takes the rest at any time. */
  stopped: { boardNow: 'not-bootable', unplug: 'safe' },
  /** A page that the chip says it erased holds what it held: which pages are protected nobody tells. */
  protected: { boardNow: 'unknown', unplug: 'safe' },
  /** All is written; whether it arrived is being read. */
  unproven: { boardNow: 'unknown', unplug: 'keep-powered' },
  /** Every byte was read back. */
  proven: { boardNow: 'new-firmware', unplug: 'safe' },
} as const satisfies Readonly<Record<string, BoardStanding>>
