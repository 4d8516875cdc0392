/** Time as the contract's machinery needs it; `core/clock.ts` fits, and so does a test's clock. */
export interface Timing {
  monotonicMs(): number
  /** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
  delay(delayMs: number, signal?: AbortSignal): Promise<void>
}

/** Real time. @param monotonicMs a clock that never jumps, such as `() => performance.now()` */
export function createTiming(monotonicMs: () => number): Timing {
  return {
    monotonicMs,
    delay(delayMs, signal) {
      return new Promise((resolve, reject) => {
        const onAbort = (): void => {
          clearTimeout(timer)
          reject(signal?.reason as Error)
        }
        const timer = setTimeout(() => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        }, delayMs)
        if (signal?.aborted === true) onAbort()
        else signal?.addEventListener('abort', onAbort, { once: true })
      })
    },
  }
}

/** Waits for `promise`, at most `limitMs`. @returns whether it resolved in time */
export async function resolvesWithin(
  timing: Pick<Timing, 'delay'>,
  promise: Promise<unknown>,
  limitMs: number,
): Promise<boolean> {
  const limit = new AbortController()
  const onTime = promise.then(() => true)
  const tooLate = timing.delay(limitMs, limit.signal).then(
    () => false,
    () => false,
  )
  try {
    return await Promise.race([onTime, tooLate])
  } finally {
    limit.abort()
  }
}
