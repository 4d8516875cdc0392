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

/** For a device without a fault: nothing that a slow machine delays is taken for lost, so that it is sent once. */
export const patientPolicy: RetryPolicy = {
  ...suitePolicy,
  requestTimeoutMs: 8000,
  completionFloorMs: 8000,
  rebootTimeoutMs: 12_000,
}
