/** Time as a virtual board sees it: injected, so that a test decides when a board reboots or confirms its firmware. */

export interface DeviceClock {
  /** Milliseconds from an arbitrary start; never jumps. */
  monotonicMs(): number
  /** Runs `action` once after the delay; returns what takes it back. */
  after(delayMs: number, action: () => void): () => void
}

export const systemDeviceClock: DeviceClock = {
  monotonicMs: () => performance.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs)
    return () => {
      clearTimeout(timer)
    }
  },
}
