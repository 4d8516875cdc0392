/** Keeps one setting at a time and remembers for a moment which one was kept last. */
import { onScopeDispose, shallowRef, type ShallowRef } from 'vue'
import type { Preferences } from '../../../shared/contract/index.ts'
import { useNotices } from '../../stores/notices.ts'
import { useSettings } from '../../stores/settings.ts'

const SAVED_SHOWN_MS = 2_500

export interface SavedSettings {
  /** Whose row says “Saved”. */
  readonly saved: ShallowRef<keyof Preferences | null>
  /** What is refused is told in a notice; the row then shows the value of before. */
  readonly save: <Name extends keyof Preferences>(name: Name, value: Preferences[Name]) => Promise<void>
}

export function useSavedSettings(): SavedSettings {
  const [settings, notices] = [useSettings(), useNotices()]
  const saved = shallowRef<keyof Preferences | null>(null)
  let timer: ReturnType<typeof setTimeout> | undefined
  onScopeDispose(() => {
    clearTimeout(timer)
  })
  return {
    saved,
    async save(name, value) {
      try {
        await settings.set({ [name]: value })
      } catch (thrown) {
        notices.tellError(thrown)
        return
      }
      saved.value = name
      clearTimeout(timer)
      timer = setTimeout(() => (saved.value = null), SAVED_SHOWN_MS)
    },
  }
}
