/**
 * Keeps one device's memory figures in columns of plain numbers: four hours at one reading a second and more. A reading
 * knows whether a gap or a restart of the device lies before it.
 */
import type { TelemetrySample } from '../../shared/contract/index.ts'

/** 4 h 33 min at one reading a second. */
export const SAMPLES_PER_DEVICE = 16_384
const FIRST_CAPACITY = 1024
/** A silence of more than this many usual intervals is a gap. */
const GAP_INTERVALS = 3
/** How many of the last intervals the usual one is taken from. */
const INTERVALS_KNOWN = 9
/** What counts as a gap while no interval is known yet. */
const FIRST_GAP_MS = 30_000

export const sampleColumns = ['timeMs', 'freeBytes', 'minimumBytes', 'largestBytes', 'flashUsedBytes'] as const
export type SampleColumn = (typeof sampleColumns)[number]

export class SampleRing {
  readonly #limit: number
  #capacity: number
  #columns: Record<SampleColumn, Float64Array>
  #isAfterGap: Uint8Array
  /** Readings so far; the newest lies at `(#total - 1) % #capacity`. */
  #total = 0
  #intervalsMs: number[] = []
  #last: {
    readonly timeMs: number
    readonly uptimeMs: number | undefined
    readonly bootCount: number | undefined
  } | null = null
  /** When the device was seen to have restarted, as far as the readings reach back. */
  #restartsMs: number[] = []

  constructor(limit = SAMPLES_PER_DEVICE) {
    this.#limit = limit
    this.#capacity = Math.min(FIRST_CAPACITY, limit)
    this.#columns = emptyColumns(this.#capacity)
    this.#isAfterGap = new Uint8Array(this.#capacity)
  }

  get length(): number {
    return Math.min(this.#total, this.#capacity)
  }

  get restartsMs(): readonly number[] {
    return this.#restartsMs
  }

  /** Takes a reading that is newer than all before it; others are left out. */
  add(sample: TelemetrySample): void {
    const timeMs = Date.parse(sample.at)
    if (!Number.isFinite(timeMs) || (this.#last !== null && timeMs <= this.#last.timeMs)) return
    if (this.#total === this.#capacity && this.#capacity < this.#limit) this.#grow()
    const hasRestarted = this.#hasRestarted(sample)
    const isAfterGap = this.#isGap(timeMs) || hasRestarted
    const index = this.#total % this.#capacity
    this.#columns.timeMs[index] = timeMs
    this.#columns.freeBytes[index] = sample.heapFreeBytes ?? Number.NaN
    this.#columns.minimumBytes[index] = sample.heapMinFreeBytes ?? Number.NaN
    this.#columns.largestBytes[index] = sample.heapLargestBlockBytes ?? Number.NaN
    this.#columns.flashUsedBytes[index] = sample.flashUsedBytes ?? Number.NaN
    this.#isAfterGap[index] = isAfterGap ? 1 : 0
    this.#total++
    if (hasRestarted) this.#noteRestart(timeMs, sample.uptimeMs)
    this.#last = { timeMs, uptimeMs: sample.uptimeMs, bootCount: sample.bootCount }
  }

  /** @param index 0 is the oldest reading that is kept; NaN where the device did not tell */
  at(column: SampleColumn, index: number): number {
    return this.#columns[column][this.#position(index)] ?? Number.NaN
  }

  /** Whether nothing is known of the time between this reading and the one before. */
  isAfterGap(index: number): boolean {
    return this.#isAfterGap[this.#position(index)] === 1
  }

  /** The first reading at or after a time; `length` when there is none. */
  indexAt(timeMs: number): number {
    let [low, high] = [0, this.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.at('timeMs', middle) < timeMs) low = middle + 1
      else high = middle
    }
    return low
  }

  #position(index: number): number {
    return (Math.max(0, this.#total - this.#capacity) + index) % this.#capacity
  }

  #hasRestarted(sample: TelemetrySample): boolean {
    const last = this.#last
    if (last === null) return false
    const isUptimeLess = sample.uptimeMs !== undefined && last.uptimeMs !== undefined && sample.uptimeMs < last.uptimeMs
    const isCountedAnew =
      sample.bootCount !== undefined && last.bootCount !== undefined && sample.bootCount !== last.bootCount
    return isUptimeLess || isCountedAnew
  }

  #noteRestart(timeMs: number, uptimeMs: number | undefined): void {
    const [oldestMs] = [this.at('timeMs', 0)]
    this.#restartsMs = [...this.#restartsMs.filter(restartMs => restartMs >= oldestMs), timeMs - (uptimeMs ?? 0)]
  }

  #isGap(timeMs: number): boolean {
    if (this.#last === null) return false
    const intervalMs = timeMs - this.#last.timeMs
    const usualMs = median(this.#intervalsMs)
    this.#intervalsMs = [...this.#intervalsMs, intervalMs].slice(-INTERVALS_KNOWN)
    return intervalMs > (usualMs === null ? FIRST_GAP_MS : usualMs * GAP_INTERVALS)
  }

  #grow(): void {
    const capacity = Math.min(this.#capacity * 2, this.#limit)
    // Nothing was overwritten so far: a ring grows before it turns.
    const columns = emptyColumns(capacity)
    for (const column of sampleColumns) columns[column].set(this.#columns[column])
    const isAfterGap = new Uint8Array(capacity)
    isAfterGap.set(this.#isAfterGap)
    this.#columns = columns
    this.#isAfterGap = isAfterGap
    this.#capacity = capacity
  }
}

function emptyColumns(capacity: number): Record<SampleColumn, Float64Array> {
  return {
    timeMs: new Float64Array(capacity),
    freeBytes: new Float64Array(capacity),
    minimumBytes: new Float64Array(capacity),
    largestBytes: new Float64Array(capacity),
    flashUsedBytes: new Float64Array(capacity),
  }
}

/** Null where too little is known to call anything usual. */
function median(values: readonly number[]): number | null {
  return values.length < 2 ? null : (values.toSorted((left, right) => left - right)[values.length >> 1] ?? null)
}
