// @vitest-environment happy-dom
/** The mirror of the devices: many that announce themselves cost one list a frame, and rows keep their places. */
import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, expect, it } from 'vitest'
import { watch } from 'vue'
import { setStation } from '../../../src/renderer/bridge/bridge.ts'
import { useDevices } from '../../../src/renderer/stores/devices.ts'
import type { DeviceEntry } from '../../../src/shared/contract/index.ts'
import { fakeDevice } from '../fake-models.ts'
import { createFakeStation, type FakeStation } from '../fake-station.ts'

let fake: FakeStation

function device(number: number, name = `Board ${String(number)}`): DeviceEntry {
  const target = `http://10.0.0.${String(number)}`
  return fakeDevice({ key: target, target, name })
}

function nextFrame(): Promise<void> {
  return new Promise(resolve => {
    requestAnimationFrame(() => {
      resolve()
    })
  })
}

beforeEach(() => {
  fake = createFakeStation(
    { devices: [device(1), device(2), device(3)] },
    {
      'device.add': ({ target }) => ({
        device: { ...device(9), target, key: target },
        probe: {
          target,
          reachable: false,
          protocols: [],
          identity: null,
          reach: null,
          telemetry: null,
          notes: ['no answer'],
        },
      }),
    },
  )
  setStation(fake.station)
  setActivePinia(createPinia())
})

it('makes one new list a frame of everything that was told, and keeps rows where they are', async () => {
  const devices = useDevices()
  devices.start()
  await devices.load()
  let lists = 0
  watch(
    () => devices.list,
    () => lists++,
    { flush: 'sync' },
  )
  for (let number = 4; number <= 60; number++) fake.emit('device.changed', { device: device(number) })
  for (const name of ['old', 'older', 'newest']) fake.emit('device.changed', { device: device(2, name) })
  fake.emit('device.removed', { key: device(3).key })
  await nextFrame()
  await nextFrame()
  expect(lists).toBe(1)
  expect(devices.list).toHaveLength(59)
  expect(devices.list.slice(0, 3).map(({ name }) => name)).toEqual(['Board 1', 'newest', 'Board 4'])
})

it('takes the tick and the drawer from a device that went', async () => {
  const devices = useDevices()
  devices.start()
  await devices.load()
  devices.setTicked([device(1).key, device(2).key], true)
  devices.selectedKey = device(2).key
  fake.emit('device.removed', { key: device(2).key })
  await nextFrame()
  await nextFrame()
  expect([...devices.ticked]).toEqual([device(1).key])
  expect(devices.selected).toBeNull()
})

it('shows what somebody added at once, with what it said of itself', async () => {
  const devices = useDevices()
  await devices.load()
  const { device: added, probe } = await devices.add('http://10.0.0.77')
  expect(devices.byKey.get('http://10.0.0.77')).toEqual(added)
  expect(probe.notes).toEqual(['no answer'])
})
