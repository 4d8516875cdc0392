/** Short messages about what a person just did: shown until dismissed when they tell of a fault. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { asFlashproofError, hasErrorCode, type FlashproofError } from '../../shared/errors.ts'

export interface Notice {
  readonly id: number
  readonly kind: 'info' | 'error'
  readonly text: string
  /** For faults: title and next step come from the error table. */
  readonly error: FlashproofError | null
}

const KEPT = 5

export const useNotices = defineStore('notices', () => {
  const list = shallowRef<readonly Notice[]>([])
  let lastId = 0

  function tell(text: string): void {
    push({ id: ++lastId, kind: 'info', text, error: null })
  }

  function tellError(thrown: unknown): void {
    // What a person cancelled is no fault.
    if (hasErrorCode(thrown, 'call.aborted')) return
    const error = asFlashproofError(thrown)
    push({ id: ++lastId, kind: 'error', text: error.message, error })
  }

  function push(notice: Notice): void {
    const isRepeated = list.value.some(shown => shown.text === notice.text && shown.kind === notice.kind)
    if (!isRepeated) list.value = [...list.value, notice].slice(-KEPT)
  }

  function dismiss(id: number): void {
    list.value = list.value.filter(notice => notice.id !== id)
  }

  return { list, tell, tellError, dismiss }
})
