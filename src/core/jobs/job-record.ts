/** Builds the record of a finished job out of its last snapshot and its order. Secrets never come here. */
import type { JobSnapshot } from '../../shared/contract/models.ts'
import { RECORD_VERSION, type JobRecord } from '../../shared/contract/record.ts'
import type { StoredOrder } from './job-order.ts'
import type { JobWorld } from './job-world.ts'

/** Keys of `--context` that have a place of their own in the record. */
const namedContext = ['operator', 'order', 'unit-serial', 'note', 'station'] as const

export function buildRecord(parts: {
  readonly snapshot: JobSnapshot
  readonly order: StoredOrder
  readonly durationsMs: Readonly<Record<string, number>>
  readonly world: Pick<JobWorld, 'station'>
}): JobRecord {
  const { snapshot, order, world } = parts
  const { inspection } = order.image
  const named = (key: (typeof namedContext)[number]): string | null => order.context[key] ?? null
  const others = Object.entries(order.context).filter(([key]) => !namedContext.some(name => name === key))
  return {
    recordVersion: RECORD_VERSION,
    jobId: snapshot.jobId,
    batchId: snapshot.batchId,
    simulated: snapshot.simulated,
    station: named('station') ?? world.station.station,
    operator: named('operator'),
    order: named('order'),
    unitSerial: named('unit-serial'),
    note: named('note'),
    context: Object.fromEntries(others),
    osUser: world.station.osUser,
    host: world.station.host,
    appVersion: world.station.appVersion,
    source: {
      fileName: inspection.fileName,
      sizeBytes: inspection.sourceBytes,
      sha256: inspection.sourceSha256,
      format: inspection.format,
    },
    image: {
      sizeBytes: order.image.sizeBytes,
      sha256: order.image.sha256,
      baseAddress: order.image.baseAddress,
      version: inspection.esp?.app?.version ?? null,
    },
    target: snapshot.target,
    protocol: snapshot.protocol,
    options: order.options,
    device: snapshot.device,
    versionBefore: snapshot.versionBefore ?? null,
    versionAfter: snapshot.versionAfter ?? null,
    decisions: snapshot.decisions ?? [],
    attempts: snapshot.attempts,
    retries: snapshot.retries,
    createdAt: snapshot.createdAt,
    startedAt: snapshot.startedAt,
    endedAt: snapshot.endedAt ?? snapshot.createdAt,
    stateDurationsMs: { ...parts.durationsMs },
    doneBytes: snapshot.doneBytes,
    totalBytes: snapshot.totalBytes,
    state: snapshot.state,
    evidence: snapshot.evidence,
    required: snapshot.required,
    verdict: snapshot.verdict,
    provenLevel: snapshot.provenLevel,
    reason: snapshot.reason,
    boardNow: snapshot.boardNow,
    unplug: snapshot.unplug,
    warnings: snapshot.warnings,
    error: snapshot.error,
  }
}
