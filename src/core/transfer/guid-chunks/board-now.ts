/** What the board holds, and whether it may be unplugged, while a file goes to an upload server. */
import type { BoardNow, Unplug } from '../../../shared/contract/models.ts'

export interface BoardStanding {
  readonly boardNow: BoardNow
  readonly unplug: Unplug
}

/** Chunks go to a temporary file: until the last one all is as it was. */
export const untouched: BoardStanding = { boardNow: 'old-firmware', unplug: 'safe' }

/** The last chunk is under way, or its answer was lost: the server may be putting the file in its place now. */
export const unclear: BoardStanding = { boardNow: 'unknown', unplug: 'keep-powered' }

/** The server says that it has the file, or dropped the upload for good: which program starts next is not its to say. */
export const settled: BoardStanding = { boardNow: 'unknown', unplug: 'safe' }
