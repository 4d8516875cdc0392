/** THE table of events: what the worker tells without being asked. */
import { z } from 'zod'
import {
  Decision,
  DeviceEntry,
  DiscoveryChannel,
  EngineState,
  FirmwareSummary,
  JobLogLine,
  JobSnapshot,
  MenuAction,
  MonitorEntry,
  Preferences,
  TelemetrySample,
  WireErrorModel,
} from './models.ts'

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
  /** What a board on a serial line printed, was sent, and what happened; at most ten times a second, in order. */
  'monitor.heard': z.object({ monitorId: z.string(), target: z.string(), entries: z.array(MonitorEntry) }),
  'device.changed': z.object({ device: DeviceEntry }),
  'conversion.progressed': z.object({
    operationId: z.string(),
    doneBytes: z.number().int(),
    totalBytes: z.number().int(),
  }),
  'journal.changed': z.object({ state: z.enum(['ok', 'disk-full', 'read-only']), text: z.string() }),
  /** What the sources of devices hear changed. */
  'discovery.changed': z.object({ channels: z.array(DiscoveryChannel) }),
  /** How a search for devices goes; at most four a second, the last one always arrives. */
  'discovery.scanned': z.object({
    scanId: z.string(),
    state: z.enum(['running', 'ended', 'cancelled', 'failed']),
    /** Addresses that were tried, of how many, and at how many something listens. */
    asked: z.number().int(),
    total: z.number().int(),
    answering: z.number().int(),
    /** Devices that were recognised since the event before; they are in the list too. */
    devices: z.array(DeviceEntry),
    /** Recognised in all. */
    found: z.number().int(),
    /** Why it failed; null unless it did. */
    error: WireErrorModel.nullable(),
  }),
  /** A device is no longer in the list. */
  'device.removed': z.object({ key: z.string() }),
  'settings.changed': z.object({ settings: Preferences }),
  /** Told by the host: the background process started, crashed, was given up. */
  'engine.changed': z.object({ engine: EngineState }),
  /** Told by the host: this page may act, or only watches. */
  'control.changed': z.object({ control: z.enum(['control', 'watch']) }),
  /** Told by the host: a file was opened by its menu, a double click, or again after a restart. */
  'firmware.opened': z.object({
    firmware: FirmwareSummary,
    /** The firmware whose place it takes, when it is the same file opened again. */
    replaces: z.string().nullable(),
  }),
  /** Told by the host: a file that the system handed over could not be opened. */
  'firmware.refused': z.object({ fileName: z.string(), error: WireErrorModel }),
  /** Told by the host: somebody chose this in the application's menu. */
  'menu.chosen': z.object({ action: MenuAction }),
  /** A batch ended: every job of it is in an end state. */
  'batch.ended': z.object({ batchId: z.string(), headHash: z.string().nullable() }),
} as const

export type Events = typeof events
export type EventName = keyof Events
export type EventOf<Name extends EventName> = z.infer<Events[Name]>
