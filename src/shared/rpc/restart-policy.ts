/** When a crashed worker is started again: growing pauses, and an end when it crashes too often. */
const PAUSES_MS = [500, 1_000, 2_000, 4_000] as const

export const CRASH_LIMIT = 5
export const CRASH_WINDOW_MS = 60_000

export class RestartPolicy {
  /** Monotonic times of the crashes inside the window. */
  #crashTimesMs: readonly number[] = []

  /** Notes a crash. @returns the pause before the next start, or null when there were too many in a minute */
  pauseAfterCrashMs(nowMs: number): number | null {
    this.#crashTimesMs = [...this.#crashTimesMs, nowMs].filter(timeMs => nowMs - timeMs < CRASH_WINDOW_MS)
    const crashes = this.#crashTimesMs.length
    return crashes >= CRASH_LIMIT ? null : (PAUSES_MS[crashes - 1] ?? null)
  }
}
