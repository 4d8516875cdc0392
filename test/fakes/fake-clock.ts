/** A clock that stands still until a test moves it: `advance` wakes every delay that falls due, in order. */
import type { Clock } from '../../src/core/clock.ts'

interface Sleeper {
  readonly dueMs: number
  readonly wake: () => void
}

export class FakeClock implements Clock {
  #monotonicMs = 0
  #wallMs: number
  readonly #sleepers = new Set<Sleeper>()

  constructor(wallMs = Date.UTC(2026, 10, 21, 3, 0, 0)) {
    this.#wallMs = wallMs
  }

  nowMs(): number {
    return this.#wallMs
  }

  monotonicMs(): number {
    return this.#monotonicMs
  }

  delay(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error)
        return
      }
      const onAbort = (): void => {
        this.#sleepers.delete(sleeper)
        reject(signal?.reason as Error)
      }
      const sleeper: Sleeper = {
        dueMs: this.#monotonicMs + Math.max(0, delayMs),
        wake: () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** How many delays are waiting. */
  get sleeperCount(): number {
    return this.#sleepers.size
  }

  /** Milliseconds until the next delay falls due; null when nothing waits. */
  get nextDueInMs(): number | null {
    const next = this.#next()
    return next === null ? null : next.dueMs - this.#monotonicMs
  }

  /** Sets the wall clock alone, as a person or a time server does; the monotonic clock goes on. */
  jumpWallClock(byMs: number): void {
    this.#wallMs += byMs
  }

  /** Moves both clocks by `byMs`, waking what falls due on the way, and lets the woken code run. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#monotonicMs + byMs
    await settle()
    for (let next = this.#next(); next !== null && next.dueMs <= endMs; next = this.#next()) {
      this.#moveTo(Math.max(next.dueMs, this.#monotonicMs))
      this.#sleepers.delete(next)
      next.wake()
      await settle()
    }
    this.#moveTo(endMs)
  }

  #moveTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs
    this.#monotonicMs = monotonicMs
  }

  #next(): Sleeper | null {
    let earliest: Sleeper | null = null
    for (const sleeper of this.#sleepers) {
      if (earliest === null || sleeper.dueMs < earliest.dueMs) earliest = sleeper
    }
    return earliest
  }
}

/** Lets promises that can settle without time or input do so. */
export function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
