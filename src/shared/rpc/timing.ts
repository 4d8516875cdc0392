/** Time as the contract's machinery needs it; `core/clock.ts` fits, and so does a test's clock. */
export interface Timing {
  monotonicMs(): number
  /** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
  delay(delayMs: number, signal?: AbortSignal): Promise<void>
}
