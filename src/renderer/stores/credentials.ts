/** Which secrets are kept for which device. Their values only ever leave this page. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { ResponseOf } from '../../shared/contract/index.ts'
import { useStation } from '../bridge/bridge.ts'

export const useCredentials = defineStore('credentials', () => {
  const { client } = useStation()
  const list = shallowRef<ResponseOf<'credential.list'>['credentials']>([])

  /** Whether somebody asked to see them; whoever shows them clears this. */
  const isWanted = shallowRef(false)

  async function load(): Promise<void> {
    list.value = (await client.call('credential.list', {})).credentials
  }

  /** Null forgets it. */
  async function set(device: string, key: string, value: string | null): Promise<void> {
    await client.call('credential.set', { device, key, value })
    await load()
  }

  return { list, isWanted, load, set }
})
