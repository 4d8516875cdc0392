/** How long the gateway takes, and how long it is waited for; the waits follow the retry policy, so that tests are quick. */
import { defaultRetryPolicy, type RetryPolicy } from '../retry.ts'

/** A group of eight bytes takes at least this long: its line time, the answer, and a pause of 10 ms (seed 3). */
const GROUP_MS = 11
const GROUP_BYTES = 8
const DOWNLOAD_FLOOR_MS = 120_000
const DOWNLOAD_FACTOR = 3
const UPLOAD_BYTES_PER_MS = 10

/** How long the STM32's leg takes as a rule. */
export function usualDownloadMs(sizeBytes: number): number {
  return Math.ceil(sizeBytes / GROUP_BYTES) * GROUP_MS
}

/** At least two minutes, and three times the usual. */
export function downloadTimeoutMs(sizeBytes: number, policy: RetryPolicy): number {
  return scale(policy) * Math.max(DOWNLOAD_FLOOR_MS, DOWNLOAD_FACTOR * usualDownloadMs(sizeBytes))
}

/** 30 s and a second for every 10 KB. */
export function uploadTimeoutMs(sizeBytes: number, policy: RetryPolicy): number {
  return policy.completionFloorMs + scale(policy) * (sizeBytes / UPLOAD_BYTES_PER_MS)
}

/** Once a second. */
export function pollEveryMs(policy: RetryPolicy): number {
  return (1000 * policy.firstDelayMs) / defaultRetryPolicy.firstDelayMs
}

function scale({ completionFloorMs }: RetryPolicy): number {
  return completionFloorMs / defaultRetryPolicy.completionFloorMs
}

/** Hours and minutes on this computer's clock. */
export function clockTime(wallMs: number): string {
  const date = new Date(wallMs)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}`
}
