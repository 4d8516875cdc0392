/** Says how far the leg beyond the device is: by bytes where the gateway tells them, else by the clock. */
import type { JobSnapshot } from '../shared/contract/index.ts'
import { formatBytes, formatDuration } from '../shared/units.ts'
import { hasStopped } from './job-words.ts'
import type { CliTexts } from './texts.ts'

/** Null where there is no such leg, or nothing is under way. */
export function relayWords(job: JobSnapshot, texts: CliTexts): string | null {
  const leg = job.relay ?? null
  if (leg === null || hasStopped(job)) return null
  if (leg.state === 'waiting') return texts.relayWaiting
  if (leg.state !== 'running') return null
  if (leg.doneBytes !== null) return texts.relayBytes(formatBytes(leg.doneBytes), formatBytes(leg.totalBytes))
  // A clock says nothing of the end, so it never becomes a share.
  return texts.relayClock(formatDuration(leg.elapsedMs), formatDuration(leg.usualMs))
}

/** Which step of the leg this is, so that lines which stay come only now and then. */
export function relayStep(job: JobSnapshot): string {
  const leg = job.relay ?? null
  if (leg?.state !== 'running') return leg?.state ?? ''
  const ratio = leg.doneBytes === null ? leg.elapsedMs / Math.max(1, leg.usualMs) : leg.doneBytes / leg.totalBytes
  return `running ${String(Math.floor(ratio * 10))}`
}
