/** The first snapshot of a job, and the one with which a stopped job begins again. Pure. */
import { SCHEMA_VERSION, type JobSnapshot } from '../../shared/contract/models.ts'
import { FlashproofError } from '../../shared/errors.ts'
import type { StoredOrder } from './job-order.ts'

export function firstSnapshot(
  order: StoredOrder,
  job: { readonly jobId: string; readonly batchId: string; readonly isSimulated: boolean; readonly createdAt: string },
): JobSnapshot {
  return {
    schema: SCHEMA_VERSION,
    type: 'job',
    jobId: job.jobId,
    batchId: job.batchId,
    revision: 1,
    target: order.target,
    device: null,
    protocol: order.protocol,
    state: 'queued',
    doneBytes: 0,
    totalBytes: order.image.segments?.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) ?? order.image.sizeBytes,
    bytesPerSecond: null,
    remainingMs: null,
    attempts: 0,
    retries: 0,
    boardNow: 'old-firmware',
    unplug: 'safe',
    evidence: [],
    required: order.required,
    verdict: null,
    provenLevel: null,
    reason: null,
    warnings: [],
    error: null,
    decision: null,
    decisions: [],
    completion: 'none',
    telemetryBefore: null,
    versionBefore: null,
    versionAfter: null,
    simulated: job.isSimulated,
    firmware: { fileName: order.image.fileName, imageSha256: order.image.sha256, sizeBytes: order.image.sizeBytes },
    createdAt: job.createdAt,
    startedAt: null,
    endedAt: null,
  }
}

/**
 * The snapshot of a stopped job that goes on: queued again, what it knows of the board and the completion kept.
 * @throws {FlashproofError} job.wrong-state for a job that is live, or that ended with what it was to reach
 */
export function resumedSnapshot(snapshot: JobSnapshot, order: Pick<StoredOrder, 'isDryRun'>): JobSnapshot {
  if (!canResume(snapshot) || (order.isDryRun && snapshot.state === 'finished')) {
    const { jobId, state, verdict } = snapshot
    const text = `job ${jobId} is ${state}: there is nothing to go on with`
    throw new FlashproofError('job.wrong-state', text, { jobId, state, verdict })
  }
  const isSentAgain = snapshot.state === 'finished' && snapshot.reason !== 'outcome-unknown'
  return {
    ...snapshot,
    state: 'queued',
    revision: snapshot.revision + 1,
    endedAt: null,
    error: null,
    verdict: null,
    provenLevel: null,
    reason: null,
    decision: null,
    // An upload that finished and was not proven is sent whole again; what the device said of it is in its record.
    completion: isSentAgain ? 'failed' : (snapshot.completion ?? 'none'),
  }
}

function canResume({ state, verdict }: JobSnapshot): boolean {
  if (state === 'finished') return verdict === 'unproven'
  return state === 'interrupted' || state === 'failed' || state === 'cancelled'
}
