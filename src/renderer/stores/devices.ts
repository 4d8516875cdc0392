/** Mirrors the list of devices, and what the technician has ticked and looks for. */
import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { DeviceEntry, DiscoveryChannel, ResponseOf } from '../../shared/contract/index.ts'
import { useStation } from '../bridge/bridge.ts'
import { createFrameBatch } from './frame-batch.ts'

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

  /** What was told since the last frame, by key; null for a device that went. */
  const arriving = new Map<string, DeviceEntry | null>()
  const batch = createFrameBatch(flush)

  /** Many boards that announce themselves at once cost one new list a frame. A known row keeps its place. */
  function take(key: string, device: DeviceEntry | null): void {
    arriving.set(key, device)
    batch.request()
  }

  function flush(): void {
    if (arriving.size === 0) return
    const changed = new Map(byKey.value)
    for (const [key, device] of arriving) {
      if (device === null) changed.delete(key)
      else changed.set(key, device)
    }
    const gone = [...arriving].flatMap(([key, device]) => (device === null ? [key] : []))
    arriving.clear()
    byKey.value = changed
    if (gone.length > 0) leave(gone)
  }

  function leave(keys: readonly string[]): void {
    if (keys.some(key => ticked.value.has(key))) setTicked(keys, false)
    if (selectedKey.value !== null && keys.includes(selectedKey.value)) selectedKey.value = null
  }

  /** Shows a device now. */
  function put(device: DeviceEntry): void {
    take(device.key, device)
    flush()
  }

  async function load(): Promise<void> {
    const { devices } = await client.call('device.list', {})
    // The list knows everything that was told before it.
    arriving.clear()
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

  /** Keeps a target in the list, and gives what it said of itself. @throws {FlashproofError} target.* */
  async function add(target: string): Promise<ResponseOf<'device.add'>> {
    const added = await client.call('device.add', { target })
    put(added.device)
    return added
  }

  /** Takes a list in, whole or not at all. @returns how many @throws {FlashproofError} devices-file.invalid with the line */
  async function importList(csv: string): Promise<number> {
    const { devices: count } = await client.call('device.import', { csv })
    await load()
    return count
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
    take(key, null)
    flush()
  }

  function start(): () => void {
    const stops = [
      client.subscribe('device.changed', ({ device }) => {
        take(device.key, device)
      }),
      client.subscribe('device.removed', ({ key }) => {
        take(key, null)
      }),
      client.subscribe('discovery.changed', event => {
        channels.value = event.channels
      }),
    ]
    return () => {
      batch.cancel()
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
    importList,
    forget,
    label,
    start,
  }
})
