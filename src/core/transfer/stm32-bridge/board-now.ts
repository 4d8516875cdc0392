/** What the STM32 holds, and whether it may be unplugged: as little as the gateway's texts tell. */
import type { BoardNow, Unplug } from '../../../shared/contract/models.ts'
import type { ErrorCode } from '../../../shared/errors.ts'
import type { CompletionState } from '../transfer-protocol.ts'

export interface BoardStanding {
  readonly boardNow: BoardNow
  readonly unplug: Unplug
}

/** The image goes to the gateway: the STM32 runs on. */
export const untouched: BoardStanding = { boardNow: 'old-firmware', unplug: 'safe' }

/** The gateway writes to the STM32, or its answer was lost: it may be writing now. */
export const unclear: BoardStanding = { boardNow: 'unknown', unplug: 'keep-powered' }

/** Nothing is being written any more; what became of the old firmware, nobody tells. */
export const settled: BoardStanding = { boardNow: 'unknown', unplug: 'safe' }

/** How the board stands when a run begins, by what an earlier one left. */
export function standingAtStart(earlier: CompletionState): BoardStanding {
  if (earlier === 'none') return untouched
  return earlier === 'sent' ? unclear : settled
}

/** Whether this failure of `/download` came before the STM32 answered at all, so that it is as it was. */
export function leftStm32Alone(code: ErrorCode): boolean {
  return code === 'relay.not-stored' || code === 'relay.not-ready'
}
