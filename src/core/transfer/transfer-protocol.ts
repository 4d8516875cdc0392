/**
 * What a transfer protocol must offer, and the world it is given. A new protocol is one folder that has this shape, one
 * line in `index.ts`, one virtual device and one harness in `test/conformance/`.
 */
import type {
  BoardNow,
  DeviceIdentity,
  EvidenceFact,
  EvidenceLevel,
  Inspection,
  JobLogLine,
  ProtocolDescriptor,
  RelayLeg,
  TelemetrySample,
  Unplug,
} from '../../shared/contract/models.ts'
import type { LocalText } from '../../shared/messages/index.ts'
import type { OptionValues } from '../../shared/option-spec.ts'
import type { Clock } from '../clock.ts'
import type { AnnouncedEndpoint, Announcement } from '../discovery/announcement.ts'
import type { Endpoint } from '../discovery/target.ts'
import type { Segment } from '../image/memory-image.ts'
import type { Judgement } from './judgement.ts'
import type { RetryPolicy } from './retry.ts'

/** The image as it is kept: flat, lowest address first, gaps filled with 0xFF. */
export interface TransferImage {
  readonly bytes: Uint8Array
  /**
   * What of `bytes` is data and not filler, sorted by address; views of `bytes`. A file without addresses is one segment
   * at 0.
   */
  readonly segments: readonly Segment[]
  readonly sha256: string
  /** Address of the first byte; null for formats without addresses. */
  readonly baseAddress: number | null
  readonly fileName: string
  /** The inspector's findings about the file that it came from. */
  readonly inspection: Inspection
}

export interface TransferOrder {
  readonly endpoint: Endpoint
  readonly image: TransferImage
  readonly options: OptionValues
  /** The level that a person or a recipe asked for; null: the protocol's own default for this device. */
  readonly requiredLevel: EvidenceLevel | null
  /** What the job knew of the device when it last spoke with it; null at the first try. */
  readonly expectedIdentity: DeviceIdentity | null
  /** Whether this run goes on with an earlier one, in this process or another. */
  readonly isResume: boolean
  /** What the journal knows of an earlier run's completion: sent and never answered, answered well, or failed. */
  readonly earlierCompletion: CompletionState
  /** What the board said of itself right before that completion, so that its restart is seen also when it came meanwhile. */
  readonly telemetryBefore: TelemetrySample | null
  /** Stop after every check that reading allows, before the first byte. */
  readonly isDryRun: boolean
}

/** The ledger of one session: which chunks the device acknowledged. */
export interface LedgerSession {
  readonly chunkBytes: number
  readonly totalChunks: number
  readonly imageSha256: string
  readonly deviceKey: string | null
  readonly targetPath: string
  /** Chunk 0 is the lowest bit of byte 0. */
  readonly have: Uint8Array
}

export type CompletionState = 'none' | 'sent' | 'succeeded' | 'failed'

export type PhaseState = 'connecting' | 'preparing' | 'transferring' | 'verifying' | 'rebooting' | 'confirming'

/** Everything a protocol may use of the world; a test passes another world in. */
export interface TransferContext {
  /** Aborts waiting (pauses, polls) when the job is cancelled or the worker stops; its reason is a FlashproofError. */
  readonly signal: AbortSignal
  /** Aborts requests under way: later than `signal`, so that a device is not left with half a request. */
  readonly requestSignal: AbortSignal
  readonly clock: Clock
  /** 0 inclusive to 1 exclusive: jitter, nonces excluded. */
  readonly random: () => number
  readonly retryPolicy: RetryPolicy
  enter(state: PhaseState, board: { readonly boardNow: BoardNow; readonly unplug: Unplug }): void
  /** Bytes of the image that the device has acknowledged so far. */
  progress(doneBytes: number): void
  log(level: JobLogLine['level'], code: string, text: string): void
  /** A calm sentence for the row: what is normal for this device, what would raise the evidence. */
  warn(text: string): void
  addEvidence(fact: Omit<EvidenceFact, 'at'>): void
  addTelemetry(sample: TelemetrySample): void
  countRetry(): void
  /** The leg beyond the device that is spoken to; null takes it away. */
  relay(leg: RelayLeg | null): void
  /** From now on a cancel cannot take back what this says; null: it can again. */
  cannotUndo(text: LocalText | null): void
  /** The level in force, once the device has been asked what it can prove. */
  setRequired(level: EvidenceLevel | null): void
  /** Version that the device reports: before the transfer, and after it. */
  setVersion(when: 'before' | 'after', version: string): void
  /**
   * Tells who answers. Locks the device under its identity and compares it with what the job knew.
   * @throws {FlashproofError} device.identity-changed, device.busy
   */
  identify(identity: DeviceIdentity | null): Promise<void>
  /**
   * A chunk edge: resolves when every queued journal row is committed and the job is not paused.
   * @returns whether the job was paused meanwhile, so that the device must be asked again who and where it is
   * @throws {FlashproofError} job.cancelled, journal.disk-full, and whatever else made the job stop
   */
  checkpoint(): Promise<{ readonly wasPaused: boolean }>
  /** The latest session's ledger; null when nothing was acknowledged yet. */
  ledger(): LedgerSession | null
  startSession(session: Omit<LedgerSession, 'have'>): void
  /** Counts a chunk that the device acknowledged; committed by the next `checkpoint`. */
  acknowledge(chunk: { index: number; sizeBytes: number; attempt: number; durationMs: number }): void
  /** Journals that the completion is about to be sent, or what became of it. Committed when it resolves. */
  markCompletion(state: CompletionState): Promise<void>
  /** Whether a person accepted `code` in advance; journaled when it is so. Asks nobody. */
  isAccepted(code: string): Promise<boolean>
  /**
   * Keeps what a device held, in a file of this job's own under the station's home; whole or not at all.
   * @throws {FlashproofError} journal.disk-full, file.not-writable
   */
  keepFile(name: string, pieces: AsyncIterable<Uint8Array>): Promise<KeptFile>
  /** What an earlier run of this job kept under that name; null where it kept nothing. */
  readKept(name: string): Promise<Uint8Array | null>
  /** What any job of this station remembered under `key`; null where nothing is. A hint, never a proof. */
  recall(key: string): string | null
  /** Remembers a hint for later jobs; an earlier one of that key is replaced. Never throws. */
  remember(key: string, value: string): void
  /**
   * Asks a person, unless the answer was given in advance.
   * @throws {FlashproofError} job.decision-needed when refused
   */
  decide(code: string, question: string, details: Readonly<Record<string, unknown>>): Promise<void>
}

