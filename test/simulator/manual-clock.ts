/** A clock for virtual devices that stands still until the test moves it. */
import type { DeviceClock } from '../../src/simulator/board/device-clock.ts'

interface Timer {
  readonly dueMs: number
  readonly action: () => void
}

export class ManualClock implements DeviceClock {
  #nowMs = 0
  #timers: Timer[] = []
  #watchers: (() => void)[] = []

  monotonicMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, action }
    this.#timers.push(timer)
    for (const wake of this.#watchers.splice(0)) wake()
    return () => {
      this.#timers = this.#timers.filter(other => other !== timer)
    }
  }

  /** Resolves when somebody waits for the clock: at once, or when the work before that is done. */
  async untilAwaited(): Promise<void> {
    while (this.#timers.length === 0) await new Promise<void>(resolve => this.#watchers.push(resolve))
  }

  /** Moves on to the next timer that is set, waiting for one to be set, and runs it. */
  async runNext(): Promise<void> {
    await this.untilAwaited()
    const [next] = this.#timers.toSorted((left, right) => left.dueMs - right.dueMs)
    if (next === undefined) throw new Error('no timer')
    this.#timers = this.#timers.filter(timer => timer !== next)
    this.#nowMs = Math.max(this.#nowMs, next.dueMs)
    next.action()
  }

  /** Moves on, and runs what falls due on the way. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const [next] = this.#timers.toSorted((left, right) => left.dueMs - right.dueMs)
      if (next === undefined || next.dueMs > untilMs) break
      this.#timers = this.#timers.filter(timer => timer !== next)
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.action()
    }
    this.#nowMs = untilMs
  }
}
