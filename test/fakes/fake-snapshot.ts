/** A job's state that obeys the contract, with whatever a test wants to be different. */
import type { JobSnapshot } from '../../src/shared/contract/index.ts'

export function fakeSnapshot(changes: Partial<JobSnapshot> = {}): JobSnapshot {
  return {
    schema: 1,
    type: 'job',
    jobId: 'job-1',
    batchId: 'batch-1',
    revision: 1,
    target: 'http://127.0.0.1:8080',
    device: null,
    protocol: null,
    state: 'transferring',
    doneBytes: 0,
    totalBytes: 1024,
    bytesPerSecond: null,
    remainingMs: null,
    attempts: 1,
    retries: 0,
    boardNow: 'old-firmware',
    unplug: 'safe',
    evidence: [],
    required: null,
    verdict: null,
    provenLevel: null,
    reason: null,
    warnings: [],
    error: null,
    decision: null,
    simulated: false,
    firmware: { fileName: 'app.bin', imageSha256: '00'.repeat(32), sizeBytes: 1024 },
    createdAt: '2026-11-21T10:00:00.000+07:00',
    startedAt: null,
    endedAt: null,
    ...changes,
  }
}
