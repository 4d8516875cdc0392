/** THE table of events: what the worker tells without being asked. */
import { z } from 'zod'
import { Decision, DeviceEntry, JobLogLine, JobSnapshot, TelemetrySample } from './models.ts'

export const events = {
  'worker.ready': z.object({ version: z.string(), pid: z.number() }),
  /** Whole snapshots, the newest of each changed job; at most ten batches a second; the last one always arrives. */
  'jobs.changed': z.object({ jobs: z.array(JobSnapshot) }),
  'decision.asked': z.object({ jobId: z.string(), decision: Decision }),
  'job.logged': z.object({ jobId: z.string(), line: JobLogLine }),
  'telemetry.sampled': z.object({
    jobId: z.string().nullable(),
    monitorId: z.string().nullable(),
    target: z.string(),
    sample: TelemetrySample,
  }),
  'monitor.logged': z.object({ monitorId: z.string(), target: z.string(), at: z.string(), text: z.string() }),
  'device.changed': z.object({ device: DeviceEntry }),
  'conversion.progressed': z.object({
    operationId: z.string(),
    doneBytes: z.number().int(),
    totalBytes: z.number().int(),
  }),
  'journal.changed': z.object({ state: z.enum(['ok', 'disk-full', 'read-only']), text: z.string() }),
  /** A batch ended: every job of it is in an end state. */
  'batch.ended': z.object({ batchId: z.string(), headHash: z.string().nullable() }),
} as const

export type Events = typeof events
export type EventName = keyof Events
export type EventOf<Name extends EventName> = z.infer<Events[Name]>
