/** THE table of commands: who answers, who may ask, what goes in and what comes out. All types are derived from it. */
import { z } from 'zod'
import {
  ConversionResult,
  DeviceEntry,
  DiscoveryChannel,
  EvidenceLevel,
  FirmwareSummary,
  FormatDescriptor,
  HostInfo,
  Inspection,
  JobLogLine,
  JobSnapshot,
  JobState,
  MonitorEntry,
  PcCheckItem,
  Preferences,
  ProbeReport,
  ProtocolDescriptor,
  TargetReview,
  TelemetrySample,
} from './models.ts'

/** `main`: whoever shows the page: Electron main in the desktop app, the server in the browser mode. */
export type Answerer = 'worker' | 'main'
/** `host`: the command line, Electron main, the browser mode's server. `page`: the renderer too. */
export type Caller = 'page' | 'host'
/** Whether a page that only watches may ask it: `reads` changes neither a device, nor a job, nor what is kept. */
export type Effect = 'reads' | 'changes'

interface CommandEntry<Who extends Answerer, Request extends z.ZodType, Response extends z.ZodType> {
  readonly answeredBy: Who
  readonly allowedFrom: Caller
  readonly effect: Effect
  /** How long a caller waits before `call.timeout`. */
  readonly deadlineMs: number
  readonly request: Request
  readonly response: Response
}

function command<Who extends Answerer, Request extends z.ZodType, Response extends z.ZodType>(
  entry: Omit<CommandEntry<Who, Request, Response>, 'deadlineMs' | 'effect'> & {
    readonly deadlineMs?: number
    /** `changes` where not given. */
    readonly effect?: Effect
  },
): CommandEntry<Who, Request, Response> {
  return { deadlineMs: 10_000, effect: 'changes', ...entry }
}

const LONG_MS = 30 * 60_000
const empty = z.strictObject({})

/**
 * A record whose keys people choose. zod leaves a `__proto__` entry out without a word; what somebody gave is refused
 * instead of forgotten.
 */
const keyed = <Value extends z.ZodType>(value: Value) =>
  z
    .unknown()
    .refine(given => typeof given !== 'object' || given === null || !Object.hasOwn(given, '__proto__'), {
      message: 'a key is “__proto__”, which no entry may be named',
    })
    .pipe(z.record(z.string(), value))

export const ExportFormat = z.enum(['csv', 'jsonl', 'json', 'html'])
export type ExportFormat = z.infer<typeof ExportFormat>

/** Which finished jobs a listing or an export holds; all given conditions must hold. */
export const LogFilter = z.strictObject({
  jobIds: z.array(z.string()).optional(),
  batchId: z.string().optional(),
  order: z.string().optional(),
  /** ISO 8601 date or date-time; records that ended at or after it. */
  since: z.string().optional(),
  until: z.string().optional(),
  /** The practice journal (virtual devices) instead of the station's. */
  practice: z.boolean().optional(),
})
export type LogFilter = z.infer<typeof LogFilter>

export const ChainReport = z.object({
  valid: z.boolean(),
  records: z.number().int(),
  headHash: z.string().nullable(),
  headSequence: z.number().int(),
  /** Whether heads are signed, and whether each signature holds. */
  signature: z.enum(['none', 'valid', 'invalid']),
  problems: z.array(z.object({ sequence: z.number().nullable(), jobId: z.string().nullable(), text: z.string() })),
  notes: z.array(z.string()),
})
export type ChainReport = z.infer<typeof ChainReport>

/** What the person wants as a file. */
export const SaveRequest = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('export'),
    format: z.enum([...ExportFormat.options, 'pdf']),
    filter: LogFilter.optional(),
  }),
  /** One page for the customer: site, before and after, proof in words, operator, head hash. */
  z.strictObject({
    kind: z.literal('service-report'),
    jobIds: z.array(z.string()).min(1).max(1024),
    practice: z.boolean().optional(),
    language: z.enum(['en', 'vi']),
    format: z.enum(['html', 'pdf']),
  }),
  z.strictObject({ kind: z.literal('job-log'), jobId: z.string() }),
  /** The newest lines of a serial line that is or was listened to, as text. */
  z.strictObject({ kind: z.literal('serial-lines'), target: z.string().max(2048) }),
  /** For those who help: versions, settings, log files, the last records; no secrets. */
  z.strictObject({ kind: z.literal('support-bundle') }),
  /** The remembered devices with their labels, as CSV. */
  z.strictObject({ kind: z.literal('devices') }),
])
export type SaveRequest = z.infer<typeof SaveRequest>

