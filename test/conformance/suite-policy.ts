/** The real retry policy's shape with the times of virtual devices that answer at once. */
import type { RetryPolicy } from '../../src/core/transfer/retry.ts'

export const suitePolicy: RetryPolicy = {
  tries: 5,
  firstDelayMs: 5,
  maximumDelayMs: 60,
  jitterRatio: 0.2,
  requestTimeoutMs: 800,
  completionFloorMs: 800,
  completionBytesPerMs: 2000,
  jobTries: 4,
  rebootTimeoutMs: 3000,
  confirmMs: 30,
}
