/** Speed and remaining time over a sliding window of acknowledged bytes; a write that nobody answered is no progress. */

const WINDOW_MS = 3000
const SAMPLE_EVERY_MS = 100

export class ProgressMeter {
  readonly #totalBytes: number
  readonly #samples: { atMs: number; doneBytes: number }[] = []

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes
  }

  /** Notes that `doneBytes` of the image are acknowledged at the monotonic time `atMs`. */
  add(atMs: number, doneBytes: number): void {
    const last = this.#samples.at(-1)
    if (last !== undefined && doneBytes < last.doneBytes) this.#samples.length = 0
    if (last !== undefined && atMs - last.atMs < SAMPLE_EVERY_MS && this.#samples.length > 1) {
      last.doneBytes = doneBytes
    } else {
      this.#samples.push({ atMs, doneBytes })
    }
    while (this.#samples.length > 2 && atMs - (this.#samples[0]?.atMs ?? atMs) > WINDOW_MS) this.#samples.shift()
  }

  /** Forgets the past: after a pause the old speed says nothing. */
  restart(): void {
    this.#samples.length = 0
  }

  get bytesPerSecond(): number | null {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return null
    return ((last.doneBytes - first.doneBytes) / (last.atMs - first.atMs)) * 1000
  }

  get remainingMs(): number | null {
    const rate = this.bytesPerSecond
    const last = this.#samples.at(-1)
    if (rate === null || rate <= 0 || last === undefined) return null
    return ((this.#totalBytes - last.doneBytes) / rate) * 1000
  }
}
