/** The time of day as a reference, for words such as “heard 12 s ago”. */
import { onScopeDispose, shallowRef, type ShallowRef } from 'vue'

const STEP_MS = 5_000

export function useNow(): ShallowRef<number> {
  const now = shallowRef(Date.now())
  const timer = setInterval(() => {
    now.value = Date.now()
  }, STEP_MS)
  onScopeDispose(() => {
    clearInterval(timer)
  })
  return now
}
