/** The edge between two pieces of work on one board. */
import type { TransferContext } from '../transfer-protocol.ts'

/** The board must be met again before a byte more is sent; the message says why. */
export class MeetAgain extends Error {}

/**
 * Commits, waits while the job is paused, and ends it when it was stopped.
 * @throws {MeetAgain} after a pause: another board may hang on the line by then
 */
export async function passEdge(context: Pick<TransferContext, 'checkpoint'>): Promise<void> {
  const { wasPaused } = await context.checkpoint()
  if (wasPaused) throw new MeetAgain('the job stood still: the board is asked again who it is')
}
