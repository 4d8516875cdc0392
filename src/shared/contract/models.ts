/** Schemas of what crosses a border: the worker answers with these, the page, the command line and scripts read them. */
import { z } from 'zod'

export const SCHEMA_VERSION = 1

export const evidenceLevels = ['sent', 'acknowledged', 'received', 'stored', 'running', 'confirmed'] as const
export const EvidenceLevel = z.enum(evidenceLevels)
export type EvidenceLevel = z.infer<typeof EvidenceLevel>

/**
 * Who says so. `host-sent`: this computer counted its own bytes (level `sent` alone). `host-read`: we read it back or
 * got a flash digest from a ROM or stub loader. `device-hash`: the device's firmware hashed. `device-said`: its word.
 */
export const EvidenceBasis = z.enum(['host-sent', 'host-read', 'device-hash', 'device-said'])
export type EvidenceBasis = z.infer<typeof EvidenceBasis>

export const EvidenceFact = z.object({
  level: EvidenceLevel,
  basis: EvidenceBasis,
  /** How it was found out, such as `http-body`, `sha256-nonce`, `elf-sha256`, `version-text`. */
  method: z.string(),
  /** What was seen: a hash in hex, a version, a count. */
  value: z.string(),
  /** ISO 8601 with zone. */
  at: z.string(),
  /** Whether `value` equals what our image gives; null where there is nothing of ours to compare it with. */
  matches: z.boolean().nullable(),
  /**
   * `false`: the answer could be an old one (a hash without our nonce, a running image that is the same as before), so it
   * proves nothing by itself. Absent: freshness is not in question.
   */
  fresh: z.boolean().optional(),
})
export type EvidenceFact = z.infer<typeof EvidenceFact>

export const Verdict = z.enum(['proven', 'running', 'received', 'acknowledged', 'sent', 'unproven'])
export type Verdict = z.infer<typeof Verdict>
export const VerdictReason = z.enum(['contradicted', 'below-required', 'outcome-unknown', 'not-answered'])
export type VerdictReason = z.infer<typeof VerdictReason>

export const BoardNow = z.enum(['old-firmware', 'new-firmware', 'not-bootable', 'unknown'])
export type BoardNow = z.infer<typeof BoardNow>
export const Unplug = z.enum(['safe', 'keep-powered'])
export type Unplug = z.infer<typeof Unplug>

export const liveStates = [
  'queued',
  'connecting',
  'preparing',
  'transferring',
  'verifying',
  'rebooting',
  'confirming',
  'paused',
  'waiting',
] as const
export const endStates = ['finished', 'failed', 'cancelled', 'interrupted'] as const
export const JobState = z.enum([...liveStates, ...endStates])
export type JobState = z.infer<typeof JobState>

export const WireErrorModel = z.object({
  code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()),
})

/** Who a board is, as far as it could be asked. Every field optional: many boards tell nothing. */
export const DeviceIdentity = z.object({
  id: z.string().optional(),
  mac: z.string().optional(),
  usbSerial: z.string().optional(),
  chip: z.string().optional(),
  board: z.string().optional(),
  name: z.string().optional(),
})
export type DeviceIdentity = z.infer<typeof DeviceIdentity>

export const Decision = z.object({
  /** What `--accept CODE` names. */
  code: z.string(),
  question: z.string(),
  details: z.record(z.string(), z.unknown()),
  askedAt: z.string(),
  answer: z.enum(['accept', 'refuse']).nullable(),
  answeredAt: z.string().nullable(),
  answeredBy: z.string().nullable(),
})
export type Decision = z.infer<typeof Decision>

/** One reading of a device's telemetry; every measured field is optional because devices differ. */
export const TelemetrySample = z.object({
  at: z.string(),
  /** Milliseconds since the job or the monitor began, from the monotonic clock. */
  elapsedMs: z.number(),
  source: z.string(),
  device: DeviceIdentity.optional(),
  uptimeMs: z.number().optional(),
  bootCount: z.number().optional(),
  resetReason: z.string().optional(),
  heapTotalBytes: z.number().optional(),
  heapFreeBytes: z.number().optional(),
  heapMinFreeBytes: z.number().optional(),
  heapLargestBlockBytes: z.number().optional(),
  flashTotalBytes: z.number().optional(),
  flashUsedBytes: z.number().optional(),
  appName: z.string().optional(),
  appVersion: z.string().optional(),
  appElfSha256: z.string().optional(),
  otaRunning: z.string().optional(),
  otaNext: z.string().optional(),
  otaState: z.string().optional(),
  rssiDbm: z.number().optional(),
})
export type TelemetrySample = z.infer<typeof TelemetrySample>

