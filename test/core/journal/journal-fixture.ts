/** Jobs, records and journals for the tests of the journal. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { EvidenceFact, JobSnapshot } from '../../../src/shared/contract/models.ts'
import type { JobRecord } from '../../../src/shared/contract/record.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { type Journal, type JournalKind, openJournal } from '../../../src/core/journal/journal.ts'
import { currentOwner } from '../../../src/core/journal/owner.ts'
import { fakeSnapshot } from '../../fakes/fake-snapshot.ts'

export function makeHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'flashproof-journal-'))
  onTestFinished(() => {
    rmSync(home, { recursive: true, force: true })
  })
  return home
}

export function openTestJournal(
  home: string,
  options: { readonly kind?: JournalKind; readonly beforeCommit?: () => void } = {},
): Journal {
  const { kind = 'station', beforeCommit } = options
  const journal = openJournal({
    home,
    kind,
    clock: systemClock,
    ...(beforeCommit === undefined ? {} : { beforeCommit }),
  })
  onTestFinished(() => {
    try {
      journal.close()
    } catch {
      // A test of a full disk leaves writes that cannot be kept.
    }
  })
  return journal
}

export const startedAt = '2026-11-21T09:00:00.000+07:00'
const imageSha256 = 'c0ffee'.padEnd(64, '0')

export const storedFact: EvidenceFact = {
  level: 'stored',
  basis: 'device-hash',
  method: 'sha256-nonce',
  value: imageSha256,
  at: '2026-11-21T09:00:09.000+07:00',
  matches: true,
  fresh: true,
}

export function makeSnapshot(jobId: string, changes: Partial<JobSnapshot> = {}): JobSnapshot {
  return fakeSnapshot({
    jobId,
    device: { mac: 'AA:BB:CC:00:00:01', chip: 'ESP32-S3', name: `Board ${jobId}` },
    protocol: 'esp-parts',
    state: 'queued',
    totalBytes: 16_384,
    required: 'stored',
    firmware: { fileName: 'pump.bin', imageSha256, sizeBytes: 16_384 },
    createdAt: startedAt,
    ...changes,
  })
}

export function makeRecord(jobId: string, changes: Partial<JobRecord> = {}): JobRecord {
  return {
    recordVersion: 1,
    jobId,
    batchId: 'batch-1',
    simulated: false,
    station: 'Bench 4',
    operator: 'Lan Nguyễn',
    order: 'WO-2026-118',
    unitSerial: `SN-${jobId}`,
    note: null,
    context: {},
    osUser: 'technician',
    host: 'bench4',
    appVersion: '0.1.0',
    source: { fileName: 'pump.bin', sizeBytes: 16_384, sha256: imageSha256, format: 'esp-image' },
    image: { sizeBytes: 16_384, sha256: imageSha256, baseAddress: null, version: '2.1.0' },
    target: 'http://192.0.2.10',
    protocol: 'esp-parts',
    options: { chunkBytes: 4096 },
    device: { mac: 'AA:BB:CC:00:00:01', chip: 'ESP32-S3', name: `Board ${jobId}` },
    versionBefore: '2.0.3',
    versionAfter: '2.1.0',
    decisions: [],
    attempts: 1,
    retries: 0,
    createdAt: startedAt,
    startedAt,
    endedAt: '2026-11-21T09:00:10.000+07:00',
    stateDurationsMs: { transferring: 8_000, verifying: 2_000 },
    doneBytes: 16_384,
    totalBytes: 16_384,
    state: 'finished',
    evidence: [storedFact],
    required: 'stored',
    verdict: 'proven',
    provenLevel: 'stored',
    reason: null,
    boardNow: 'new-firmware',
    unplug: 'safe',
    warnings: [],
    error: null,
    ...changes,
  }
}

export interface RunOptions {
  readonly record?: Partial<JobRecord>
  readonly chunks?: number
  readonly text?: string
}

/** Journals a whole job, from its order to its record. */
export async function runJob(journal: Journal, jobId: string, options: RunOptions = {}): Promise<void> {
  const record = makeRecord(jobId, options.record ?? {})
  const { simulated, batchId, target, device } = record
  const snapshot = makeSnapshot(jobId, { simulated, batchId, target, device })
  journal.insertJob({ snapshot, order: { firmwareId: 'f1', targets: [snapshot.target] }, owner: currentOwner() })
  transferRows(journal, jobId, 1, options)
  journal.addEvidence(jobId, storedFact)
  journal.saveSnapshot({ ...snapshot, revision: 9, state: 'finished', doneBytes: 16_384, verdict: 'proven' })
  await journal.sealRecord(record)
}

export function transferRows(journal: Journal, jobId: string, session: number, options: RunOptions = {}): void {
  const total = options.chunks ?? 4
  journal.startSession(jobId, {
    session,
    chunkBytes: 4096,
    totalChunks: total,
    imageSha256,
    deviceKey: 'mac:AA:BB:CC:00:00:01',
    targetPath: '/upload',
  })
  journal.addLogLine(jobId, {
    at: startedAt,
    elapsedMs: 0.25,
    level: 'info',
    code: 'job.started',
    text: options.text ?? 'Connected',
  })
  for (let index = 0; index < total; index++) {
    journal.addChunk(jobId, {
      session,
      index,
      sizeBytes: 4096,
      attempt: 1,
      elapsedMs: 100 * index + 50,
      durationMs: 48.5,
    })
    journal.addTelemetry(jobId, {
      at: startedAt,
      elapsedMs: 100 * index,
      source: 'http-json',
      heapFreeBytes: 180_000 - 900 * index,
      heapMinFreeBytes: 150_000,
      heapLargestBlockBytes: 110_000,
    })
  }
}
