/** A search of a range of addresses for devices: begun here, told by the engine, ended by either. */
import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { EventOf, RequestOf } from '../../shared/contract/index.ts'
import { useStation } from '../bridge/bridge.ts'

type Progress = Omit<EventOf<'discovery.scanned'>, 'devices'>

export const useScan = defineStore('scan', () => {
  const { client } = useStation()
  /** The newest search; null before the first one. */
  const progress = shallowRef<Progress | null>(null)
  const isRunning = computed(() => progress.value?.state === 'running')

  /** @throws {FlashproofError} scan.*, control.not-held */
  async function begin(request: RequestOf<'discovery.scan'>): Promise<void> {
    const { scanId, hosts } = await client.call('discovery.scan', request)
    // An event may have come before the answer.
    if (progress.value?.scanId === scanId) return
    progress.value = {
      scanId,
      state: 'running',
      asked: 0,
      total: hosts,
      answering: 0,
      found: 0,
      error: null,
    }
  }

  /** Without effect when nothing is searched. */
  async function cancel(): Promise<void> {
    if (progress.value?.state === 'running') {
      await client.call('discovery.cancel-scan', { scanId: progress.value.scanId })
    }
  }

  function start(): () => void {
    return client.subscribe('discovery.scanned', event => {
      progress.value = event
    })
  }

  return { progress, isRunning, begin, cancel, start }
})