/** What a board printed when it crashed, put together. Empty where it said nothing of the kind. */
export const CrashReport = z.object({
  at: z.string(),
  kind: z.enum([
    'panic',
    'abort',
    'assert',
    'stack-overflow',
    'heap-corruption',
    'task-watchdog',
    /** A backtrace whose reason was lost, or that a program printed itself. */
    'backtrace',
  ]),
  /** The board's own words. */
  text: z.string(),
  core: z.number().int().nullable(),
  /** Further words of the same crash. */
  details: z.array(z.string()),
  /** Where `abort()` was called. */
  abortPc: z.number().int().nullable(),
  registers: z.record(z.string(), z.number().int()),
  backtraces: z.array(
    z.object({
      frames: z.array(z.object({ pc: z.number().int(), sp: z.number().int() })),
      ending: z.enum(['corrupted', 'continues']).nullable(),
    }),
  ),
  /** Words of the stack, where the chip prints them instead of a backtrace. */
  stackWords: z.array(z.number().int()),
  /** Of the application's ELF file, or its beginning. */
  elfSha256: z.string().nullable(),
})
export type CrashReport = z.infer<typeof CrashReport>

/** One address of a crash and the place in the program's sources. */
export const CrashPlace = z.object({
  address: z.number().int(),
  /** `frame`: of a backtrace; `register`: a register's; `stack`: a word of the stack that may be a caller, or chance. */
  role: z.enum(['frame', 'register', 'stack']),
  /** `#0`, `PC`, `RA`, `abort`. */
  name: z.string(),
  function: z.string().nullable(),
  /** Bytes from the beginning of the function. */
  offset: z.number().int().nullable(),
  file: z.string().nullable(),
  line: z.number().int().nullable(),
})
export type CrashPlace = z.infer<typeof CrashPlace>

/** What the ELF file says of a crash. */
export const CrashDecoding = z.object({
  /**
   * Whether the file belongs to what runs: `same` by its hash, `other` (then nothing was decoded), `unknown` where the
   * board said no hash.
   */
  build: z.enum(['same', 'other', 'unknown']),
  elfSha256: z.string(),
  places: z.array(CrashPlace),
})
export type CrashDecoding = z.infer<typeof CrashDecoding>

/** What happened on a serial line that is listened to. */
export const DeviceEvent = z.discriminatedUnion('kind', [
  /** The line is open; what the board sends is heard from now on. */
  z.object({ kind: z.literal('opened'), at: z.string() }),
  /** The line could not be opened, or broke; it is tried again by itself. */
  z.object({ kind: z.literal('lost'), at: z.string(), error: WireErrorModel }),
  /** A job needs the port: it comes back by itself. */
  z.object({ kind: z.literal('lent'), at: z.string(), usedFor: z.string() }),
  /** The board was to be restarted, and the line has no modem lines that could do it. */
  z.object({ kind: z.literal('not-restarted'), at: z.string() }),
  /** The board started, by its ROM's words. */
  z.object({ kind: z.literal('reset'), at: z.string(), reason: z.string(), bootMode: z.string() }),
  z.object({
    kind: z.literal('app'),
    at: z.string(),
    field: z.enum(['version', 'project', 'elf-sha256']),
    value: z.string(),
  }),
  /** The first words of a crash; what follows is in `crash`. */
  z.object({ kind: z.literal('panic'), at: z.string(), text: z.string() }),
  z.object({ kind: z.literal('brownout'), at: z.string() }),
  z.object({
    kind: z.literal('crash'),
    at: z.string(),
    crash: CrashReport,
    /** Null without an ELF file, and where it could not be read: `decodingError` says why then. */
    decoding: CrashDecoding.nullable(),
    decodingError: WireErrorModel.nullable(),
  }),
  /** More came than is passed on: so many lines are in the log file alone. */
  z.object({ kind: z.literal('skipped'), at: z.string(), lines: z.number().int() }),
  /** The log file cannot be written any longer; listening goes on. */
  z.object({ kind: z.literal('log-file-failed'), at: z.string(), error: WireErrorModel }),
])
export type DeviceEvent = z.infer<typeof DeviceEvent>

