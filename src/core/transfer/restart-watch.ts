/**
 * Follows a device through its restart into the new image: sees it go away and come back, takes its word on what runs
 * now, and watches that it stays healthy. For every protocol whose device restarts by itself or is restarted by hand.
 */
import { asFlashproofError } from '../../shared/errors.ts'
import type { BoardNow, EvidenceFact, TelemetrySample } from '../../shared/contract/models.ts'
import { ELF_HASH_METHOD, levelRank } from './evidence.ts'
import { isTransient } from './retry.ts'
import type { TransferContext, TransferOrder, TransferReport } from './transfer-protocol.ts'
import { compareVersions } from './version-order.ts'

export const RESTART_POLL_MS = 250
/** Boot logs and older firmware show only the first digits of the ELF hash; fewer than 16 say little. */
const SHORTEST_HASH_DIGITS = 16
/** A device that answers at all answers a small question within this; a longer silence is a device that is away. */
const LONGEST_POLL_MS = 2000
/** Share of the time for a restart within which a device that restarts by itself has gone away. */
const STARTS_WITHIN_SHARE = 0.125

/** What one look at the device shows; `alive`: it answers, and says nothing of itself; null: an answer without meaning. */
export type Sighting = TelemetrySample | 'alive' | null

export interface RestartWatch {
  readonly order: TransferOrder
  readonly context: TransferContext
  /** What the device said of itself before the upload; null where it says nothing. */
  readonly before: TelemetrySample | null
  /** Taken right before the image was handed over; `before` unless given. A restart is one since then. */
  readonly baseline?: TelemetrySample | null
  /**
   * Looks at the device over a fresh connection, makes sure that it is still the same one and journals its sample.
   * @throws {FlashproofError} network.* when it is away, device.identity-changed
   */
  readonly ask: (timeoutMs: number) => Promise<Sighting>
  /** What was written: a file system leaves the program as it is, so a restart says nothing of it. */
  readonly written: 'app' | 'filesystem'
  /** `own`: the versions that it reports are of another kind than the one in the image; `image` unless given. */
  readonly versions?: 'image' | 'own'
  /** How the run ends where nothing of the restart can be told. */
  readonly otherwise: TransferReport
  /** Calm sentence for a device that does not name what it runs: what would raise the evidence. */
  readonly cannotName: string
}

export interface RestartReport extends TransferReport {
  /** `seen`: it came back, or says that it restarted. `away`: it went and was not seen again. */
  readonly restart: 'seen' | 'away' | 'not-seen'
  /** The first sample after the restart. */
  readonly after: TelemetrySample | null
}

/** What was seen of a restart. */
export type SeenRestart = Pick<RestartReport, 'restart' | 'after'>

/** Watches one restart to its end; adds `running`, and `confirmed` where it is required. */
export async function watchRestart(watch: RestartWatch): Promise<RestartReport> {
  const { order, context, otherwise } = watch
  const isAsked = levelRank(order.requiredLevel ?? 'sent') >= levelRank('running')
  // What lies in flash was not seen; which image the bootloader takes shows only afterwards.
  context.enter('rebooting', { boardNow: otherwise.boardNow, unplug: 'keep-powered' })
  if (isAsked) warnOfWaiting(context)
  return await concludeRestart(watch, await awaitRestart(watch, isAsked))
}

/** Ends a watch with what was seen: adds the facts, and waits for `confirmed` where it is required. */
export async function concludeRestart(watch: RestartWatch, seen: SeenRestart): Promise<RestartReport> {
  const { order, context, otherwise, before } = watch
  const { restart, after } = seen
  const required = order.requiredLevel
  if (restart === 'seen') context.log('info', 'restart.seen', 'the device went away and came back')
  if (restart !== 'seen' || after === null || watch.written === 'filesystem') {
    if (restart !== 'seen') context.warn(notSeenText[restart])
    else if (watch.written === 'app') context.warn(watch.cannotName)
    const isAsked = levelRank(required ?? 'sent') >= levelRank('running')
    const unplug = restart === 'seen' ? 'safe' : otherwise.unplug
    return { ...otherwise, unplug, ...(isAsked ? { outcome: 'not-answered' as const } : {}), ...seen }
  }
  const isNew = addRunningFact(order, context, before, after)
  const boardNow = boardAfterRestart(order, before, after, watch.versions)
  if (boardNow === 'old-firmware') {
    context.log('error', 'restart.old-firmware', 'after the restart the device runs what it ran before')
    context.warn('After the restart the device runs its old firmware again: it did not take the new one, or went back.')
  }
  const isSameVersion = after.appVersion !== undefined && after.appVersion === before?.appVersion
  if (isSameVersion && boardNow === 'unknown') context.warn(SAME_VERSION)
  const isTold = isNew !== null || after.appVersion !== undefined
  if (!isTold) context.warn(watch.cannotName)
  // Only where the device names what runs is a lost answer made up for.
  const outcome = isTold || otherwise.outcome === 'answered' ? 'answered' : otherwise.outcome
  const report = { ...seen, outcome, boardNow, unplug: 'safe' } as const
  if (boardNow === 'old-firmware' || isNew === false) return report
  if (required !== 'confirmed') {
    warnOfOpenRollback(context, after)
    return report
  }
  context.enter('confirming', { boardNow, unplug: 'keep-powered' })
  if (await staysHealthy(context, after, untilMs => lookPatiently(watch, untilMs))) return report
  return { ...report, outcome: 'not-answered', boardNow: 'unknown' }
}

