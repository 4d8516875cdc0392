/** The end of a run: restarts the board, listens to what starts, and says what the board holds. */
import type { TransferContext, TransferOrder, TransferReport } from '../transfer-protocol.ts'
import type { EvidenceFact } from '../../../shared/contract/models.ts'
import type { AppDescriptor } from '../../formats/esp-image/app-descriptor.ts'
import { levelRank } from '../evidence.ts'
import { BootWatch, isUnwell, readRunning, type BootStory } from './boot-watch.ts'
import type { EspConnection } from './connection.ts'
import type { Board, Plan } from './plan.ts'

/** After a program named itself: a crash right at its start still belongs to it. */
const SETTLE_SHARE = 0.1

export interface StartToFollow {
  readonly connection: EspConnection
  readonly board: Board
  readonly plan: Plan
  readonly order: TransferOrder
  readonly context: TransferContext
  /** How long the program's first words are waited for; 0: not at all. */
  readonly windowMs: number
}

export async function followStart(start: StartToFollow): Promise<TransferReport> {
  const { connection, board, plan, order, context, windowMs } = start
  const isProven = board.abilities.hasMd5
  const boardNow = isProven ? plan.boardAfter : 'unknown'
  context.progress(order.image.segments.reduce((sum, { bytes }) => sum + bytes.length, 0))
  context.enter('rebooting', { boardNow, unplug: 'keep-powered' })
  const isAsked = levelRank(order.requiredLevel ?? 'sent') >= levelRank('running')
  const done: TransferReport = { outcome: isAsked ? 'not-answered' : 'answered', boardNow, unplug: 'safe' }
  const how = await connection.loader.startProgram()
  if (how === 'unknown') {
    context.warn('The board cannot be restarted over this line: tap RESET to start the new program.')
    if (!isAsked) return done
  }
  if (windowMs === 0 || boardNow === 'old-firmware') return done
  const watch = new BootWatch(connection.link, {
    clock: context.clock,
    signal: context.signal,
    onLine: text => {
      context.log('debug', 'device.line', text)
    },
  })
  await watch.listen(windowMs, ({ elfPrefix }) => elfPrefix !== null)
  if (watch.story.elfPrefix !== null) await watch.listen(windowMs * SETTLE_SHARE, isUnwell)
  return await conclude(start, watch, done)
}

async function conclude(start: StartToFollow, watch: BootWatch, done: TransferReport): Promise<TransferReport> {
  const { context, order, board } = start
  const { story } = watch
  tell(story, context)
  // What was proven lies in flash, and yet nothing starts: the board's own word counts for that.
  if (story.hasNothingToStart) return { ...done, boardNow: 'not-bootable' }
  const fact = factOf(start, story)
  if (story.version !== null) context.setVersion('after', story.version)
  if (fact === null) {
    if (oursOf(order) !== null && !isUnwell(story)) {
      context.warn(
        'The program does not say at its start what it is; firmware that logs its version there would show it.',
      )
    }
    return done
  }
  // A program that crashes at its start runs only in name.
  if (fact.matches === true && isUnwell(story)) return done
  context.addEvidence(fact)
  if (fact.matches === false) {
    context.log('error', 'restart.other-image', 'after the restart the board starts another image')
    const old = board.map?.active?.app ?? null
    const isOld = old !== null && story.elfPrefix !== null && old.elfSha256.startsWith(story.elfPrefix)
    return { ...done, outcome: 'answered', boardNow: isOld ? 'old-firmware' : 'unknown' }
  }
  const report: TransferReport = { outcome: 'answered', boardNow: 'new-firmware', unplug: 'safe' }
  if (order.requiredLevel !== 'confirmed') return report
  context.enter('confirming', { boardNow: 'new-firmware', unplug: 'keep-powered' })
  return (await staysWell(watch, context)) ? report : { ...report, outcome: 'not-answered', boardNow: 'unknown' }
}

/** What the app of the file says of itself; null for files without one. */
function oursOf({ image }: TransferOrder): AppDescriptor | null {
  return image.inspection.esp?.app ?? null
}

function factOf({ order, board }: StartToFollow, story: BootStory): Omit<EvidenceFact, 'at'> | null {
  const ours = oursOf(order)
  if (ours === null) return null
  const apps = (board.map?.slots ?? []).flatMap(({ app }) => (app === null ? [] : [app]))
  return readRunning(story, ours, board.map?.active?.app ?? null, apps)
}

function tell(story: BootStory, context: TransferContext): void {
  if (story.starts > 1) context.warn('The board started again by itself: look at its log.')
  if (story.trouble !== null) {
    context.log('error', 'start.trouble', story.trouble)
    context.warn(`The program did not start well: ${story.trouble}`)
  }
  if (story.lost !== null) context.log('info', 'start.lost', story.lost)
}

/** Listens as long as the policy wants it: no further start, no crash. */
async function staysWell(watch: BootWatch, context: TransferContext): Promise<boolean> {
  const { confirmMs } = context.retryPolicy
  await watch.listen(confirmMs, isUnwell)
  tell(watch.story, context)
  const { story } = watch
  if (story.lost !== null && !isUnwell(story)) return false
  const isWell = !isUnwell(story)
  const value = isWell ? `${String(confirmMs)} ms without a restart` : (story.trouble ?? 'restarted again')
  context.addEvidence({ level: 'confirmed', basis: 'device-said', method: 'boot-log', value, matches: isWell })
  return isWell
}