export const SaveOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('saved'), fileName: z.string(), folder: z.string() }),
  /** The page fetches it from here, once. */
  z.object({ outcome: z.literal('download'), fileName: z.string(), url: z.string() }),
  /** A page to be printed: shown in a tab of its own, whose print dialog can save a PDF. */
  z.object({ outcome: z.literal('print'), url: z.string() }),
  z.object({ outcome: z.literal('cancelled') }),
])
export type SaveOutcome = z.infer<typeof SaveOutcome>

export const LogEntry = z.object({
  sequence: z.number().int().nullable(),
  recordHash: z.string().nullable(),
  snapshot: JobSnapshot,
  /** From the sealed record; absent where there is none. */
  operator: z.string().nullable().optional(),
  order: z.string().nullable().optional(),
})

export const JobOrderRequest = z.strictObject({
  firmwareId: z.string(),
  targets: z.array(z.string()).min(1).max(1024),
  protocol: z.string().optional(),
  options: keyed(z.union([z.string(), z.number(), z.boolean()])).optional(),
  secrets: keyed(z.string()).optional(),
  /** Secrets of single targets; they win over `secrets`. */
  targetSecrets: keyed(keyed(z.string())).optional(),
  /** How many jobs of the batch run at once. */
  parallel: z.number().int().min(1).max(1024).optional(),
  /** Try this many devices first; the rest start only when all of those reached their required level. */
  first: z.number().int().min(1).optional(),
  /** Stop starting new jobs after this many failed. */
  stopAfter: z.number().int().min(1).optional(),
  require: EvidenceLevel.optional(),
  /** Keys `operator`, `order`, `unit-serial`, `note`, `station`; others are kept as they are. */
  context: keyed(z.string()).optional(),
  expectSha256: z.string().optional(),
  accept: z.array(z.string()).optional(),
  /** Who answers decisions that were given in advance, for the record. */
  acceptedBy: z.string().optional(),
  /** Whether somebody is there to answer questions; without, a question that was not answered in advance fails the job. */
  interactive: z.boolean().optional(),
  /** Wait this long for a device that does not answer yet. */
  waitDeviceMs: z.number().int().min(0).optional(),
  /** Check everything that can be checked by reading, then stop before the first byte. */
  dryRun: z.boolean().optional(),
})
export type JobOrderRequest = z.infer<typeof JobOrderRequest>

/** How far a page of a job's trace reaches back; 0 where nothing older is left, or is wanted. */
const TracePosition = z.strictObject({ line: z.number().int().min(0), sample: z.number().int().min(0) })

/** Rows in one answer, 1,000 where not given: more would hold the worker's loop while they are packed. */
const pageLimit = z.number().int().min(1).max(1000).optional()

const jobIds = z.strictObject({ jobIds: z.array(z.string()).min(1) })