export const MonitorLine = z.object({
  at: z.string(),
  /** `board`: it printed this; `sent`: it was sent to the board. */
  from: z.enum(['board', 'sent']),
  text: z.string(),
  level: z.enum(['error', 'warning', 'info', 'debug', 'verbose']).nullable(),
})
export type MonitorLine = z.infer<typeof MonitorLine>

/** Lines and what happened among them, in their order. */
export const MonitorEntry = z.union([
  z.object({ type: z.literal('line'), line: MonitorLine }),
  z.object({ type: z.literal('event'), event: DeviceEvent }),
])
export type MonitorEntry = z.infer<typeof MonitorEntry>

export const LocalTextModel = z.object({ en: z.string(), vi: z.string() })

/** The second leg of a transfer that another device passes on, such as gateway to STM32. */
export const RelayLeg = z.object({
  state: z.enum(['waiting', 'running', 'done', 'failed', 'unknown']),
  /** Bytes that the far device acknowledged; null where nobody tells: then only the clock says something. */
  doneBytes: z.number().int().nullable(),
  totalBytes: z.number().int(),
  elapsedMs: z.number(),
  /** How long it takes as a rule. */
  usualMs: z.number(),
})
export type RelayLeg = z.infer<typeof RelayLeg>

/** The whole state of one job; a newer `revision` replaces an older one. Fixed field names: scripts depend on them. */
export const JobSnapshot = z.object({
  schema: z.literal(SCHEMA_VERSION),
  type: z.literal('job'),
  jobId: z.string(),
  batchId: z.string(),
  revision: z.number().int(),
  target: z.string(),
  device: DeviceIdentity.nullable(),
  protocol: z.string().nullable(),
  state: JobState,
  /**
   * Bytes of the image that the device acknowledged. A device that takes the image in one request acknowledges nothing
   * before its end: there it is what the network took, and the last byte counts only with the answer.
   */
  doneBytes: z.number().int(),
  totalBytes: z.number().int(),
  bytesPerSecond: z.number().nullable(),
  remainingMs: z.number().nullable(),
  /** Whole tries of the job, the first included. */
  attempts: z.number().int(),
  /** Requests that were sent again inside the tries. */
  retries: z.number().int(),
  boardNow: BoardNow,
  unplug: Unplug,
  evidence: z.array(EvidenceFact),
  required: EvidenceLevel.nullable(),
  verdict: Verdict.nullable(),
  provenLevel: EvidenceLevel.nullable(),
  reason: VerdictReason.nullable(),
  /** Calm sentences: what is normal for this device, what would raise the evidence. */
  warnings: z.array(z.string()),
  error: WireErrorModel.nullable(),
  /** The question that is open now. */
  decision: Decision.nullable(),
  /** Every question so far with its answer, overrides that were given in advance included. */
  decisions: z.array(Decision).optional(),
  /** What is known of the upload's completion: a resume must not repeat one that may have taken effect. */
  completion: z.enum(['none', 'sent', 'succeeded', 'failed']).optional(),
  /** What the board said of itself right before the completion: a restart after it is told by comparing with this. */
  telemetryBefore: TelemetrySample.nullable().optional(),
  versionBefore: z.string().nullable().optional(),
  versionAfter: z.string().nullable().optional(),
  /** Absent or null where the transfer has one leg. */
  relay: RelayLeg.nullable().optional(),
  /** What a cancel now could not take back; absent or null where it leaves nothing behind. */
  cannotUndo: LocalTextModel.nullable().optional(),
  simulated: z.boolean(),
  firmware: z.object({ fileName: z.string(), imageSha256: z.string(), sizeBytes: z.number().int() }),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  endedAt: z.string().nullable(),
})
export type JobSnapshot = z.infer<typeof JobSnapshot>

export const ImageSegment = z.object({ address: z.number().int(), sizeBytes: z.number().int() })

