/** What jobs use of the world around them; made once per worker, or by a test. */
import type { Decision, JobLogLine, JobSnapshot, TelemetrySample } from '../../shared/contract/models.ts'
import type { Clock } from '../clock.ts'
import type { PortFinder } from '../discovery/port-finder.ts'
import type { Endpoint } from '../discovery/target.ts'
import type { Hints } from '../journal/hints.ts'
import type { Locks } from '../journal/locks.ts'
import type { Owner } from '../journal/owner.ts'
import type { RetryPolicy } from '../transfer/retry.ts'
import type { KeptFile, TransferProtocol } from '../transfer/transfer-protocol.ts'

export interface StationInfo {
  readonly station: string
  readonly host: string
  readonly osUser: string
  readonly appVersion: string
}

export interface JobWorld {
  readonly clock: Clock
  readonly random: () => number
  readonly retryPolicy: RetryPolicy
  readonly protocols: readonly TransferProtocol[]
  /** What the device list knows that an endpoint speaks. */
  readonly knownProtocols: (endpoint: Endpoint) => readonly string[]
  /**
   * Where a board that was ordered by its name or MAC is now, among the virtual boards or among the real ones.
   * @throws {FlashproofError} target.*
   */
  readonly lookUp?: (name: string, isSimulated: boolean) => Endpoint
  /** Follows a serial port that comes back under another name; without it a port stays what it was called. */
  readonly ports?: PortFinder
  readonly locks: Locks
  readonly owner: Owner
  /** What a second user is told that holds the device. */
  readonly command: string
  readonly station: StationInfo
  /** Looks whether the computer slept since the last look; then `JobEngine.wake` is called before it returns. */
  checkSleep?(): void
  /** The stored image, the same bytes for every job that sends it. @throws {FlashproofError} journal.image-missing */
  loadImage(sha256: string): Promise<Uint8Array>
  /** Keeps what a device held, for one job. @throws {FlashproofError} journal.disk-full, file.not-writable */
  keepFile(jobId: string, name: string, pieces: AsyncIterable<Uint8Array>): Promise<KeptFile>
  /** What was kept of a device for that job; null where nothing was. */
  readKept(jobId: string, name: string): Promise<Uint8Array | null>
  /** What makes later jobs quicker; nothing depends on it. */
  readonly hints: Hints
  onSnapshot(snapshot: JobSnapshot): void
  onLog(jobId: string, line: JobLogLine): void
  onTelemetry(jobId: string, target: string, sample: TelemetrySample): void
  onDecision(jobId: string, decision: Decision): void
  /** A board said who it is for the first time in a job. */
  onDeviceSeen(snapshot: JobSnapshot): void
}
