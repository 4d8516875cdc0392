/** Time for tests of the loader: pauses between commands are remembered and cost nothing. */
import { systemClock, type Clock } from '../../../../src/core/clock.ts'

export function quickClock(): Clock & { readonly pausesMs: number[] } {
  const pausesMs: number[] = []
  return {
    ...systemClock,
    pausesMs,
    delay(delayMs, signal) {
      pausesMs.push(delayMs)
      return systemClock.delay(0, signal)
    },
  }
}
