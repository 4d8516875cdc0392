/** How the rest of this protocol gets to a loader: one connection, made by `connect.ts`, or by a test. */
import type { Clock } from '../../clock.ts'
import type { SerialEndpoint, SocketEndpoint } from '../../discovery/target.ts'
import type { ByteLink } from '../../links/byte-link.ts'
import type { EspLoader } from './esp-loader.ts'
import type { EspOptions } from './options.ts'

export interface EspConnection {
  readonly loader: EspLoader
  /** The line itself, for the boot log after `startProgram`. Whoever connected closes it. */
  readonly link: ByteLink
}

export interface ConnectRequest {
  readonly endpoint: SerialEndpoint | SocketEndpoint
  readonly options: Pick<EspOptions, 'startBaudRate' | 'usesResets' | 'resetSequence'>
  /** Whether to give up soon: for a question, not for a job. */
  readonly isQuick: boolean
  /** Ends what is under way. */
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly log: (text: string) => void
}

/** @throws {FlashproofError} serial.*, network.*, loader.* */
export type ConnectBoard = (request: ConnectRequest) => Promise<EspConnection>
