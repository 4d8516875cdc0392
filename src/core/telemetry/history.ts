/**
 * The newest telemetry of each target, in memory: columns of numbers, so that hours of samples of many boards cost
 * kilobytes. What every sample repeats (names, versions) is kept once until it changes.
 */
import type { TelemetrySample } from '../../shared/contract/models.ts'
import { isoWithZone } from '../clock.ts'

/** Four hours at one sample a second. */
export const SAMPLES_A_TARGET = 14_400
const MOST_TARGETS = 256
const MOST_SAMPLES = 1_000_000
const FIRST_ROOM = 64

const numberFields = [
  'uptimeMs',
  'bootCount',
  'heapTotalBytes',
  'heapFreeBytes',
  'heapMinFreeBytes',
  'heapLargestBlockBytes',
  'flashTotalBytes',
  'flashUsedBytes',
  'rssiDbm',
] as const
type NumberField = (typeof numberFields)[number]
type Described = Omit<TelemetrySample, NumberField | 'at' | 'elapsedMs'>

const measuredFields: ReadonlySet<string> = new Set([...numberFields, 'at', 'elapsedMs'])

export interface HistoryLimits {
  readonly samplesATarget?: number
  readonly targets?: number
  readonly samples?: number
}

export interface HistoryRange {
  readonly before?: number
  /** At most this many samples: they are put together in one turn of the loop. */
  readonly limit: number
}

export interface HistoryPage {
  readonly samples: TelemetrySample[]
  /** What to give as `before` to get those before this page; null when none is kept. */
  readonly next: number | null
}

export class TelemetryHistory {
  readonly #limits: Required<HistoryLimits>
  /** The map's order is the order in which targets were heard last. */
  readonly #rings = new Map<string, SampleRing>()
  #keptSamples = 0

  constructor(limits: HistoryLimits = {}) {
    this.#limits = { samplesATarget: SAMPLES_A_TARGET, targets: MOST_TARGETS, samples: MOST_SAMPLES, ...limits }
  }

  /** Keeps a sample; the oldest one of the target goes when it has too many, and the target that is silent longest. */
  add(target: string, sample: TelemetrySample): void {
    const ring = this.#rings.get(target) ?? new SampleRing(this.#limits.samplesATarget)
    this.#rings.delete(target)
    this.#rings.set(target, ring)
    this.#keptSamples += ring.add(sample) ? 1 : 0
    while (this.#rings.size > this.#limits.targets || this.#keptSamples > this.#limits.samples) {
      const [silent] = this.#rings
      if (silent === undefined || silent[0] === target) return
      this.#rings.delete(silent[0])
      this.#keptSamples -= silent[1].length
    }
  }

  /**
   * A page of a target's samples, the newest one without `before`; within it the oldest first.
   * @param before the number that an earlier page gave as `next`
   */
  read(target: string, { before = Number.POSITIVE_INFINITY, limit }: HistoryRange): HistoryPage {
    const ring = this.#rings.get(target)
    if (ring === undefined) return { samples: [], next: null }
    // Counted from the first sample ever, so that what comes or goes meanwhile shifts nothing.
    const end = Math.min(ring.end, before)
    const first = Math.max(ring.first, end - limit)
    const samples: TelemetrySample[] = []
    for (let number = first; number < end; number++) {
      const sample = ring.get(number)
      if (sample !== null) samples.push(sample)
    }
    return { samples, next: first > ring.first && first < end ? first : null }
  }
}

class SampleRing {
  readonly #most: number
  #room = FIRST_ROOM
  #at: Float64Array
  #elapsedMs: Float64Array
  readonly #numbers = new Map<NumberField, Float64Array>()
  #described: Described[] = []
  #lastDescribed: Described | null = null
  /** Number of the next sample, counted from the first one ever. */
  end = 0

  constructor(most: number) {
    this.#most = most
    this.#room = Math.min(FIRST_ROOM, most)
    this.#at = new Float64Array(this.#room)
    this.#elapsedMs = new Float64Array(this.#room)
  }

  get first(): number {
    return Math.max(0, this.end - this.#most)
  }

  get length(): number {
    return this.end - this.first
  }

  /** @returns whether it took more room, and not the place of the oldest one */
  add(sample: TelemetrySample): boolean {
    const index = this.end % this.#most
    if (index >= this.#room) this.#grow()
    this.#at[index] = Date.parse(sample.at)
    this.#elapsedMs[index] = sample.elapsedMs
    for (const field of numberFields) {
      const value = sample[field]
      let column = this.#numbers.get(field)
      if (column === undefined) {
        if (value === undefined) continue
        column = new Float64Array(this.#room).fill(Number.NaN)
        this.#numbers.set(field, column)
      }
      column[index] = value ?? Number.NaN
    }
    this.#described[index] = this.#describe(sample)
    return this.end++ < this.#most
  }

  /** Null for one that is not kept any longer. */
  get(number: number): TelemetrySample | null {
    const index = number % this.#most
    const described = this.#described[index]
    const atMs = this.#at[index]
    const elapsedMs = this.#elapsedMs[index]
    if (number < this.first || described === undefined || atMs === undefined || elapsedMs === undefined) return null
    const sample: TelemetrySample = { at: isoWithZone(atMs), elapsedMs, ...described }
    for (const [field, column] of this.#numbers) {
      const value = column[index]
      if (value !== undefined && !Number.isNaN(value)) sample[field] = value
    }
    return sample
  }

  #describe(sample: TelemetrySample): Described {
    const entries = Object.entries(sample).filter(([key]) => !measuredFields.has(key))
    // What is left of a sample when everything that is measured anew each time is taken out.
    const described = Object.fromEntries(entries) as Described
    if (JSON.stringify(described) !== JSON.stringify(this.#lastDescribed)) this.#lastDescribed = described
    return this.#lastDescribed ?? described
  }

  #grow(): void {
    this.#room = Math.min(this.#most, this.#room * 2)
    this.#at = copied(this.#at, this.#room, 0)
    this.#elapsedMs = copied(this.#elapsedMs, this.#room, 0)
    for (const [field, column] of this.#numbers) this.#numbers.set(field, copied(column, this.#room, Number.NaN))
  }
}

function copied(values: Float64Array, room: number, filler: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(room).fill(filler)
  larger.set(values)
  return larger
}
