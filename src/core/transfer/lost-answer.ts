/**
 * What became of an image whose last answer was lost, by watching a device that always restarts into what it took: one that
 * goes on in the same boot did not take it, so that the image may be sent again.
 */
import { FlashproofError } from '../../shared/errors.ts'
import type { BoardNow, Unplug } from '../../shared/contract/models.ts'
import { awaitRestart, boardAfterRestart, concludeRestart, type RestartWatch } from './restart-watch.ts'
import type { TransferReport } from './transfer-protocol.ts'

/**
 * Watches, and settles the completion that is open in the journal.
 * @param asBefore what the board is when it did not take the image
 * @throws {FlashproofError} network.reset when the device shows that it did not take it: it may be sent again
 */
export async function watchLostAnswer(
  watch: RestartWatch,
  asBefore: { readonly boardNow: BoardNow; readonly unplug: Unplug },
): Promise<TransferReport> {
  const { order, context, before, written } = watch
  context.enter('rebooting', { boardNow: 'unknown', unplug: 'keep-powered' })
  const seen = await awaitRestart(watch, false)
  if (seen.restart === 'away') return await concludeRestart(watch, seen)
  const isOldAgain =
    seen.after !== null && written === 'app' && boardAfterRestart(order, before, seen.after) === 'old-firmware'
  if (seen.restart === 'not-seen' || isOldAgain) {
    await context.markCompletion('none')
    context.enter('transferring', asBefore)
    throw new FlashproofError('network.reset', 'the last answer was lost, and the device did not take the image', {})
  }
  const report = await concludeRestart(watch, seen)
  // The device started anew since: whatever it made of the image, nothing is under way any more.
  await context.markCompletion(report.boardNow === 'new-firmware' ? 'succeeded' : 'none')
  const { outcome, boardNow } = report
  return { outcome: boardNow === 'new-firmware' ? outcome : 'outcome-unknown', boardNow, unplug: 'safe' }
}
