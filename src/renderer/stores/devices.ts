/** Mirrors the list of devices, and what the technician has ticked and looks for. */
import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { DeviceEntry, DiscoveryChannel } from '../../shared/contract/index.ts'
import { useStation } from '../bridge/bridge.ts'

export const useDevices = defineStore('devices', () => {
  const { client } = useStation()
  const byKey = shallowRef<ReadonlyMap<string, DeviceEntry>>(new Map())
  const channels = shallowRef<readonly DiscoveryChannel[]>([])
  const isLoaded = shallowRef(false)
  /** Keys of the ticked rows. */
  const ticked = shallowRef<ReadonlySet<string>>(new Set())
  /** Key of the row whose drawer is open. */
  const selectedKey = shallowRef<string | null>(null)
  const list = computed(() => [...byKey.value.values()])
  const selected = computed(() => (selectedKey.value === null ? null : (byKey.value.get(selectedKey.value) ?? null)))
  const tickedDevices = computed(() => list.value.filter(device => ticked.value.has(device.key)))

  function put(device: DeviceEntry): void {
    byKey.value = new Map(byKey.value).set(device.key, device)
  }

  async function load(): Promise<void> {
    const { devices } = await client.call('device.list', {})
    // Rows keep their place; new ones come to the end.
    const fresh = new Map(devices.map(device => [device.key, device]))
    const kept = [...byKey.value.keys()].flatMap(key => {
      const device = fresh.get(key)
      fresh.delete(key)
      return device === undefined ? [] : [[key, device] as const]
    })
    byKey.value = new Map([...kept, ...fresh])
    isLoaded.value = true
    const status = await client.call('discovery.status', {})
    channels.value = status.channels
  }

  function setTicked(keys: readonly string[], isTicked: boolean): void {
    const changed = new Set(ticked.value)
    for (const key of keys) {
      if (isTicked) changed.add(key)
      else changed.delete(key)
    }
    ticked.value = changed
  }

  async function add(target: string): Promise<DeviceEntry> {
    const { device } = await client.call('device.add', { target })
    put(device)
    return device
  }

  async function forget(key: string): Promise<void> {
    await client.call('device.forget', { key })
    remove(key)
  }

  async function label(key: string, text: string | null): Promise<void> {
    await client.call('device.label', { key, label: text })
    const device = byKey.value.get(key)
    if (device !== undefined) put({ ...device, label: text })
  }

  function remove(key: string): void {
    const rest = new Map(byKey.value)
    rest.delete(key)
    byKey.value = rest
    setTicked([key], false)
    if (selectedKey.value === key) selectedKey.value = null
  }

  function start(): () => void {
    const stops = [
      client.subscribe('device.changed', ({ device }) => {
        put(device)
      }),
      client.subscribe('device.removed', ({ key }) => {
        remove(key)
      }),
      client.subscribe('discovery.changed', event => {
        channels.value = event.channels
      }),
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }

  return {
    byKey,
    list,
    channels,
    isLoaded,
    ticked,
    tickedDevices,
    selectedKey,
    selected,
    put,
    load,
    setTicked,
    add,
    forget,
    label,
    start,
  }
})
