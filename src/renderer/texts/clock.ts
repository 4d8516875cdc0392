/** Times of the day as people of the chosen language write them. */
import { currentLanguage } from './text.ts'

const locales = { en: 'en-GB', vi: 'vi-VN' } as const

/** `10:02`, with the date before it when that is another day than `now`. An unreadable time is given back as it is. */
export function formatClock(at: string, now: Date = new Date()): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return at
  const locale = locales[currentLanguage.value]
  const time = date.toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit', hour12: false })
  if (date.toDateString() === now.toDateString()) return time
  return `${date.toLocaleDateString(locale, { day: 'numeric', month: 'numeric', year: 'numeric' })} ${time}`
}
