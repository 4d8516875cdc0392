/** What a protocol brings to be measured against a bare client that sends the same requests. */
import type { OptionValue } from '../../../src/shared/option-spec.ts'

/** What the device saw of one run, counted by itself. */
export interface WireCounts {
  /** Requests, datagrams or frames that asked for an answer. */
  readonly requests: number
  /** Everything that came in, heads and bodies. */
  readonly receivedBytes: number
}

export interface DialectDevice {
  /** As in `--to`. */
  readonly target: string
  /** What was counted since the call before. */
  takeCounts(): WireCounts
  close(): Promise<void>
}

/** What another way of sending the same image would cost, from its own document. */
export interface Rival {
  readonly name: string
  readonly imageBytes: number
  readonly requests: number
  readonly bytes: number
  /** Time that it waits by its own rules. */
  readonly pausesMs: number
  /** Options with which this protocol sends that image. */
  readonly options: Readonly<Record<string, OptionValue>>
}

export interface Dialect {
  /** Of the protocol. */
  readonly id: string
  /** Follows the id in the table, such as `4 KiB chunks`. */
  readonly what: string
  readonly imageBytes: number
  readonly options: Readonly<Record<string, OptionValue>>
  readonly secrets?: Readonly<Record<string, string>>
  /** Bytes of the image; without it they are random, as a file that is no application. */
  image?(sizeBytes: number): Uint8Array
  /**
   * A device that answers as the protocol says and keeps nothing; runs in a process of its own. `takeCounts` counts what
   * this protocol's client asked.
   */
  startDevice(): Promise<DialectDevice>
  /** For a device that a dry run cannot ask anything. */
  readonly skipsDryRun?: boolean
  /**
   * The same requests by a client that does nothing else.
   * @param transferring called before the first byte of the image leaves
   */
  runBare(target: string, image: Uint8Array, transferring: () => void): Promise<void>
  readonly rival?: Rival
}
