/** Follows a device through its restart into the new image, and watches that it stays healthy. */
import { asFlashproofError } from '../../../shared/errors.ts'
import type { TelemetrySample } from '../../../shared/contract/models.ts'
import { levelRank } from '../evidence.ts'
import {
  addRunningFact,
  hasRestarted,
  RESTART_POLL_MS,
  staysHealthy,
  warnOfOpenRollback,
  warnOfWaiting,
} from '../restart-watch.ts'
import { isTransient } from '../retry.ts'
import type { TransferContext, TransferOrder, TransferReport } from '../transfer-protocol.ts'
import type { EspPartsDevice } from './device.ts'
import type { StoredOutcome } from './verification.ts'

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
  if (isAsked) warnOfWaiting(context)
  const after = await waitForRestart(device, context)
  if (after === null) {
    context.warn('The restart was not seen.')
    return isAsked ? { ...settled, outcome: 'not-answered' } : settled
  }
  const isNew = addRunningFact(order, context, device.before, after)
  // The old version again after a restart: the new image may lie in flash, but that it was started is not known.
  const isUnchanged = after.appVersion !== undefined && after.appVersion === device.before.appVersion
  const unsure = isUnchanged ? 'unknown' : settled.boardNow
  const boardNow = isNew === false ? 'old-firmware' : isNew === true ? 'new-firmware' : unsure
  const report: TransferReport = { ...settled, boardNow, unplug: 'safe' }
  if (isNew === false) return report
  if (required !== 'confirmed') {
    warnOfOpenRollback(context, after)
    return report
  }
  context.enter('confirming', { boardNow, unplug: 'keep-powered' })
  const look = (untilMs: number): Promise<TelemetrySample | null> =>
    device.patiently('telemetry', () => device.reidentify(), untilMs)
  if (await staysHealthy(context, after, look)) return report
  return { outcome: 'not-answered', boardNow: 'unknown', unplug: 'safe' }
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
    await clock.delay(Math.min(RESTART_POLL_MS, retryPolicy.firstDelayMs), signal)
  }
  return null
}
