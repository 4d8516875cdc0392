/**
 * Notices that the computer slept, or that its clock was set: compares the wall clock, the monotonic clock and the time
 * since the start of the system, which counts sleep and obeys nobody who sets the clock.
 */
import { uptime } from 'node:os'
import type { Clock } from '../clock.ts'

const TICK_MS = 1000
/** A gap of this much beyond a tick is a sleep: boards have given up their sessions, and may be others by now. */
const SLEEP_MS = 10_000
/** Smaller steps of the wall clock are what a time server does all day. */
const STEP_MS = 5000

export interface SleepWatchOptions {
  readonly clock: Clock
  /** Milliseconds since the system started, sleep included. */
  readonly uptimeMs?: () => number
  /** Nothing ran here for this long: the computer slept, or this process was held. */
  readonly onSlept: (sleptMs: number) => void
  /** The wall clock was set, forwards or backwards. Durations are monotonic and do not change. */
  readonly onClockSet: (byMs: number) => void
}

interface Reading {
  readonly wallMs: number
  readonly monotonicMs: number
  readonly uptimeMs: number
}

export class SleepWatch {
  readonly #options: SleepWatchOptions
  readonly #uptimeMs: () => number
  readonly #stop = new AbortController()
  #last: Reading | null = null

  constructor(options: SleepWatchOptions) {
    this.#options = options
    this.#uptimeMs = options.uptimeMs ?? (() => uptime() * 1000)
  }

  /** Begins to look once a second. */
  start(): void {
    if (this.#last !== null) return
    this.#last = this.#read()
    this.#look().catch(() => undefined)
  }

  stop(): void {
    this.#last = null
    this.#stop.abort()
  }

  /** Looks now: right after a sleep the tick may be late. Cheap enough for every chunk; without effect unless started. */
  check(): void {
    const last = this.#last
    if (last === null) return
    const { clock, onSlept, onClockSet } = this.#options
    const [wallMs, monotonicMs] = [clock.nowMs() - last.wallMs, clock.monotonicMs() - last.monotonicMs]
    const isCalm = Math.abs(wallMs - monotonicMs) < STEP_MS && monotonicMs < TICK_MS + SLEEP_MS
    if (isCalm) return
    const now = this.#read()
    this.#last = now
    // Some systems stop the monotonic clock in their sleep, some do not.
    const passedMs = Math.max(monotonicMs, now.uptimeMs - last.uptimeMs)
    const steppedMs = wallMs - passedMs
    if (Math.abs(steppedMs) >= STEP_MS) onClockSet(steppedMs)
    if (passedMs - TICK_MS >= SLEEP_MS) onSlept(passedMs)
  }

  async #look(): Promise<void> {
    for (;;) {
      await this.#options.clock.delay(TICK_MS, this.#stop.signal)
      this.check()
      this.#last = this.#read()
    }
  }

  #read(): Reading {
    const { clock } = this.#options
    return { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs(), uptimeMs: this.#uptimeMs() }
  }
}
