/** Follows a device through its restart into the new image, and watches that it stays healthy. */
import { asFlashproofError } from '../../../shared/errors.ts'
import type { EvidenceLevel, TelemetrySample } from '../../../shared/contract/models.ts'
import { ELF_HASH_METHOD, levelRank } from '../evidence.ts'
import { isTransient } from '../retry.ts'
import type { TransferContext, TransferOrder, TransferReport } from '../transfer-protocol.ts'
import type { EspPartsDevice } from './device.ts'
import type { StoredOutcome } from './verification.ts'

const POLL_MS = 250
/** Boot logs and older firmware show only the first digits of the ELF hash; fewer than 16 say little. */
const SHORTEST_HASH_DIGITS = 16

/** Ends the run: with the restart seen where the device restarts by itself or the level asks for it. */
export async function followRestart(
  order: TransferOrder,
  device: EspPartsDevice,
  context: TransferContext,
  stored: StoredOutcome,
): Promise<TransferReport> {
  const settled = settledReport(stored)
  const required = order.requiredLevel
  const isAsked = required !== null && levelRank(required) >= levelRank('running')
  if (stored === 'contradicted') return settled
  if (!isAsked && !(await isRestarting(device))) {
    if (stored === 'proven' && device.namesItsApp)
      context.warn('The board starts the new firmware at its next restart.')
    return settled
  }
  if (device.before === null) return settled

  // What lies in flash was looked at; which image the bootloader takes shows only afterwards.
  context.enter('rebooting', { boardNow: 'unknown', unplug: 'keep-powered' })
  if (isAsked)
    context.warn('Waiting for the restart; a board that does not restart by itself is restarted now by hand.')
  const after = await waitForRestart(device, context)
  if (after === null) {
    context.warn('The restart was not seen.')
    return isAsked ? { ...settled, outcome: 'not-answered' } : settled
  }
  const isNew = addRunningFact(order, device, context, after)
  // The old version again after a restart: the new image may lie in flash, but that it was started is not known.
  const isUnchanged = after.appVersion !== undefined && after.appVersion === device.before.appVersion
  const unsure = isUnchanged ? 'unknown' : settled.boardNow
  const boardNow = isNew === false ? 'old-firmware' : isNew === true ? 'new-firmware' : unsure
  const report: TransferReport = { ...settled, boardNow, unplug: 'safe' }
  if (isNew === false) return report
  if (required !== 'confirmed') {
    if (isRollbackOpen(after)) {
      context.warn('The board may still go back to the old firmware; “--require confirmed” waits until it cannot.')
    }
    return report
  }
  context.enter('confirming', { boardNow, unplug: 'keep-powered' })
  if (await staysHealthy(device, context, after)) return report
  return { outcome: 'not-answered', boardNow: 'unknown', unplug: 'safe' }
}

/** Whether the device says that its new image is still on trial. Devices spell the states of otadata in several ways. */
function isRollbackOpen({ otaState }: TelemetrySample): boolean {
  return otaState !== undefined && /^(new|pending[-_ ]?verify)$/i.test(otaState)
}

function settledReport(stored: StoredOutcome): TransferReport {
  return {
    outcome: stored === 'not-answered' ? 'not-answered' : 'answered',
    boardNow: stored === 'proven' ? 'new-firmware' : 'unknown',
    unplug: 'safe',
  }
}

/** Whether the device says that it is about to start what it stored. */
async function isRestarting(device: EspPartsDevice): Promise<boolean> {
  if (device.before === null) return false
  if (hasRestarted(device.baseline, device.latest)) return true
  if (device.capabilities?.hasStatus !== true) return false
  try {
    return (await device.status())?.state === 'booting'
  } catch (thrown) {
    // A device that went away right after it stored the image is most likely starting it.
    if (isTransient(asFlashproofError(thrown))) return true
    throw thrown
  }
}

async function waitForRestart(device: EspPartsDevice, context: TransferContext): Promise<TelemetrySample | null> {
  const { clock, retryPolicy, signal } = context
  const deadlineMs = clock.monotonicMs() + retryPolicy.rebootTimeoutMs
  while (clock.monotonicMs() < deadlineMs) {
    try {
      const sample = await device.reidentify()
      if (sample !== null && hasRestarted(device.baseline, sample)) return sample
    } catch (thrown) {
      if (signal.aborted || !isTransient(asFlashproofError(thrown))) throw thrown
    }
    await clock.delay(Math.min(POLL_MS, retryPolicy.firstDelayMs), signal)
  }
  return null
}

function hasRestarted(before: TelemetrySample | null, now: TelemetrySample | null): boolean {
  if (before === null || now === null) return false
  if (before.bootCount !== undefined && now.bootCount !== undefined) return now.bootCount !== before.bootCount
  if (before.uptimeMs === undefined || now.uptimeMs === undefined) return false
  return now.uptimeMs < before.uptimeMs
}

/** @returns whether the new image runs; null where the device does not name what it runs well enough to say */
function addRunningFact(
  order: TransferOrder,
  device: EspPartsDevice,
  context: TransferContext,
  after: TelemetrySample,
): boolean | null {
  const ours = order.image.inspection.esp?.app ?? null
  if (after.appVersion !== undefined) context.setVersion('after', after.appVersion)
  const reported = after.appElfSha256?.toLowerCase()
  if (ours !== null && reported !== undefined && reported.length >= SHORTEST_HASH_DIGITS) {
    const expected = ours.elfSha256.toLowerCase()
    const matches = expected.startsWith(reported)
    const earlier = device.before?.appElfSha256?.toLowerCase()
    const fresh = earlier !== undefined && earlier !== reported
    context.addEvidence({
      level: 'running',
      basis: 'device-said',
      method: ELF_HASH_METHOD,
      value: reported,
      matches,
      fresh,
    })
    if (!matches) context.log('error', 'restart.other-image', 'after the restart the device runs another image')
    return matches
  }
  if (after.appVersion === undefined) return null
  // The version in an image is not always the version that its program reports, so a difference proves nothing.
  const matches = ours !== null && ours.version === after.appVersion ? true : null
  context.addEvidence({
    level: 'running',
    basis: 'device-said',
    method: 'version-text',
    value: after.appVersion,
    matches,
    fresh: device.before?.appVersion !== after.appVersion,
  })
  return matches
}

/** Watches for a while: no further restart, and the rollback window closed where the device reports it. */
async function staysHealthy(
  device: EspPartsDevice,
  context: TransferContext,
  after: TelemetrySample,
): Promise<boolean> {
  const { clock, retryPolicy, signal } = context
  const level: EvidenceLevel = 'confirmed'
  const earliestMs = clock.monotonicMs() + retryPolicy.confirmMs
  const latestMs = earliestMs + retryPolicy.rebootTimeoutMs
  while (clock.monotonicMs() < latestMs) {
    await clock.delay(POLL_MS, signal)
    const sample = await device.patiently('telemetry', () => device.reidentify(), latestMs)
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
