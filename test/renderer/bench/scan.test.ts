// @vitest-environment happy-dom
/** The search of a range and the taking in of a list, on a fake station. */
import { flushPromises } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, expect, it } from 'vitest'
import { setStation } from '../../../src/renderer/bridge/bridge.ts'
import { useDevices } from '../../../src/renderer/stores/devices.ts'
import { useScan } from '../../../src/renderer/stores/scan.ts'
import { startStores } from '../../../src/renderer/stores/start-stores.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { fakeDevice } from '../fake-models.ts'
import { createFakeStation, type FakeStation } from '../fake-station.ts'

let fake: FakeStation

async function open(handlers: Parameters<typeof createFakeStation>[1] = {}): Promise<void> {
  fake = createFakeStation({ devices: [fakeDevice({ target: 'http://192.168.4.21' })] }, handlers)
  setStation(fake.station)
  setActivePinia(createPinia())
  startStores()
  await flushPromises()
}

beforeEach(async () => {
  await open()
})

const told = { scanId: 'scan-1', total: 254, answering: 3, found: 2, devices: [], error: null }

it('begins a search and follows what the engine tells', async () => {
  const scan = useScan()
  await scan.begin({ cidr: '192.168.4.0/24', ratePerSecond: 50 })
  expect([scan.isRunning, scan.progress?.total]).toEqual([true, 254])
  fake.emit('discovery.scanned', { ...told, state: 'running', asked: 100 })
  await flushPromises()
  expect(scan.progress).toMatchObject({ asked: 100, answering: 3, found: 2 })
  fake.emit('discovery.scanned', { ...told, state: 'ended', asked: 254 })
  await flushPromises()
  expect(scan.isRunning).toBe(false)
})

it('ends a search that runs, and asks nothing when none does', async () => {
  const scan = useScan()
  await scan.cancel()
  await scan.begin({ cidr: '192.168.4.0/24' })
  await scan.cancel()
  expect(fake.calls.filter(({ name }) => name === 'discovery.cancel-scan')).toHaveLength(1)
})

it('passes on why a range is refused', async () => {
  await open({
    'discovery.scan': () => {
      throw new FlashproofError('scan.range-public', '8.8.8.0/24 is public', { cidr: '8.8.8.0/24' })
    },
  })
  await expect(useScan().begin({ cidr: '8.8.8.0/24' })).rejects.toMatchObject({ code: 'scan.range-public' })
  expect(useScan().progress).toBeNull()
})

it('loads the list again once a list was taken in', async () => {
  const before = fake.calls.filter(({ name }) => name === 'device.list').length
  expect(await useDevices().importList('target\nhttp://192.168.4.9\n')).toBe(1)
  expect(fake.calls.filter(({ name }) => name === 'device.list')).toHaveLength(before + 1)
})
