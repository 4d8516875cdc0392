/** How large each device's flash is, as far as its telemetry said so while this page was open. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { useStation } from '../bridge/bridge.ts'

export const useFlashSizes = defineStore('flash-sizes', () => {
  const { client } = useStation()
  const byTarget = shallowRef<ReadonlyMap<string, number>>(new Map())

  /** Null where the device did not say. */
  function of(target: string): number | null {
    return byTarget.value.get(target) ?? null
  }

  function start(): () => void {
    return client.subscribe('telemetry.sampled', ({ target, sample: { flashTotalBytes } }) => {
      // The same every time: only the first reading of a device changes anything.
      if (flashTotalBytes === undefined || !(flashTotalBytes > 0) || of(target) === flashTotalBytes) return
      byTarget.value = new Map(byTarget.value).set(target, flashTotalBytes)
    })
  }

  return { of, start }
})