export const Finding = z.object({
  severity: z.enum(['info', 'warning', 'error']),
  /** Stable id such as `trailing-bytes`, `no-app-descriptor`. */
  code: z.string(),
  text: z.string(),
})
export type Finding = z.infer<typeof Finding>

/** What `inspect` shows of a file. Format-specific parts are optional objects. */
export const Inspection = z.object({
  fileName: z.string(),
  sourceBytes: z.number().int(),
  sourceSha256: z.string(),
  format: z.string(),
  formatLabel: z.string(),
  /** Null when the format carries no addresses. */
  baseAddress: z.number().int().nullable(),
  startAddress: z.number().int().nullable(),
  dataBytes: z.number().int(),
  /** Size and SHA-256 of the flat image, lowest address first, gaps filled with 0xFF; null when it would be refused. */
  imageBytes: z.number().int().nullable(),
  imageSha256: z.string().nullable(),
  segments: z.array(ImageSegment),
  gapBytes: z.number().int(),
  esp: z
    .object({
      /** `set`: several files, each with its flash address. */
      kind: z.enum(['app', 'bootloader', 'partition-table', 'merged', 'otadata', 'set']),
      chip: z.string().nullable(),
      chipId: z.number().int().nullable(),
      minChipRevision: z.number().int().nullable(),
      maxChipRevision: z.number().int().nullable(),
      segmentCount: z.number().int().nullable(),
      entryAddress: z.number().int().nullable(),
      flashMode: z.string().nullable(),
      flashSize: z.string().nullable(),
      flashFrequency: z.string().nullable(),
      checksumValid: z.boolean().nullable(),
      sha256Valid: z.boolean().nullable(),
      /** Length of the image by its own header, signature block included. */
      declaredBytes: z.number().int().nullable(),
      trailingBytes: z.number().int(),
      isSigned: z.boolean(),
      app: z
        .object({
          projectName: z.string(),
          version: z.string(),
          idfVersion: z.string(),
          buildDate: z.string(),
          buildTime: z.string(),
          elfSha256: z.string(),
          secureVersion: z.number().int(),
        })
        .nullable(),
      partitions: z
        .array(
          z.object({
            label: z.string(),
            type: z.string(),
            subtype: z.string(),
            offset: z.number().int(),
            sizeBytes: z.number().int(),
          }),
        )
        .nullable(),
      /** Parts found in a merged image, with their offsets in it; of a set, with their flash addresses and files. */
      parts: z
        .array(
          z.object({
            kind: z.string(),
            offset: z.number().int(),
            file: z.string().optional(),
            /** Of the whole file. */
            sha256: z.string().optional(),
          }),
        )
        .nullable(),
    })
    .nullable(),
  stm32: z
    .object({
      stackPointer: z.number().int(),
      resetVector: z.number().int(),
      isPlausible: z.boolean(),
    })
    .nullable(),
  findings: z.array(Finding),
})
export type Inspection = z.infer<typeof Inspection>

export const FirmwareSummary = z.object({
  firmwareId: z.string(),
  fileName: z.string(),
  inspection: Inspection,
  /** When it was read; what is on disk may be newer since. */
  openedAt: z.string(),
})
export type FirmwareSummary = z.infer<typeof FirmwareSummary>

export const ConversionResult = z.object({
  inputPath: z.string(),
  outputPath: z.string(),
  fromFormat: z.string(),
  toFormat: z.string(),
  baseAddress: z.number().int(),
  dataBytes: z.number().int(),
  outputBytes: z.number().int(),
  filledBytes: z.number().int(),
  fillByte: z.number().int(),
  outputSha256: z.string(),
  warnings: z.array(z.string()),
})
export type ConversionResult = z.infer<typeof ConversionResult>

/** One line of a job's log. */
export const JobLogLine = z.object({
  at: z.string(),
  elapsedMs: z.number(),
  level: z.enum(['debug', 'info', 'warning', 'error']),
  /** Stable id such as `chunk.retry`, `device.rebooted`. */
  code: z.string(),
  text: z.string(),
})
export type JobLogLine = z.infer<typeof JobLogLine>

