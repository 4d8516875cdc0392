/** What the board holds, and whether it may be unplugged, before and around a completion; the rest follows from evidence. */
import type { BoardNow, Unplug } from '../../../shared/contract/models.ts'
import type { TransferOrder } from '../transfer-protocol.ts'
import type { EspPartsDevice } from './device.ts'

export interface BoardStanding {
  readonly boardNow: BoardNow
  readonly unplug: Unplug
}

/** Chunks go to part files or to the inactive slot: until the completion the old firmware is as it was. */
export const untouched: BoardStanding = { boardNow: 'old-firmware', unplug: 'safe' }

/** A completion is under way, or its answer was lost: the device may be writing the target now. */
export const unclear: BoardStanding = { boardNow: 'unknown', unplug: 'keep-powered' }

/**
 * How a board stands whose completion failed or came to something else than our image. The target is truncated or holds
 * other bytes, and nothing is being written. A board that names the app it runs has that app untouched in its slot,
 * unless it already runs the new one; where no hash shows that ours is not stored, nobody knows what starts next.
 */
export function boardAfterFailure(order: TransferOrder, device: EspPartsDevice): BoardStanding {
  const ours = order.image.inspection.esp?.app?.elfSha256.toLowerCase()
  const running = (device.latest ?? device.before)?.appElfSha256?.toLowerCase()
  const runsOurs = ours !== undefined && running !== undefined && ours.startsWith(running)
  const isOld = device.capabilities?.hasHash === true && device.namesItsApp && !runsOurs
  return { boardNow: isOld ? 'old-firmware' : 'unknown', unplug: 'safe' }
}