export function warnOfWaiting(context: TransferContext): void {
  context.warn('Waiting for the restart; a board that does not restart by itself is restarted now by hand.')
}

export function warnOfOpenRollback(context: TransferContext, after: TelemetrySample): void {
  if (!isRollbackOpen(after)) return
  context.warn('The board may still go back to the old firmware; “--require confirmed” waits until it cannot.')
}

/** Whether the device says that its new image is still on trial. Devices spell the states of otadata in several ways. */
function isRollbackOpen({ otaState }: TelemetrySample): boolean {
  return otaState !== undefined && /^(new|pending[-_ ]?verify)$/i.test(otaState)
}

/** Whether the later sample is from another boot than the earlier one, as far as both tell. */
export function hasRestarted(before: TelemetrySample | null, now: TelemetrySample | null): boolean {
  if (before === null || now === null) return false
  if (before.bootCount !== undefined && now.bootCount !== undefined) return now.bootCount !== before.bootCount
  // No program changes its version while it runs.
  const isOther =
    before.appVersion !== undefined && now.appVersion !== undefined && now.appVersion !== before.appVersion
  if (isOther) return true
  if (before.uptimeMs === undefined || now.uptimeMs === undefined) return false
  return now.uptimeMs < before.uptimeMs
}

/** Whether two samples can tell a restart: by a boot count, or by an uptime. */
export function showsRestarts(before: TelemetrySample | null, now: TelemetrySample | null): boolean {
  const tells = (field: 'bootCount' | 'uptimeMs'): boolean =>
    before?.[field] !== undefined && now?.[field] !== undefined
  return tells('bootCount') || tells('uptimeMs')
}

/**
 * Adds the device's word on what runs now.
 * @returns whether the new image runs; null where the device does not name what it runs well enough to say
 */
export function addRunningFact(
  order: TransferOrder,
  context: TransferContext,
  before: TelemetrySample | null,
  after: TelemetrySample,
): boolean | null {
  if (after.appVersion !== undefined) context.setVersion('after', after.appVersion)
  const fact = runningFact(order, before, after)
  if (fact === null) return null
  context.addEvidence(fact)
  if (fact.matches === false) {
    context.log('error', 'restart.other-image', 'after the restart the device runs another image')
  }
  return fact.matches
}

function runningFact(
  order: TransferOrder,
  before: TelemetrySample | null,
  after: TelemetrySample,
): Omit<EvidenceFact, 'at'> | null {
  const common = { level: 'running', basis: 'device-said' } as const
  const ours = order.image.inspection.esp?.app ?? null
  const reported = hashToCompare(order, after)
  if (ours !== null && reported !== null) {
    const earlier = before?.appElfSha256?.toLowerCase()
    return {
      ...common,
      method: ELF_HASH_METHOD,
      value: reported,
      matches: ours.elfSha256.toLowerCase().startsWith(reported),
      fresh: earlier !== undefined && earlier !== reported,
    }
  }
  if (after.appVersion === undefined) return null
  return {
    ...common,
    method: 'version-text',
    value: after.appVersion,
    // The version in an image is not always the version that its program reports, so a difference proves nothing.
    matches: ours !== null && ours.version === after.appVersion ? true : null,
    fresh: before?.appVersion !== after.appVersion,
  }
}

/** The hash that the device reports, where it is long enough to say something and there is one to compare it with. */
function hashToCompare(order: TransferOrder, after: TelemetrySample): string | null {
  const reported = after.appElfSha256?.toLowerCase()
  if ((order.image.inspection.esp?.app ?? null) === null || reported === undefined) return null
  return reported.length >= SHORTEST_HASH_DIGITS ? reported : null
}

/**
 * Watches for a while: no further restart, and the rollback window closed where the device reports it.
 * @param look waits for a device that is silent until the given monotonic time; null: it tells nothing any more
 */
export async function staysHealthy(
  context: TransferContext,
  after: TelemetrySample,
  look: (untilMs: number) => Promise<TelemetrySample | null>,
): Promise<boolean> {
  const { clock, retryPolicy, signal } = context
  const level = 'confirmed'
  const earliestMs = clock.monotonicMs() + retryPolicy.confirmMs
  const latestMs = earliestMs + retryPolicy.rebootTimeoutMs
  while (clock.monotonicMs() < latestMs) {
    await clock.delay(RESTART_POLL_MS, signal)
    const sample = await look(latestMs)
    if (sample === null) return false
    if (hasRestarted(after, sample)) {
      context.log('error', 'confirm.restarted', 'the device restarted again')
      context.addEvidence({ level, basis: 'device-said', method: 'health', value: 'restarted again', matches: false })
      return false
    }
    const isWindowClosed = sample.otaState === undefined || sample.otaState === 'valid'
    if (clock.monotonicMs() >= earliestMs && isWindowClosed) {
      const value = `${String(retryPolicy.confirmMs)} ms, ota ${sample.otaState ?? 'not reported'}`
      context.addEvidence({ level, basis: 'device-said', method: 'health', value, matches: true })
      return true
    }
  }
  return false
}