export interface KeptFile {
  readonly path: string
  readonly sizeBytes: number
  readonly sha256: string
}

/** How a run ended as far as the protocol knows; the verdict is made from the evidence, not from this. */
export interface TransferReport {
  /** `answered`: every question that mattered was answered. The others explain a missing level. */
  readonly outcome: 'answered' | 'outcome-unknown' | 'not-answered'
  readonly boardNow: BoardNow
  readonly unplug: Unplug
}

export interface ProbeResult {
  readonly isMatch: boolean
  /** Only a device of this protocol answers so: no other protocol is asked about it. */
  readonly isCertain?: boolean
  readonly identity: DeviceIdentity | null
  readonly reach: Readonly<Record<EvidenceLevel, 'yes' | 'no' | 'unknown'>>
  readonly telemetry: TelemetrySample | null
  readonly notes: readonly string[]
}

export interface ReviewOrder {
  readonly endpoint: Endpoint
  readonly image: {
    readonly fileName: string
    readonly sizeBytes: number
    readonly inspection: Inspection
    /** As in `TransferImage`; their bytes are the file's own. */
    readonly segments: readonly Segment[]
  }
  readonly options: OptionValues
  /** Null: the protocol's own default for this device. */
  readonly requiredLevel: EvidenceLevel | null
}

export interface ProtocolReview {
  readonly identity: DeviceIdentity | null
  readonly telemetry: TelemetrySample | null
  readonly reach: Readonly<Record<EvidenceLevel, 'yes' | 'no' | 'unknown'>>
  /** What is required when nobody names a level. */
  readonly defaultRequired: EvidenceLevel
  readonly judgements: readonly Judgement[]
}

/** For questions that only read. */
export interface ReadingContext {
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly timeoutMs: number
}

export interface TransferProtocol {
  readonly descriptor: ProtocolDescriptor
  /** The option that states where a flat upload begins; absent: `base`, as `flat-image.ts` describes it. */
  readonly baseOptionKey?: string
  /** TCP ports on which boards offer it, for a search that a person asked for; absent: port 80 where it speaks HTTP. */
  readonly searchPorts?: readonly { readonly scheme: 'http' | 'tcp'; readonly port: number }[]
  /**
   * Whether it writes each segment at its own address: the job then counts data bytes alone, however far the segments lie
   * apart. Absent: it sends the flat image.
   */
  readonly takesSegments?: boolean
  accepts(endpoint: Endpoint): boolean
  /**
   * Where an announced service speaks this protocol; null unless the announcement alone makes that certain. Absent: no
   * announcement does.
   */
  readAnnouncement?(service: Announcement): AnnouncedEndpoint | null
  /** Checks option values against the image before any device is touched. @throws {FlashproofError} target.unsafe-path … */
  validate(order: { readonly options: OptionValues; readonly fileName: string }): void
  /** Asks the endpoint what it is, by reading only. @throws {FlashproofError} network.* */
  probe(endpoint: Endpoint, context: ReadingContext): Promise<ProbeResult>
  /**
   * Asks the endpoint what it is, by reading only, and judges the image for it by the same checks that `run` makes before
   * the first byte.
   * @throws {FlashproofError} network.*, device.*
   */
  review(order: ReviewOrder, context: ReadingContext): Promise<ProtocolReview>
  /**
   * Sends the image and gathers evidence. Calling it again goes on where the device or the ledger says.
   * @throws {FlashproofError} device.*, network.*, image.*, job.*
   */
  run(order: TransferOrder, context: TransferContext): Promise<TransferReport>
}