export const commands = {
  'worker.hello': command({
    answeredBy: 'worker',
    allowedFrom: 'host',
    effect: 'reads',
    request: empty,
    response: z.object({ version: z.string(), pid: z.number(), nodeVersion: z.string(), home: z.string() }),
  }),
  /** Pauses every job at a chunk edge, seals the journal and ends the worker. */
  'worker.stop': command({ answeredBy: 'worker', allowedFrom: 'host', request: empty, response: z.object({}) }),
  'catalog.get': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    request: empty,
    response: z.object({
      version: z.string(),
      protocols: z.array(ProtocolDescriptor),
      formats: z.array(FormatDescriptor),
    }),
  }),
  'firmware.open': command({
    answeredBy: 'worker',
    allowedFrom: 'host',
    deadlineMs: LONG_MS,
    request: z.strictObject({
      path: z.string(),
      accept: z.array(z.string()).optional(),
      /** For which chip, where the file holds firmware for several. */
      variant: z.string().max(80).optional(),
    }),
    response: FirmwareSummary,
  }),
  'firmware.inspect': command({
    answeredBy: 'worker',
    allowedFrom: 'host',
    effect: 'reads',
    deadlineMs: LONG_MS,
    request: z.strictObject({ path: z.string(), variant: z.string().max(80).optional() }),
    response: Inspection,
  }),
  'firmware.convert': command({
    answeredBy: 'worker',
    allowedFrom: 'host',
    deadlineMs: LONG_MS,
    request: z.strictObject({
      inputPath: z.string(),
      outputPath: z.string(),
      to: z.enum(['bin', 'hex', 'srec']).optional(),
      /** Absolute address, or `lowest`. */
      base: z.union([z.literal('lowest'), z.number().int().min(0).max(0xffff_ffff)]).optional(),
      fillByte: z.number().int().min(0).max(255).optional(),
      /** Codes of warnings that the person accepts, such as `missing-end`. */
      accept: z.array(z.string()).optional(),
      /** For which chip, where the input holds firmware for several. */
      variant: z.string().max(80).optional(),
      /** Chosen by the caller; `conversion.progressed` events carry it. */
      operationId: z.string().optional(),
    }),
    response: ConversionResult,
  }),
  'device.list': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    deadlineMs: 10 * 60_000,
    request: z.strictObject({ waitMs: z.number().int().min(0).max(300_000).optional() }),
    response: z.object({
      devices: z.array(DeviceEntry),
      /** How listening went on each way; what `discovery.status` says where it listens all the time. */
      channels: z.array(DiscoveryChannel).optional(),
    }),
  }),
  /** Asks a target what it is, and writes nothing; a board on a serial line is restarted by being asked. */
  'device.probe': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    deadlineMs: 60_000,
    request: z.strictObject({ target: z.string() }),
    response: ProbeReport,
  }),
  'job.start': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    deadlineMs: 60_000,
    request: JobOrderRequest,
    response: z.object({ batchId: z.string(), jobIds: z.array(z.string()), warnings: z.array(z.string()) }),
  }),
  /**
   * Newest first. Without a condition: what a page shows that loads late, which is live and interrupted jobs of both
   * journals, the other jobs of their batches, and all jobs of batches that began or went on since the worker started.
   */
  'job.list': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    request: z.strictObject({
      states: z.array(JobState).optional(),
      batchId: z.string().optional(),
      limit: z.number().int().min(1).max(10_000).optional(),
    }),
    response: z.object({ jobs: z.array(JobSnapshot) }),
  }),
  'job.pause': command({ answeredBy: 'worker', allowedFrom: 'page', request: jobIds, response: z.object({}) }),
  /** Goes on with paused, interrupted, cancelled, failed or unproven jobs where each stopped. Empty: all interrupted and paused ones. */
  'job.resume': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    deadlineMs: 60_000,
    request: z.strictObject({
      jobIds: z.array(z.string()).optional(),
      accept: z.array(z.string()).optional(),
      acceptedBy: z.string().optional(),
      interactive: z.boolean().optional(),
      /** Never kept, so a job that goes on needs them again; one that was only paused still has its own. */
      secrets: keyed(z.string()).optional(),
      /** Secrets of single targets, as the jobs name them; they win over `secrets`. What no job here has a use for is left. */
      targetSecrets: keyed(keyed(z.string())).optional(),
    }),
    response: z.object({ jobIds: z.array(z.string()) }),
  }),
  /** Ends live jobs at a chunk edge, and gives interrupted ones up: each ends as `cancelled` with a record. */
  'job.cancel': command({ answeredBy: 'worker', allowedFrom: 'page', request: jobIds, response: z.object({}) }),
  'decision.answer': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    request: z.strictObject({
      jobId: z.string(),
      code: z.string(),
      answer: z.enum(['accept', 'refuse']),
      answeredBy: z.string(),
    }),
    response: z.object({}),
  }),
  /** One monitor a target: a second start gives the same id, and as many stops end it. A page's monitors end with the page. */
  'monitor.start': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    request: z.strictObject({
      target: z.string(),
      intervalMs: z.number().int().min(100).max(60_000).optional(),
      /** Of a serial line; 115,200 unless it is said. */
      baudRate: z.number().int().min(300).max(5_000_000).optional(),
    }),
    response: z.object({ monitorId: z.string() }),
  }),
  /** Names files, so it is the host's alone: a log file of the lines, an ELF file that crashes are decoded with. */
  'monitor.attach': command({
    answeredBy: 'worker',
    allowedFrom: 'host',
    request: z.strictObject({
      monitorId: z.string(),
      logFile: z
        .strictObject({
          path: z.string().min(1),
          sizeBytes: z
            .number()
            .int()
            .min(4096)
            .max(2 ** 30)
            .optional(),
          /** How many that are full are kept beside it. */
          kept: z.number().int().min(0).max(99).optional(),
        })
        .optional(),
      elfPath: z.string().min(1).optional(),
    }),
    response: z.object({}),
  }),
  /** Sends a line of text to a board. */
  'monitor.send': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    request: z.strictObject({
      monitorId: z.string(),
      text: z.string().max(4096),
      lineEnd: z.enum(['lf', 'crlf', 'cr', 'none']).optional(),
    }),
    response: z.object({}),
  }),
  /** Restarts the board by its reset line: at once, or as soon as its line is open. */
  'monitor.restart': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    request: z.strictObject({ monitorId: z.string() }),
    response: z.object({}),
  }),
  /** The newest lines and events of a target that is or was watched (2,000 at most), the oldest of them first. */
  'monitor.history': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    request: z.strictObject({ target: z.string() }),
    response: z.object({ entries: z.array(MonitorEntry) }),
  }),
  'monitor.stop': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    request: z.strictObject({ monitorId: z.string() }),
    response: z.object({}),
  }),
  'log.list': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    deadlineMs: 60_000,
    request: LogFilter,
    response: z.object({ entries: z.array(LogEntry), headHash: z.string().nullable() }),
  }),
  'log.show': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    deadlineMs: 60_000,
    request: z.strictObject({ jobId: z.string() }),
    response: z.object({ entry: LogEntry, record: z.unknown(), lines: z.array(JobLogLine) }),
  }),
  'log.export': command({
    answeredBy: 'worker',
    allowedFrom: 'host',
    deadlineMs: LONG_MS,
    request: z.strictObject({ format: ExportFormat, outputPath: z.string(), filter: LogFilter.optional() }),
    response: z.object({ outputPath: z.string(), records: z.number().int(), headHash: z.string().nullable() }),
  }),
  /** Without a path: this station's journal. With one: an export, wherever it comes from. */
  'log.verify': command({
    answeredBy: 'worker',
    allowedFrom: 'host',
    effect: 'reads',
    deadlineMs: LONG_MS,
    request: z.strictObject({ exportPath: z.string().optional(), practice: z.boolean().optional() }),
    response: ChainReport,
  }),
  /** Looks at each target by reading only and says whether this firmware may go there, before anything is sent. */
  'order.review': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    deadlineMs: 120_000,
    request: z.strictObject({
      firmwareId: z.string(),
      targets: z.array(z.string()).min(1).max(1024),
      protocol: z.string().optional(),
      options: keyed(z.union([z.string(), z.number(), z.boolean()])).optional(),
      secrets: keyed(z.string()).optional(),
      /** Secrets of single targets; they win over `secrets`. */
      targetSecrets: keyed(keyed(z.string())).optional(),
      require: EvidenceLevel.optional(),
    }),
    response: z.object({ targets: z.array(TargetReview) }),
  }),
  /**
   * Asks a board on a serial port which chip it is, which restarts it, and keeps the answer in the list. Where nothing
   * answers, the list stays as it is.
   */
  'device.identify': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    deadlineMs: 60_000,
    request: z.strictObject({ target: z.string().max(2048) }),
    response: z.object({ device: DeviceEntry.nullable(), probe: ProbeReport }),
  }),
  /** Asks a target what it is and keeps it in the list, whether it answers or not. */
  'device.add': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    deadlineMs: 60_000,
    request: z.strictObject({ target: z.string().max(2048) }),
    response: z.object({ device: DeviceEntry, probe: ProbeReport }),
  }),
  /** Takes a remembered device out of the list; a source that still hears it lists it again. */
  'device.forget': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    request: z.strictObject({ key: z.string() }),
    response: z.object({}),
  }),
  /** Gives a board (by its MAC) or a USB socket a name of the technician's own; null takes it away. */
  'device.label': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    request: z.strictObject({ key: z.string(), label: z.string().trim().min(1).max(64).nullable() }),
    response: z.object({}),
  }),
  /** What was heard on which interface, and why nothing was. */
  'discovery.status': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    request: empty,
    response: z.object({ channels: z.array(DiscoveryChannel) }),
  }),
  /**
   * Searches a range of IPv4 addresses for devices by connecting and reading, at most 4096 (a /20). Answers at once;
   * `discovery.scanned` events tell how it goes. One search at a time.
   */
  'discovery.scan': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    request: z.strictObject({
      /** `192.168.4.0/24`, or one address. */
      cidr: z.string().max(64),
      /** Addresses a second, 50 where not given. */
      ratePerSecond: z.number().int().min(1).max(500).optional(),
      /** Ports of web servers to look at instead of 80. */
      httpPorts: z.array(z.number().int().min(1).max(65_535)).max(16).optional(),
      /** A person said that addresses outside private networks and those of this computer are meant. */
      includePublic: z.boolean().optional(),
    }),
    response: z.object({ scanId: z.string(), hosts: z.number().int() }),
  }),
  /** Ends a search at once; one that already ended is left alone. */
  'discovery.cancel-scan': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    request: z.strictObject({ scanId: z.string() }),
    response: z.object({}),
  }),
  /** The remembered devices as CSV text with a byte order mark. */
  'device.export': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    request: empty,
    response: z.object({ csv: z.string(), devices: z.number().int() }),
  }),
  /** Remembers the devices of a CSV text, with their labels. Nothing is taken in when one line is wrong. */
  'device.import': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    request: z.strictObject({ csv: z.string().max(1024 * 1024) }),
    response: z.object({ devices: z.number().int() }),
  }),
  /** Whether this computer is fit for the work: rights, drivers, network, disk, sleep. Sends nothing to a device. */
  'pc.check': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    deadlineMs: 30_000,
    request: empty,
    response: z.object({ items: z.array(PcCheckItem) }),
  }),
  /** Firmware that is open now, the last one first: a page that loads late shows what was there. */
  'firmware.list': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    request: empty,
    response: z.object({ firmware: z.array(FirmwareSummary) }),
  }),
  /** Compares the file on disk with the one that was inspected. */
  'firmware.recheck': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    request: z.strictObject({ firmwareId: z.string() }),
    response: z.object({ state: z.enum(['same', 'changed', 'missing']), changedAt: z.string().nullable() }),
  }),
  /**
   * Log lines and telemetry of a job, live or past, for a page that was not there from the beginning: the newest ones
   * without `before`, and with it those before an earlier answer. Within an answer the oldest comes first.
   */
  'job.trace': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    deadlineMs: 60_000,
    request: z.strictObject({ jobId: z.string(), before: TracePosition.optional(), limit: pageLimit }),
    response: z.object({
      lines: z.array(JobLogLine),
      samples: z.array(TelemetrySample),
      /** What to give as `before` to get older ones; null when there are none. */
      next: TracePosition.nullable(),
    }),
  }),
  /**
   * Telemetry of a target that the worker still holds (at least four hours at one reading a second): the newest without
   * `before`, and with it those before an earlier answer. Within an answer the oldest comes first.
   */
  'telemetry.history': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    request: z.strictObject({ target: z.string(), before: z.number().int().min(0).optional(), limit: pageLimit }),
    response: z.object({ samples: z.array(TelemetrySample), next: z.number().int().nullable() }),
  }),
  'settings.get': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    request: empty,
    response: Preferences,
  }),
  /** Changes what is given and keeps the rest; answers with all of it. */
  'settings.set': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    request: Preferences.partial(),
    response: Preferences,
  }),
  /** Verifies this station's own journal. */
  'log.check': command({
    answeredBy: 'worker',
    allowedFrom: 'page',
    effect: 'reads',
    deadlineMs: LONG_MS,
    request: z.strictObject({ practice: z.boolean().optional() }),
    response: ChainReport,
  }),

  /** What shows this page, and what it can do. */
  'host.info': command({
    answeredBy: 'main',
    allowedFrom: 'page',
    effect: 'reads',
    request: empty,
    response: HostInfo,
  }),
  /** Makes this page the one that may act; the page that could before only watches from then on. */
  'control.take': command({
    answeredBy: 'main',
    allowedFrom: 'page',
    effect: 'reads',
    request: empty,
    response: z.object({}),
  }),
  /** Starts the background process again after it was given up. */
  'engine.restart': command({ answeredBy: 'main', allowedFrom: 'page', request: empty, response: z.object({}) }),
  /** Shows the system's file dialog (desktop only: `HostInfo.hasFileDialog`); null when it was closed without a choice. */
  'firmware.choose': command({
    answeredBy: 'main',
    allowedFrom: 'page',
    deadlineMs: LONG_MS,
    request: empty,
    response: z.object({ firmware: FirmwareSummary.nullable() }),
  }),
  /**
   * Opens a file that was refused with `format.variant-needed`, for one of the chips that its error names in `variants`;
   * the error names the file by its `choiceId`.
   */
  'firmware.open-variant': command({
    answeredBy: 'main',
    allowedFrom: 'page',
    deadlineMs: LONG_MS,
    request: z.strictObject({ choiceId: z.string().max(80), variant: z.string().max(80) }),
    response: z.object({ firmware: FirmwareSummary }),
  }),
  /** Opens the file of this firmware again: the one on disk is newer, or the background process was restarted. */
  'firmware.reopen': command({
    answeredBy: 'main',
    allowedFrom: 'page',
    deadlineMs: LONG_MS,
    request: z.strictObject({ firmwareId: z.string() }),
    response: z.object({ firmware: FirmwareSummary }),
  }),
  /**
   * Shows the system's file dialog (desktop only) for the ELF file that crashes on this serial line are decoded with; null
   * when it was closed without a choice. It holds for every monitor of the line from then on.
   */
  'monitor.choose-elf': command({
    answeredBy: 'main',
    allowedFrom: 'page',
    deadlineMs: LONG_MS,
    request: z.strictObject({ target: z.string().max(2048) }),
    response: z.object({ fileName: z.string().nullable() }),
  }),
  /** Writes a file for the person: through a save dialog on the desktop, as a download in a browser. */
  'file.save': command({
    answeredBy: 'main',
    allowedFrom: 'page',
    effect: 'reads',
    deadlineMs: LONG_MS,
    request: SaveRequest,
    response: SaveOutcome,
  }),
  /** Virtual boards for practice. Their jobs live in a journal of their own. */
  'practice.start': command({
    answeredBy: 'main',
    allowedFrom: 'page',
    deadlineMs: 60_000,
    request: empty,
    response: z.object({ devices: z.number().int() }),
  }),
  'practice.stop': command({ answeredBy: 'main', allowedFrom: 'page', request: empty, response: z.object({}) }),
  /** Which secrets are kept for which device. Their values never reach a page. */
  'credential.list': command({
    answeredBy: 'main',
    allowedFrom: 'page',
    effect: 'reads',
    request: empty,
    response: z.object({ credentials: z.array(z.object({ device: z.string(), key: z.string() })) }),
  }),
  /** Keeps a secret of a device, encrypted by the operating system; null forgets it. */
  'credential.set': command({
    answeredBy: 'main',
    allowedFrom: 'page',
    request: z.strictObject({
      device: z.string().max(2048),
      key: z.string().max(128),
      value: z.string().max(4096).nullable(),
    }),
    response: z.object({}),
  }),
} as const

export type Commands = typeof commands
export type CommandName = keyof Commands
export type RequestOf<Name extends CommandName> = z.infer<Commands[Name]['request']>
export type ResponseOf<Name extends CommandName> = z.infer<Commands[Name]['response']>
export type CommandsAnsweredBy<Who extends Answerer> = {
  [Name in CommandName]: Commands[Name]['answeredBy'] extends Who ? Name : never
}[CommandName]

export interface CallContext {
  /** Aborts when the caller cancelled, its deadline passed, or its link closed. */
  readonly signal: AbortSignal
  readonly caller: Caller
}

/** One handler a command; a forgotten one does not compile. */
export type Handlers<Who extends Answerer> = {
  readonly [Name in CommandsAnsweredBy<Who>]: (
    request: RequestOf<Name>,
    context: CallContext,
  ) => Promise<ResponseOf<Name>> | ResponseOf<Name>
}

/** Looks a command up by its own name only: inherited names such as `__proto__` are unknown. */
export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(commands, name)
}