const SAME_VERSION =
  'After the restart the device reports the same version as before: the image is of that version too, or it was not taken.'

const notSeenText = {
  'not-seen': 'The restart was not seen.',
  away: 'The device went away to restart and did not come back in time; look at it, and at its address.',
} as const

/**
 * Waits until the device restarted.
 * @param isPatient whether it may be restarted by hand; else a device that stays where it is is left alone early
 */
export async function awaitRestart(
  watch: Pick<RestartWatch, 'context' | 'before' | 'baseline' | 'ask'>,
  isPatient: boolean,
): Promise<SeenRestart> {
  const { context, before, baseline = before } = watch
  const { clock, retryPolicy, signal } = context
  const startedMs = clock.monotonicMs()
  const deadlineMs = startedMs + retryPolicy.rebootTimeoutMs
  const goneByMs = startedMs + STARTS_WITHIN_SHARE * retryPolicy.rebootTimeoutMs
  let wasAway = false
  let lastSeenMs = startedMs
  let isBack = false
  while (clock.monotonicMs() < deadlineMs) {
    const seen = await look(watch)
    if (seen === 'away') {
      wasAway = true
      isBack = false
    } else if (seen !== null) {
      const sample = seen === 'alive' ? null : seen
      const isBootedSince = wasAway && (sample?.uptimeMs ?? Number.MAX_VALUE) < clock.monotonicMs() - lastSeenMs
      if (hasRestarted(baseline, sample) || isBootedSince) return { restart: 'seen', after: sample }
      // Of a device that tells its boots, a silence alone is no restart; it may need a moment until it tells again.
      const mustTell = showsRestarts(baseline, sample ?? baseline)
      if (wasAway && !mustTell) return { restart: 'seen', after: sample }
      if (sample !== null) wasAway = false
      isBack = wasAway
      if (!wasAway) lastSeenMs = clock.monotonicMs()
      if (!wasAway && !isPatient && clock.monotonicMs() >= goneByMs) break
    }
    await clock.delay(Math.min(RESTART_POLL_MS, retryPolicy.firstDelayMs), signal)
  }
  // It told its boots before, went away, and what came back tells nothing of the kind.
  if (isBack) return { restart: 'seen', after: null }
  return { restart: wasAway ? 'away' : 'not-seen', after: null }
}

async function look(watch: Pick<RestartWatch, 'context' | 'ask'>): Promise<Sighting | 'away'> {
  const { retryPolicy, signal } = watch.context
  try {
    return await watch.ask(Math.min(LONGEST_POLL_MS, retryPolicy.requestTimeoutMs))
  } catch (thrown) {
    const error = asFlashproofError(thrown)
    if (signal.aborted) throw thrown
    // An answer that cannot be read is still a sign of life.
    if (error.code === 'network.answer-too-large') return null
    if (!isTransient(error)) throw thrown
    return error.code.startsWith('network.') ? 'away' : null
  }
}

async function lookPatiently(watch: RestartWatch, untilMs: number): Promise<TelemetrySample | null> {
  const { clock, signal } = watch.context
  while (clock.monotonicMs() < untilMs) {
    const seen = await look(watch)
    if (seen !== null && typeof seen === 'object') return seen
    await clock.delay(RESTART_POLL_MS, signal)
  }
  return null
}

/** What the board holds by its own word after a restart that was seen. */
export function boardAfterRestart(
  order: TransferOrder,
  before: TelemetrySample | null,
  after: TelemetrySample,
  versions: RestartWatch['versions'] = 'image',
): BoardNow {
  const isNew = runningFact(order, before, after)?.matches ?? null
  if (hashToCompare(order, after) !== null) {
    if (isNew === true) return 'new-firmware'
    return after.appElfSha256 === before?.appElfSha256 ? 'old-firmware' : 'unknown'
  }
  const isOtherVersion = after.appVersion !== undefined && after.appVersion !== before?.appVersion
  if (isNew === true && isOtherVersion) return 'new-firmware'
  // An update goes to the slot that does not run: where the running slot is told, it tells which image runs.
  if (after.otaRunning !== undefined && before?.otaRunning !== undefined) {
    return after.otaRunning === before.otaRunning ? 'old-firmware' : 'new-firmware'
  }
  if (after.appVersion === undefined) return 'unknown'
  const ours = versions === 'own' ? undefined : order.image.inspection.esp?.app?.version
  const difference = ours === undefined ? null : compareVersions(ours, after.appVersion)
  if (isOtherVersion) return difference === null ? 'new-firmware' : 'unknown'
  // The old version again, and the image has another one of the same kind.
  return difference === null || difference === 0 ? 'unknown' : 'old-firmware'
}
