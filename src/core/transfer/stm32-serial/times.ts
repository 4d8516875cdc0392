/** How long the loader may take. Source: stm32flash, `stm32.c`, as in `protocols.md` 5.2; never longer than the policy allows. */
import type { RetryPolicy } from '../retry.ts'

export interface LoaderTimes {
  /** For the first answer after a reset, and between two tries to find the beat of the conversation again. */
  readonly syncMs: number
  readonly replyMs: number
  /** For a block of 256 bytes. */
  readonly writeMs: number
  readonly erasePageMs: number
  /** The whole chip, or many pages at once. */
  readonly massEraseMs: number
  /** For finding the beat of the conversation again. */
  readonly resyncMs: number
  /** After this much silence nothing more of an answer comes: adapters hold bytes back for up to 16 ms. */
  readonly quietMs: number
}

export function timesFor({ requestTimeoutMs }: Pick<RetryPolicy, 'requestTimeoutMs'>): LoaderTimes {
  return {
    syncMs: Math.min(500, requestTimeoutMs),
    replyMs: Math.min(1000, requestTimeoutMs),
    writeMs: Math.min(2000, requestTimeoutMs),
    erasePageMs: Math.min(5000, requestTimeoutMs / 2),
    massEraseMs: Math.min(35_000, 3.5 * requestTimeoutMs),
    resyncMs: Math.min(35_000, 3.5 * requestTimeoutMs),
    quietMs: 25,
  }
}
