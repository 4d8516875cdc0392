/**
 * What a board's lines tell together: its heap, why it started last, how often it did since somebody listens, and which
 * application runs. A restart takes back what was true of the run before.
 */
import type { TelemetrySample } from '../../../shared/contract/models.ts'
import type { DeviceFactOf, DeviceLine } from './device-line.ts'
import type { HeapPool } from './heap-figures.ts'

const MAX_TEXT_LENGTH = 200
/** External RAM, as ESP-IDF numbers the kinds of memory (`MALLOC_CAP_SPIRAM`). */
const CAPABILITY_SPIRAM = 0x400
/** The last words before a version starts, such as `I (35) app_init:`, count from the start of the board. */
const MOST_UPTIME_MS = 2 ** 32

type HeapSample = Pick<
  TelemetrySample,
  'heapTotalBytes' | 'heapFreeBytes' | 'heapMinFreeBytes' | 'heapLargestBlockBytes'
>
type AppSample = Pick<TelemetrySample, 'appName' | 'appVersion' | 'appElfSha256'>

/** How well a pool stands for the memory that runs out first; figures of a lesser one are not mixed in. */
const rank: Readonly<Record<HeapPool, number>> = { internal: 3, summary: 3, gc: 2, unsaid: 1, default: 0 }

export class SerialLogState {
  #boots = 0
  #resetReason: string | null = null
  #uptimeMs: number | null = null
  #app: AppSample = {}
  #heap: HeapSample = {}
  #pool: HeapPool | null = null
  #summarisesExternalRam = false

  /** Hash of the running application's ELF file, or its beginning; null while the board has not said it. */
  get appElfSha256(): string | null {
    return this.#app.appElfSha256 ?? null
  }

  /** @returns whether the line told something that a sample shows */
  take({ log, fact }: DeviceLine): boolean {
    const uptimeMs = log?.uptimeMs
    if (typeof uptimeMs === 'number' && uptimeMs < MOST_UPTIME_MS) this.#uptimeMs = uptimeMs
    switch (fact?.kind) {
      case 'reset':
        this.#restart(fact)
        return true
      case 'brownout':
        this.#resetReason = 'brownout'
        return true
      case 'app':
        this.#takeApp(fact)
        return true
      case 'heap-summary':
        this.#summarisesExternalRam = (fact.capabilities & CAPABILITY_SPIRAM) !== 0
        return false
      case 'heap':
        return this.#takeHeap(fact)
      default:
        return false
    }
  }

  /** The board went away: what it says next may be another one's, or another run's. */
  forget(): void {
    this.#forgetRun()
    this.#resetReason = null
  }

  /** What is known now; `bootCount` counts the starts since somebody listens. */
  sample(stamp: { readonly at: string; readonly elapsedMs: number }): TelemetrySample {
    return {
      ...stamp,
      source: 'serial-log',
      bootCount: this.#boots,
      ...(this.#uptimeMs === null ? {} : { uptimeMs: this.#uptimeMs }),
      ...(this.#resetReason === null ? {} : { resetReason: this.#resetReason }),
      ...this.#heap,
      ...this.#app,
    }
  }

  #restart({ reason }: DeviceFactOf<'reset'>): void {
    this.#forgetRun()
    this.#boots++
    this.#resetReason = reason
  }

  #forgetRun(): void {
    this.#uptimeMs = null
    this.#app = {}
    this.#heap = {}
    this.#pool = null
    this.#summarisesExternalRam = false
  }

  #takeApp({ field, value }: DeviceFactOf<'app'>): void {
    const text = value.slice(0, MAX_TEXT_LENGTH)
    const key = field === 'version' ? 'appVersion' : field === 'project' ? 'appName' : 'appElfSha256'
    this.#app = { ...this.#app, [key]: text }
  }

  #takeHeap(figures: DeviceFactOf<'heap'>): boolean {
    if (figures.pool === 'summary' && this.#summarisesExternalRam) return false
    if (this.#pool !== null && rank[figures.pool] < rank[this.#pool]) return false
    // Figures of two memories side by side would look like a loss.
    if (this.#pool !== figures.pool) this.#heap = {}
    this.#pool = figures.pool
    this.#heap = {
      ...this.#heap,
      ...(figures.freeBytes === undefined ? {} : { heapFreeBytes: figures.freeBytes }),
      ...(figures.minFreeBytes === undefined ? {} : { heapMinFreeBytes: figures.minFreeBytes }),
      ...(figures.largestBlockBytes === undefined ? {} : { heapLargestBlockBytes: figures.largestBlockBytes }),
      ...(figures.totalBytes === undefined ? {} : { heapTotalBytes: figures.totalBytes }),
    }
    return true
  }
}
