/**
 * Whether the end of a job tells the truth about a device, judged by what lies in the device's flash: the one judge of the
 * suite and of the random runs.
 */
import { evidenceLevels, type JobSnapshot } from '../../src/shared/contract/models.ts'
import type { TransferDevice, TransferHarness } from './harnesses/transfer-harness.ts'

/** What the device really holds of `image`. */
export interface Truth {
  readonly isStored: boolean | undefined
  readonly isActive: boolean | undefined
}

export function truthOf(harness: TransferHarness, device: TransferDevice, image: Uint8Array): Truth {
  const wanted = harness.asStored?.(image) ?? image
  return { isStored: isEqual(device.stored(), wanted), isActive: isRunning(device.activeImage(), wanted) }
}

/** What is wrong with a snapshot at any time, ended or not: a word of success that the device does not bear out. */
export function falseGreens({ verdict, boardNow, state, completion, unplug }: JobSnapshot, truth: Truth): string[] {
  const problems: string[] = []
  const isThere = truth.isStored !== false || truth.isActive === true
  if (verdict === 'proven' && !isThere) problems.push(`FALSE GREEN: proven, and the image is not there (${state})`)
  if (boardNow === 'new-firmware' && !isThere) problems.push(`FALSE GREEN: new-firmware, and it is not (${state})`)
  if (boardNow === 'old-firmware' && truth.isActive === true) {
    problems.push(`old-firmware while the new one runs (${state})`)
  }
  if (completion === 'sent' && boardNow === 'new-firmware')
    problems.push(`an open completion with new-firmware (${state})`)
  if (
    completion === 'sent' &&
    unplug === 'safe' &&
    state !== 'failed' &&
    state !== 'cancelled' &&
    state !== 'interrupted'
  ) {
    problems.push(`an open completion with “safe to unplug” (${state})`)
  }
  return problems
}

/** What is wrong with an end, whatever led to it. */
export function untrueEnd(job: JobSnapshot, truth: Truth): string[] {
  const problems = falseGreens(job, truth)
  if (job.state !== 'finished' && job.error === null) problems.push(`${job.state} without an error`)
  if (job.verdict === 'unproven' && job.reason === null) problems.push('unproven without a reason')
  if (job.state === 'finished' && job.verdict === null) problems.push('finished without a verdict')
  const isLower = job.verdict !== 'proven' && job.verdict !== null
  if (isLower && job.reason === null && job.warnings.length === 0) problems.push('less than proven without a word why')
  return problems
}

/** What is wrong with the end of a run whose faults pass by themselves. */
export function falseReds(harness: TransferHarness, job: JobSnapshot, truth: Truth, mayEndUnknown: boolean): string[] {
  const said = `${job.state} ${String(job.verdict)} ${String(job.reason)} ${String(job.error?.code)}: ${String(job.error?.message)}`
  if (job.verdict === 'proven') return []
  if (job.verdict === 'unproven' && job.reason === 'outcome-unknown' && mayEndUnknown) return []
  if (job.state !== 'finished' || job.verdict !== harness.best) return [`FALSE RED: ${said}`]
  const isThere = truth.isStored !== false || truth.isActive === true
  return isThere ? [] : [`the device said OK and holds another image: ${said}`]
}

/** Facts above what this device can give. */
export function tooHighFacts(harness: TransferHarness, job: JobSnapshot): string[] {
  const most = evidenceLevels.indexOf(harness.highestFact)
  return job.evidence
    .filter(fact => fact.matches !== false && evidenceLevels.indexOf(fact.level) > most)
    .map(fact => `${fact.level} by ${fact.method}`)
}

function isEqual(bytes: Uint8Array | null | undefined, wanted: Uint8Array): boolean | undefined {
  return bytes === undefined ? undefined : bytes !== null && Buffer.compare(bytes, wanted) === 0
}

/** What runs is the image by its own header: bytes of an older file behind it are in flash and never run. */
function isRunning(bytes: Uint8Array | null | undefined, wanted: Uint8Array): boolean | undefined {
  return isEqual(bytes?.subarray(0, wanted.length) ?? bytes, wanted)
}
