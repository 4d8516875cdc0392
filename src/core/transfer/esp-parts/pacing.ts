/**
 * How long to wait before the next chunk when the pause is `auto`: not at all while the device answers promptly and its
 * heap holds; longer with slow answers, errors and a falling heap, so that the station backs off before the device runs
 * out. Pure: it is told what happened and says how long to wait.
 */
import { MAXIMUM_PAUSE_MS } from './options.ts'

/** Low is below 30,000 free bytes, or when the largest block is under 1.5 chunks. */
const LOW_HEAP_BYTES = 30_000
const LARGEST_BLOCK_CHUNKS = 1.5
/** An answer is slow when it took this many times the quickest one, and not less than a human blink. */
const SLOW_FACTOR = 4
const SLOW_FLOOR_MS = 80
const FIRST_PAUSE_MS = 50
/** A pause shorter than this is no relief for the device and is dropped. */
const SHORTEST_PAUSE_MS = 5

export class Pacing {
  readonly #fixedMs: number | null
  readonly chunkBytes: number
  #pauseMs = 0
  #quickestMs = Number.POSITIVE_INFINITY
  #isHeapLow = false
  #lastFreeBytes: number | undefined

  constructor(pauseMs: number | 'auto', chunkBytes: number) {
    this.#fixedMs = pauseMs === 'auto' ? null : pauseMs
    this.chunkBytes = chunkBytes
  }

  get pauseMs(): number {
    return this.#fixedMs ?? this.#pauseMs
  }

  /** Whether the device's last report said that its heap runs low. */
  get isHeapLow(): boolean {
    return this.#isHeapLow
  }

  /** An answer came after `durationMs`. */
  answered(durationMs: number): void {
    this.#quickestMs = Math.min(this.#quickestMs, durationMs)
    const isSlow = durationMs > SLOW_FLOOR_MS && durationMs > SLOW_FACTOR * this.#quickestMs
    if (isSlow) this.#grow(1.5, durationMs / 4)
    else if (!this.#isHeapLow) this.#shrink()
  }

  /** A request failed, or the device refused it for now. */
  failed(): void {
    this.#grow(2, FIRST_PAUSE_MS)
  }

  /** The device told how much heap it has; either figure may be missing. */
  heapSeen(freeBytes: number | undefined, largestBlockBytes: number | undefined): void {
    // A heap that falls is low already when the next report would find it so.
    const fallenBytes = Math.max(0, (this.#lastFreeBytes ?? 0) - (freeBytes ?? 0))
    const isFreeLow = freeBytes !== undefined && freeBytes - fallenBytes < LOW_HEAP_BYTES
    this.#lastFreeBytes = freeBytes
    const isBlockLow = largestBlockBytes !== undefined && largestBlockBytes < LARGEST_BLOCK_CHUNKS * this.chunkBytes
    this.#isHeapLow = isFreeLow || isBlockLow
    if (this.#isHeapLow) this.#grow(2, 2 * FIRST_PAUSE_MS)
  }

  #grow(factor: number, atLeastMs: number): void {
    this.#pauseMs = Math.min(MAXIMUM_PAUSE_MS, Math.max(this.#pauseMs * factor, atLeastMs))
  }

  #shrink(): void {
    this.#pauseMs = this.#pauseMs < SHORTEST_PAUSE_MS ? 0 : this.#pauseMs * 0.7
  }
}

/** The chunk size for `auto`: the largest power of two that the device allows and a quarter of its largest block holds. */
export function chooseChunkBytes(device: {
  readonly allowed: readonly [number, number] | null
  readonly largestBlockBytes: number | undefined
  readonly range: readonly [number, number]
  readonly fallback: number
}): number {
  const minimum = Math.max(device.range[0], device.allowed?.[0] ?? device.range[0])
  let maximum = Math.min(device.range[1], device.allowed?.[1] ?? device.fallback)
  if (device.largestBlockBytes !== undefined) maximum = Math.min(maximum, Math.floor(device.largestBlockBytes / 4))
  let size = 1
  while (size * 2 <= maximum) size *= 2
  return Math.max(minimum, size)
}
