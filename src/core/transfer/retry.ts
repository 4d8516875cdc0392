/** Retry rules: delays as data, and which faults pass by themselves. */
import { errorTable, hasErrorCode, type FlashproofError } from '../../shared/errors.ts'

export interface RetryPolicy {
  /** Tries of one request, the first included. */
  readonly tries: number
  readonly firstDelayMs: number
  readonly maximumDelayMs: number
  /** Added at random on top of each delay, as a share of it. */
  readonly jitterRatio: number
  /** How long one request may take before its answer counts as lost. */
  readonly requestTimeoutMs: number
  /** How long a completion may take, beside the time for its bytes. */
  readonly completionFloorMs: number
  /** How fast a device surely joins or checks what it received. */
  readonly completionBytesPerMs: number
  /** Whole tries of a job after transient faults; counted anew whenever the device acknowledged more than before. */
  readonly jobTries: number
  /** How long a device that restarts may stay away. */
  readonly rebootTimeoutMs: number
  /** How long the device must stay healthy for `confirmed`. */
  readonly confirmMs: number
}

/** Up to 5 tries, 0.5·2^k s and up to 20 % more, at most 8 s; 30 s for the completion and a second for every 20 KB. */
export const defaultRetryPolicy: RetryPolicy = {
  tries: 5,
  firstDelayMs: 500,
  maximumDelayMs: 8000,
  jitterRatio: 0.2,
  requestTimeoutMs: 10_000,
  completionFloorMs: 30_000,
  completionBytesPerMs: 20,
  jobTries: 4,
  rebootTimeoutMs: 60_000,
  confirmMs: 10_000,
}

/** The pause before try `attempt` + 1, where `attempt` counts from 1. */
export function retryDelayMs(policy: RetryPolicy, attempt: number, random: () => number): number {
  const delayMs = Math.min(policy.maximumDelayMs, policy.firstDelayMs * 2 ** (attempt - 1))
  return delayMs * (1 + policy.jitterRatio * random())
}

/** Whether the same request may go well a moment later without anybody doing anything. */
export function isTransient(error: FlashproofError): boolean {
  return errorTable[error.code].isRetryable && !hasErrorCode(error, 'worker.exited', 'call.timeout')
}

/** Whether the request surely never reached the device, so that sending it again cannot repeat its effect. */
export function isNeverSent(error: unknown): boolean {
  return hasErrorCode(error, 'network.refused', 'network.unreachable', 'network.name-not-found', 'serial.port-missing')
}
