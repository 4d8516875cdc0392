/** What a memory graph shows, as figures: for people who hear it, and for the line below it. Pure. */
import type { MemoryPicture } from '../../stores/telemetry.ts'

export interface MemorySummary {
  readonly readings: number
  readonly durationMs: number
  readonly gaps: number
  readonly restarts: number
  /** The newest figures; null where the device does not tell. */
  readonly freeBytes: number | null
  readonly minimumBytes: number | null
  readonly largestBytes: number | null
  /** Between which free memory lay. */
  readonly leastFreeBytes: number | null
  readonly greatestFreeBytes: number | null
  readonly writtenBytes: number | null
}

export function summaryOf(picture: MemoryPicture): MemorySummary {
  const { ring, written } = picture
  let [gaps, least, greatest] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let index = 0; index < ring.length; index++) {
    if (index > 0 && ring.isAfterGap(index)) gaps++
    const free = ring.at('freeBytes', index)
    least = free < least ? free : least
    greatest = free > greatest ? free : greatest
  }
  const last = ring.length - 1
  const figure = (value: number): number | null => (Number.isFinite(value) ? value : null)
  return {
    readings: ring.length,
    durationMs: ring.length === 0 ? 0 : ring.at('timeMs', last) - ring.at('timeMs', 0),
    gaps,
    restarts: ring.restartsMs.length,
    freeBytes: figure(ring.at('freeBytes', last)),
    minimumBytes: figure(ring.at('minimumBytes', last)),
    largestBytes: figure(ring.at('largestBytes', last)),
    leastFreeBytes: figure(least),
    greatestFreeBytes: figure(greatest),
    writtenBytes: written.at(-1)?.doneBytes ?? figure(ring.at('flashUsedBytes', last)),
  }
}
