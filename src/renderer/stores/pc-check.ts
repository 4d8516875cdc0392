/** What “Check this PC” found last. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { PcCheckItem } from '../../shared/contract/index.ts'
import { asFlashproofError, type FlashproofError } from '../../shared/errors.ts'
import { useStation } from '../bridge/bridge.ts'

export const usePcCheck = defineStore('pc-check', () => {
  const { client } = useStation()
  /** Null until the first check ended. */
  const items = shallowRef<readonly PcCheckItem[] | null>(null)
  const isRunning = shallowRef(false)
  /** Whether somebody asked to see it; whoever shows it clears this. */
  const isWanted = shallowRef(false)
  const fault = shallowRef<FlashproofError | null>(null)

  async function run(): Promise<void> {
    if (isRunning.value) return
    isRunning.value = true
    fault.value = null
    try {
      items.value = (await client.call('pc.check', {})).items
    } catch (thrown) {
      fault.value = asFlashproofError(thrown)
    } finally {
      isRunning.value = false
    }
  }

  return { items, isRunning, isWanted, fault, run }
})