export const DeviceEntry = z.object({
  /** Stays the same for the same board: `mac:…`, else `usb:VID:PID:SERIAL`, else `socket:…`, else its target. */
  key: z.string(),
  target: z.string(),
  name: z.string().nullable(),
  identity: DeviceIdentity.nullable(),
  source: z.enum(['remembered', 'simulated', 'mdns', 'serial']),
  protocols: z.array(z.string()),
  lastSeenAt: z.string().nullable(),
  simulated: z.boolean(),
  /** The technician's own name for the board or the socket. */
  label: z.string().nullable(),
  /** Where it is plugged in or heard: a USB socket, a network interface. */
  place: z.string().nullable(),
  /** Whether it is there now, as far as the source can tell; null where only asking it would tell. */
  present: z.boolean().nullable(),
  /** What it last said it runs. */
  appName: z.string().nullable(),
  appVersion: z.string().nullable(),
  /** Other places where the same board can be spoken to, each with the protocols known to be spoken there. */
  otherTargets: z.array(z.object({ target: z.string(), protocols: z.array(z.string()) })).optional(),
  /** Types of the services that it announces, such as `_arduino._tcp`. */
  services: z.array(z.string()).optional(),
  /** What it hangs on: `usb:VID:PID:SERIAL`, else `socket:…`, else its target. Serial ports alone. */
  adapterKey: z.string().optional(),
  /** The USB socket, `socket:…`, which can be named too; absent where it is not known. */
  socketKey: z.string().optional(),
  /** The technician's own name for that socket, whatever is plugged in there. */
  socketLabel: z.string().optional(),
  /** What is worth knowing about it: that it wants a password, that it is something else than a board. */
  notes: z.array(LocalTextModel).optional(),
})
export type DeviceEntry = z.infer<typeof DeviceEntry>

/** One way on which devices are listened for: an interface, the serial ports. */
export const DiscoveryChannel = z.object({
  id: z.string(),
  source: z.enum(['mdns', 'serial', 'simulated', 'remembered']),
  /** `Wi-Fi (wlan0)`, `Serial ports`. */
  name: z.string(),
  state: z.enum(['listening', 'off', 'failed']),
  queriesSent: z.number().int(),
  answersHeard: z.number().int(),
  lastHeardAt: z.string().nullable(),
  /** The last fault in the system's own words, also when it passed. */
  lastError: z.string().nullable().optional(),
  /** What is wrong and what to do, in a sentence; null when nothing is. */
  diagnosis: LocalTextModel.nullable(),
})
export type DiscoveryChannel = z.infer<typeof DiscoveryChannel>

/** Whether one firmware may go to one target, and what to know before. */
export const TargetReview = z.object({
  target: z.string(),
  fits: z.boolean(),
  /** When it was asked and answered; null when it did not. */
  heardAt: z.string().nullable(),
  protocol: z.string().nullable(),
  identity: DeviceIdentity.nullable(),
  appName: z.string().nullable(),
  versionNow: z.string().nullable(),
  versionNew: z.string().nullable(),
  /** What would be required without an explicit choice. */
  required: EvidenceLevel.nullable(),
  reach: z.record(EvidenceLevel, z.enum(['yes', 'no', 'unknown'])).nullable(),
  findings: z.array(
    z.object({
      severity: z.enum(['info', 'warning', 'refusal']),
      /** Stable id, such as `other-project`, `downgrade`, `same-version`; an error code for refusals by the table. */
      code: z.string(),
      text: LocalTextModel,
      /** The code that `accept` must hold before a start, when a person may override it. */
      accept: z.string().nullable(),
      /** Words to type before the override counts; null where a tick is enough. */
      typed: z.string().nullable(),
    }),
  ),
})
export type TargetReview = z.infer<typeof TargetReview>

/** One line of “Check this PC”. */
export const PcCheckItem = z.object({
  id: z.string(),
  state: z.enum(['ok', 'warning', 'problem', 'unknown']),
  title: LocalTextModel,
  /** What was found, and what to do when it is not ok. */
  text: LocalTextModel,
  /** Plain words with the facts, for whoever looks after this computer; null when all is well. */
  copyForIt: z.string().nullable(),
})
export type PcCheckItem = z.infer<typeof PcCheckItem>

