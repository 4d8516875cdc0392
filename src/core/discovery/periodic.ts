/** Repeats something until it is stopped, with a pause in between that can be cut short. */
import type { Clock } from '../clock.ts'

export interface Periodic {
  /** Does it again now; the pauses begin anew. */
  hurry(): void
  /** Resolves when a round that runs has ended. */
  stop(): Promise<void>
}

/**
 * Runs `round` at once and after each of the pauses in turn; the last pause repeats. A failing round stops nothing.
 * @param onFault told what a round threw
 */
export function startPeriodic(
  clock: Clock,
  pausesMs: readonly number[],
  round: () => void | Promise<void>,
  onFault: (fault: unknown) => void,
): Periodic {
  const end = new AbortController()
  let nap = new AbortController()
  let step = 0
  const loop = async (): Promise<void> => {
    while (!end.signal.aborted) {
      try {
        await round()
      } catch (fault) {
        onFault(fault)
      }
      const pauseMs = pausesMs[Math.min(step, pausesMs.length - 1)] ?? 1_000
      step++
      nap = new AbortController()
      await clock.delay(pauseMs, AbortSignal.any([end.signal, nap.signal])).catch(() => undefined)
    }
  }
  const ended = loop()
  return {
    hurry: () => {
      step = 0
      nap.abort()
    },
    stop: async () => {
      end.abort()
      await ended
    },
  }
}
