/**
 * The record of a finished job: what the journal seals in its hash chain and what every export holds. Field names are
 * fixed; a new field needs a new `recordVersion`.
 */
import { z } from 'zod'
import {
  BoardNow,
  Decision,
  DeviceIdentity,
  EvidenceFact,
  EvidenceLevel,
  JobState,
  Verdict,
  VerdictReason,
  WireErrorModel,
} from './models.ts'

export const RECORD_VERSION = 1

export const JobRecord = z.object({
  recordVersion: z.literal(RECORD_VERSION),
  jobId: z.string(),
  batchId: z.string(),
  /** True for a virtual device: such a record lives in the practice journal and is watermarked PRACTICE. */
  simulated: z.boolean(),
  station: z.string(),
  operator: z.string().nullable(),
  order: z.string().nullable(),
  unitSerial: z.string().nullable(),
  note: z.string().nullable(),
  /** Further `--context KEY=VALUE` pairs. */
  context: z.record(z.string(), z.string()),
  osUser: z.string(),
  host: z.string(),
  appVersion: z.string(),
  source: z.object({ fileName: z.string(), sizeBytes: z.number(), sha256: z.string(), format: z.string() }),
  image: z.object({
    sizeBytes: z.number(),
    sha256: z.string(),
    baseAddress: z.number().nullable(),
    version: z.string().nullable(),
  }),
  target: z.string(),
  protocol: z.string().nullable(),
  /** Options in force; secrets never. */
  options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  device: DeviceIdentity.nullable(),
  versionBefore: z.string().nullable(),
  versionAfter: z.string().nullable(),
  decisions: z.array(Decision),
  attempts: z.number(),
  retries: z.number(),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  endedAt: z.string(),
  /** Monotonic milliseconds spent in each state. */
  stateDurationsMs: z.record(z.string(), z.number()),
  doneBytes: z.number(),
  totalBytes: z.number(),
  state: JobState,
  evidence: z.array(EvidenceFact),
  required: EvidenceLevel.nullable(),
  verdict: Verdict.nullable(),
  provenLevel: EvidenceLevel.nullable(),
  reason: VerdictReason.nullable(),
  boardNow: BoardNow,
  unplug: z.enum(['safe', 'keep-powered']),
  warnings: z.array(z.string()),
  error: WireErrorModel.nullable(),
})
export type JobRecord = z.infer<typeof JobRecord>
