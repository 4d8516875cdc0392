/** What the board holds, and whether it may be unplugged: it writes to its inactive slot until it has everything. */
import type { BoardNow, Unplug } from '../../../shared/contract/models.ts'
import type { CompletionState } from '../transfer-protocol.ts'

export interface BoardStanding {
  readonly boardNow: BoardNow
  readonly unplug: Unplug
}

export const untouched: BoardStanding = { boardNow: 'old-firmware', unplug: 'safe' }

/** It has the last chunk, or is about to: it checks, switches and restarts when it likes. */
export const unclear: BoardStanding = { boardNow: 'unknown', unplug: 'keep-powered' }

/** It had everything once and begins again, or said what it runs without showing it. */
export const unsure: BoardStanding = { boardNow: 'unknown', unplug: 'safe' }

/** How the board stands when a run begins, by what an earlier one left. */
export function standingAtStart(earlier: CompletionState): BoardStanding {
  if (earlier === 'none') return untouched
  // One that said that it has everything restarts when it likes, perhaps right now.
  return earlier === 'failed' ? unsure : unclear
}
