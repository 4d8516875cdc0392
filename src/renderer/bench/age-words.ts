/** How long ago something was, in the coarsest unit that still says it. */
import type { benchTexts } from '../texts/bench-texts.ts'
import type { TextValues } from '../texts/text.ts'

type BenchText = (key: keyof typeof benchTexts, values?: TextValues) => string

/** @param at ISO 8601 @returns such as `12 s`, `5 min`; null right now or where the clock was set back */
export function ageWords(at: string, nowMs: number, text: BenchText): string | null {
  const seconds = Math.floor((nowMs - Date.parse(at)) / 1000)
  if (!(seconds >= 5)) return null
  if (seconds < 60) return text('ageSeconds', { count: seconds })
  if (seconds < 3600) return text('ageMinutes', { count: Math.floor(seconds / 60) })
  if (seconds < 48 * 3600) return text('ageHours', { count: Math.floor(seconds / 3600) })
  return text('ageDays', { count: Math.floor(seconds / 86_400) })
}
