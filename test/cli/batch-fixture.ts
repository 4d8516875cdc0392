/** A batch of eight devices in as many situations, as the table has to show them. */
import type { EvidenceFact, JobSnapshot } from '../../src/shared/contract/index.ts'
import { fakeSnapshot } from '../fakes/fake-snapshot.ts'

const AT = '2026-11-21T10:00:00.000+07:00'

export function fact(
  level: EvidenceFact['level'],
  basis: EvidenceFact['basis'],
  changes: Partial<EvidenceFact> = {},
): EvidenceFact {
  return { level, basis, method: 'test', value: 'ab', at: AT, matches: true, ...changes }
}

const reached = [
  fact('sent', 'host-sent'),
  fact('acknowledged', 'device-said'),
  fact('received', 'device-hash'),
  fact('stored', 'device-hash'),
]

function row(number: number, name: string, changes: Partial<JobSnapshot>): JobSnapshot {
  return fakeSnapshot({
    jobId: `job-${String(number)}`,
    target: `http://127.0.0.1:${String(40_000 + number)}`,
    device: { name, mac: `24:6F:28:00:00:0${String(number)}` },
    totalBytes: 1_048_576,
    startedAt: AT,
    unplug: 'keep-powered',
    ...changes,
  })
}

export const proven = row(1, 'esp32-bench-01', {
  state: 'finished',
  doneBytes: 1_048_576,
  boardNow: 'new-firmware',
  unplug: 'safe',
  evidence: reached,
  verdict: 'proven',
  provenLevel: 'stored',
})

export const liar = row(2, 'esp32-liar', {
  state: 'finished',
  doneBytes: 1_048_576,
  boardNow: 'unknown',
  unplug: 'safe',
  evidence: [...reached.slice(0, 2), fact('stored', 'device-hash', { matches: false })],
  verdict: 'unproven',
  reason: 'contradicted',
})

export const acknowledged = row(3, 'old-uploader', {
  state: 'finished',
  doneBytes: 1_048_576,
  boardNow: 'unknown',
  unplug: 'safe',
  evidence: reached.slice(0, 2),
  verdict: 'acknowledged',
  warnings: ['This device cannot hash its flash; the device agent would raise the evidence.'],
})

export const failed = row(4, 'esp32-仕入れ検査台', {
  state: 'failed',
  doneBytes: 300_000,
  boardNow: 'not-bootable',
  evidence: reached.slice(0, 1),
  error: { code: 'network.timeout', message: 'no answer for chunk 74 of 256', details: {} },
})

export const transferring = row(5, 'esp32-a-rather-long-name-for-a-board', {
  state: 'transferring',
  doneBytes: 655_360,
  bytesPerSecond: 1_023_900,
  remainingMs: 12_300,
  attempts: 2,
  retries: 13,
})

export const waiting = row(6, 'esp32-06', {
  state: 'waiting',
  unplug: 'safe',
  decision: {
    code: 'downgrade',
    question: 'The board runs 2.2.0, which is newer than 2.1.4. Go back?',
    details: { deviceVersion: '2.2.0', imageVersion: '2.1.4' },
    askedAt: AT,
    answer: null,
    answeredAt: null,
    answeredBy: null,
  },
})

export const queued = row(7, 'esp32-07', { state: 'queued', startedAt: null, unplug: 'safe' })

export const hostile = row(8, '\u001b[31mred\u001b[0m\nsecond\u202eline', {
  state: 'rebooting',
  doneBytes: 1_048_576,
  evidence: reached,
})

export const batch = [proven, liar, acknowledged, failed, transferring, waiting, queued, hostile]
