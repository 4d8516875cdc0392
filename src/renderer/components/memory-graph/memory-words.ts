/** A memory picture told in a sentence. */
import { computed, type ComputedRef } from 'vue'
import { formatBytes, formatDuration } from '../../../shared/units.ts'
import type { MemoryPicture } from '../../stores/telemetry.ts'
import { memoryTexts } from '../../texts/memory-texts.ts'
import { useText } from '../../texts/text.ts'
import { summaryOf } from './graph-summary.ts'

export function useMemoryWords(picture: () => MemoryPicture): { readonly summary: ComputedRef<string> } {
  const text = useText(memoryTexts)
  const size = (bytes: number | null): string => (bytes === null ? text('notTold') : formatBytes(bytes))
  const summary = computed(() => {
    const figures = summaryOf(picture())
    if (figures.readings === 0) return text('noReadings')
    return [
      text('spoken', { readings: figures.readings, duration: formatDuration(figures.durationMs) }),
      text('spokenFree', {
        free: size(figures.freeBytes),
        least: size(figures.leastFreeBytes),
        greatest: size(figures.greatestFreeBytes),
      }),
      text('spokenOthers', {
        minimum: size(figures.minimumBytes),
        largest: size(figures.largestBytes),
        flash: size(figures.writtenBytes),
      }),
      text('spokenGaps', { gaps: figures.gaps, restarts: figures.restarts }),
    ].join(' ')
  })
  return { summary }
}