/** What people set once for this station. */
export const Preferences = z.strictObject({
  language: z.enum(['system', 'en', 'vi']),
  theme: z.enum(['system', 'light', 'dark']),
  /** Shown in the window and written into every record. */
  stationName: z.string().max(64),
  /** Last values of the order and operator fields. */
  operator: z.string().max(64),
  order: z.string().max(64),
  parallel: z.number().int().min(1).max(1024),
  /** Tries of a request that may pass when repeated. */
  retries: z.number().int().min(0).max(100),
  /** `default`: as the protocol and the device allow. */
  require: z.union([EvidenceLevel, z.literal('default')]),
  tryFirst: z.number().int().min(0).max(1024),
  stopAfter: z.number().int().min(0).max(1024),
  isFirstRunDone: z.boolean(),
  detailDays: z.number().min(1).max(36_500),
  journalMiB: z.number().min(16).max(1_000_000),
  imageDays: z.number().min(1).max(36_500),
})
export type Preferences = z.infer<typeof Preferences>

export const EngineState = z.discriminatedUnion('state', [
  z.object({ state: z.literal('starting') }),
  z.object({ state: z.literal('ready') }),
  /** It crashed and is started again after `pauseMs`. */
  z.object({ state: z.literal('pausing'), pauseMs: z.number(), text: z.string() }),
  z.object({ state: z.literal('gave-up'), text: z.string() }),
  z.object({ state: z.literal('stopped') }),
])
export type EngineState = z.infer<typeof EngineState>

export const HostInfo = z.object({
  kind: z.enum(['desktop', 'browser']),
  version: z.string(),
  platform: z.string(),
  /** The system's language, such as `vi-VN`. */
  locale: z.string(),
  /** Of the background process, such as `v24.11.0`. */
  nodeVersion: z.string(),
  /** FLASHPROOF_HOME, for people. */
  home: z.string(),
  engine: EngineState,
  control: z.enum(['control', 'watch']),
  hasFileDialog: z.boolean(),
  /** Whether secrets can be kept encrypted. */
  hasSafeStorage: z.boolean(),
  /** Whether virtual boards run. */
  isPractising: z.boolean(),
})
export type HostInfo = z.infer<typeof HostInfo>

/** What the application's menu and the shortcuts of the page can ask for. */
export const menuActions = [
  'open-firmware',
  'find',
  'tick-all',
  'write',
  'retry-unproven',
  'pause-resume',
  'cancel-ticked',
  'next-needing-me',
  'label',
  'save-record',
  'stop-all',
  'show-bench',
  'show-history',
  'show-settings',
  'show-shortcuts',
  'check-pc',
] as const
export const MenuAction = z.enum(menuActions)
export type MenuAction = z.infer<typeof MenuAction>

/** What a protocol tells about itself; forms, flags and checks are derived from it. */
export const ProtocolDescriptor = z.object({
  id: z.string(),
  label: LocalTextModel,
  endpoints: z.array(z.enum(['http', 'serial', 'tcp', 'rfc2217', 'udp', 'pull'])),
  options: z.array(z.custom<import('../option-spec.ts').OptionSpec>(value => typeof value === 'object')),
  profiles: z.array(
    z.object({
      id: z.string(),
      label: LocalTextModel,
      values: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    }),
  ),
  /** Codes of every question that it may ask: what `--accept` can name. */
  decisions: z.array(z.string()),
  /** Per level: whether the protocol can reach it; `probe` where only the device at hand can tell. */
  reach: z.record(EvidenceLevel, z.enum(['yes', 'no', 'probe'])),
})
export type ProtocolDescriptor = z.infer<typeof ProtocolDescriptor>

export const FormatDescriptor = z.object({
  id: z.string(),
  label: LocalTextModel,
  extensions: z.array(z.string()),
  canWrite: z.boolean(),
})
export type FormatDescriptor = z.infer<typeof FormatDescriptor>

export const ProbeReport = z.object({
  target: z.string(),
  reachable: z.boolean(),
  protocols: z.array(z.string()),
  identity: DeviceIdentity.nullable(),
  reach: z.record(EvidenceLevel, z.enum(['yes', 'no', 'unknown'])).nullable(),
  telemetry: TelemetrySample.nullable(),
  notes: z.array(z.string()),
  /** What it is where it speaks no protocol that is known here; absent where nobody knows. */
  recognised: LocalTextModel.optional(),
})
export type ProbeReport = z.infer<typeof ProbeReport>
