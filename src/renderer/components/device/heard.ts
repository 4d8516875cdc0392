/** How long ago a device was heard, in words that change as time goes by. */
import { onScopeDispose, shallowRef, type ShallowRef } from 'vue'
import { drawerTexts } from '../../texts/drawer-texts.ts'
import { useText } from '../../texts/text.ts'

/** The time now, renewed every second as long as the current scope lives. */
export function useNow(): Readonly<ShallowRef<number>> {
  const nowMs = shallowRef(Date.now())
  const timer = setInterval(() => {
    nowMs.value = Date.now()
  }, 1000)
  onScopeDispose(() => {
    clearInterval(timer)
  })
  return nowMs
}

export function useHeardWords(): (lastSeenAt: string | null, nowMs: number) => string {
  const text = useText(drawerTexts)
  return (lastSeenAt, nowMs) => {
    const seenMs = lastSeenAt === null ? Number.NaN : Date.parse(lastSeenAt)
    if (Number.isNaN(seenMs)) return text('neverHeard')
    const seconds = Math.max(0, Math.floor((nowMs - seenMs) / 1000))
    if (seconds < 2) return text('heardNow')
    if (seconds < 90) return text('heardSeconds', { count: seconds })
    if (seconds < 90 * 60) return text('heardMinutes', { count: Math.round(seconds / 60) })
    if (seconds < 36 * 3600) return text('heardHours', { count: Math.round(seconds / 3600) })
    return text('heardDays', { count: Math.round(seconds / 86_400) })
  }
}
