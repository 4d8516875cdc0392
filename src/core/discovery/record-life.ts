/** How long a heard record holds, and when it is to be asked for again. */

/** Shares of a record's lifetime after which it is asked for again (RFC 6762, 5.2). */
const REFRESH_SHARES = [0.8, 0.85, 0.9, 0.95]

export interface RecordLife {
  readonly heardMs: number
  readonly ttlMs: number
  /** How often it was asked for again since it came. */
  asked: number
}

export function isAlive({ heardMs, ttlMs }: RecordLife, nowMs: number): boolean {
  return nowMs - heardMs < ttlMs
}

/** Whether one more share of the lifetime has passed; counts it. */
export function isRefreshDue(life: RecordLife, nowMs: number): boolean {
  const passed = REFRESH_SHARES.filter(share => nowMs - life.heardMs >= life.ttlMs * share).length
  if (passed <= life.asked) return false
  life.asked = passed
  return true
}
