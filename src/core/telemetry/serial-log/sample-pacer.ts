/** Gives the newest sample at most once an interval, and the last one always. */
import type { Clock } from '../../clock.ts'

export class SamplePacer {
  readonly #give: () => void
  readonly #intervalMs: () => number
  readonly #clock: Clock
  readonly #signal: AbortSignal
  #lastMs = -Infinity
  #isWaiting = false

  constructor(give: () => void, intervalMs: () => number, clock: Clock, signal: AbortSignal) {
    this.#give = give
    this.#intervalMs = intervalMs
    this.#clock = clock
    this.#signal = signal
  }

  /** @param isUrgent what was known before is over: it is told at once */
  note(isUrgent: boolean): void {
    const restMs = this.#lastMs + this.#intervalMs() - this.#clock.monotonicMs()
    if (isUrgent || restMs <= 0) {
      this.#giveNow()
      return
    }
    if (this.#isWaiting) return
    this.#isWaiting = true
    this.#clock.delay(restMs, this.#signal).then(
      () => {
        if (this.#isWaiting) this.#giveNow()
      },
      () => undefined,
    )
  }

  #giveNow(): void {
    this.#isWaiting = false
    this.#lastMs = this.#clock.monotonicMs()
    this.#give()
  }
}
