/** How long a device that comes by itself is waited for; all of it follows the retry policy, so that tests are quick. */
import { defaultRetryPolicy, type RetryPolicy } from '../retry.ts'

export interface PullTiming {
  /** Until the first request: after it a firewall is the likeliest cause. */
  readonly firstRequestMs: number
  /** Silence in the middle of a transfer. */
  readonly stalledMs: number
  /** Until a word after the last chunk. */
  readonly unknownMs: number
  /** How long an answer is held back during a pause; the device waits about a request's timeout. */
  readonly holdMs: number
  /** How long a device may hear that its release was taken away before the port closes; the seed's asks every 2 s. */
  readonly farewellMs: number
  readonly pollMs: number
}

const STALLED_MS = 60_000
const UNKNOWN_MS = 600_000
const FAREWELL_MS = 2500
const POLL_MS = 1000
const HOLD_SHARE = 0.8

export function timingOf(policy: RetryPolicy, waitSeconds: number): PullTiming {
  const perRequest = policy.requestTimeoutMs / defaultRetryPolicy.requestTimeoutMs
  const perRestart = policy.confirmMs / defaultRetryPolicy.confirmMs
  const perDelay = policy.firstDelayMs / defaultRetryPolicy.firstDelayMs
  return {
    firstRequestMs: waitSeconds * 1000 * perRequest,
    stalledMs: STALLED_MS * perRequest,
    unknownMs: UNKNOWN_MS * perRestart,
    holdMs: HOLD_SHARE * policy.requestTimeoutMs,
    farewellMs: FAREWELL_MS * perDelay,
    pollMs: POLL_MS * perDelay,
  }
}
