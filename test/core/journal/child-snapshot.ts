/** A snapshot for a child process, which has no test runner to import. */
import type { JobSnapshot } from '../../../src/shared/contract/models.ts'

export function makeChildSnapshot(jobId: string): JobSnapshot {
  return {
    schema: 1,
    type: 'job',
    jobId,
    batchId: 'batch-1',
    revision: 1,
    target: 'http://192.0.2.10',
    device: null,
    protocol: 'esp-parts',
    state: 'queued',
    doneBytes: 0,
    totalBytes: 16_384,
    bytesPerSecond: null,
    remainingMs: null,
    attempts: 1,
    retries: 0,
    boardNow: 'old-firmware',
    unplug: 'safe',
    evidence: [],
    required: 'stored',
    verdict: null,
    provenLevel: null,
    reason: null,
    warnings: [],
    error: null,
    decision: null,
    simulated: false,
    firmware: { fileName: 'pump.bin', imageSha256: 'aa', sizeBytes: 16_384 },
    createdAt: '2026-11-21T09:00:00.000+07:00',
    startedAt: null,
    endedAt: null,
  }
}
