/** Whether the chain of this station's records holds, as it was checked last. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { ResponseOf } from '../../shared/contract/index.ts'
import { asFlashproofError, type FlashproofError } from '../../shared/errors.ts'
import { useStation } from '../bridge/bridge.ts'

export const useRecordCheck = defineStore('record-check', () => {
  const { client } = useStation()
  const report = shallowRef<ResponseOf<'log.check'> | null>(null)
  const isRunning = shallowRef(false)
  const fault = shallowRef<FlashproofError | null>(null)

  /** Reads every record; a large journal takes a while. */
  async function run(): Promise<void> {
    if (isRunning.value) return
    isRunning.value = true
    fault.value = null
    try {
      report.value = await client.call('log.check', {})
    } catch (thrown) {
      report.value = null
      fault.value = asFlashproofError(thrown)
    } finally {
      isRunning.value = false
    }
  }

  return { report, isRunning, fault, run }
})
