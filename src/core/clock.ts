/** Time as the domain sees it: injected, so that a test can decide it instead of sleeping. */
export interface Clock {
  /** Wall time in milliseconds since the epoch; may jump when the computer's clock is set. */
  nowMs(): number
  /** Monotonic milliseconds from an arbitrary start; never jumps. */
  monotonicMs(): number
  /** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
  delay(delayMs: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  delay(delayMs, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error)
        return
      }
      const onAbort = (): void => {
        clearTimeout(timer)
        reject(signal?.reason as Error)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, delayMs)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  },
}

/** Writes a wall time as ISO 8601 with the station's zone offset, such as 2026-11-21T10:14:03.120+07:00. */
export function isoWithZone(wallMs: number): string {
  const date = new Date(wallMs)
  const offsetMinutes = -date.getTimezoneOffset()
  const local = new Date(wallMs + offsetMinutes * 60_000).toISOString().slice(0, -1)
  const sign = offsetMinutes < 0 ? '-' : '+'
  const absolute = Math.abs(offsetMinutes)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${local}${sign}${two(Math.floor(absolute / 60))}:${two(absolute % 60)}`
}
