// @vitest-environment happy-dom
import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { setStation } from '../../../src/renderer/bridge/bridge.ts'
import { useCatalog } from '../../../src/renderer/stores/catalog.ts'
import { useDevices } from '../../../src/renderer/stores/devices.ts'
import { useNotices } from '../../../src/renderer/stores/notices.ts'
import { useOrder } from '../../../src/renderer/stores/order.ts'
import { useSettings } from '../../../src/renderer/stores/settings.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { fakeCatalog, fakeDevice, fakePreferences } from '../fake-models.ts'
import { createFakeStation, type FakeStation } from '../fake-station.ts'

const espParts = fakeCatalog.protocols.find(({ id }) => id === 'esp-parts') ?? fail()
const serial = { ...espParts, id: 'esp-serial', endpoints: ['serial' as const], options: [], profiles: [] }
const devices = [
  fakeDevice({ target: 'http://192.168.4.21' }),
  fakeDevice({ target: 'serial:/dev/ttyUSB0', source: 'serial', protocols: [] }),
]

function fail(): never {
  throw new Error('the fake catalogue has the protocol')
}

async function open(
  preferences = fakePreferences(),
  given: Parameters<typeof createFakeStation>[1] = {},
): Promise<FakeStation> {
  const fake = createFakeStation(
    { preferences, devices },
    { 'catalog.get': () => ({ ...fakeCatalog, protocols: [espParts, serial] }), ...given },
  )
  setStation(fake.station)
  await Promise.all([useSettings().load(), useCatalog().load(), useDevices().load()])
  return fake
}

beforeEach(() => {
  setActivePinia(createPinia())
})

describe('an order', () => {
  it('sends nothing that was not chosen', async () => {
    await open(fakePreferences({ order: '', stationName: '' }))
    const order = useOrder()
    expect(order.toRequest('firmware-1', ['http://192.168.4.21'])).toEqual({
      firmwareId: 'firmware-1',
      targets: ['http://192.168.4.21'],
      parallel: 16,
    })
  })

  it('says for whom, by whom and where', async () => {
    await open(fakePreferences({ operator: 'Ana' }))
    expect(useOrder().toRequest('firmware-1', ['a']).context).toEqual({ operator: 'Ana', order: '4711', station: 'A3' })
  })

  it('begins with what the settings say', async () => {
    await open(fakePreferences({ parallel: 4, tryFirst: 1, stopAfter: 2, require: 'received' }))
    const order = useOrder()
    expect(order.require).toBe('received')
    expect(order.toRequest('firmware-1', ['a'])).toMatchObject({
      parallel: 4,
      first: 1,
      stopAfter: 2,
      require: 'received',
    })
  })

  it('names the protocol as soon as an option of it was changed', async () => {
    await open()
    const order = useOrder()
    useDevices().setTicked(['http://192.168.4.21'], true)
    expect(order.descriptor?.id).toBe('esp-parts')
    order.setOption('chunkBytes', '2048')
    order.setOption('mode', 'plain')
    expect(order.toReview('firmware-1', ['a'])).toEqual({
      firmwareId: 'firmware-1',
      targets: ['a'],
      protocol: 'esp-parts',
      options: { chunkBytes: 2048 },
    })
  })

  it('shows no options while several protocols are possible', async () => {
    await open()
    const order = useOrder()
    useDevices().setTicked(['http://192.168.4.21', 'serial:/dev/ttyUSB0'], true)
    expect(order.descriptor).toBeNull()
    order.setOption('chunkBytes', 1024)
    expect(order.options).toEqual({})
  })

  it('is not valid while a value is at fault, and leaves that value out', async () => {
    await open()
    const order = useOrder()
    order.protocol = 'esp-parts'
    order.setOption('chunkBytes', '5')
    expect([...order.faults]).toEqual(['chunkBytes'])
    expect(order.isValid).toBe(false)
    expect(order.options).toEqual({})
    order.setOption('chunkBytes', 'auto')
    expect(order.isValid).toBe(true)
  })

  it('keeps what was typed for each protocol', async () => {
    await open()
    const order = useOrder()
    order.protocol = 'esp-parts'
    order.setOption('chunkBytes', 1024)
    order.protocol = 'esp-serial'
    expect(order.options).toEqual({})
    order.protocol = 'esp-parts'
    expect(order.options).toEqual({ chunkBytes: 1024 })
    order.resetOptions()
    expect(order.options).toEqual({})
  })

  it('knows the profile that its values stand for', async () => {
    await open()
    const order = useOrder()
    order.protocol = 'esp-parts'
    expect(order.profile).toBeNull()
    order.applyProfile('seed')
    expect(order.profile).toBe('seed')
    order.setOption('mode', 'careful')
    expect(order.profile).toBeNull()
    order.applyProfile(null)
    expect(order.options).toEqual({})
  })

  it('counts the ticked devices that the chosen protocol cannot reach', async () => {
    await open()
    const order = useOrder()
    useDevices().setTicked(['http://192.168.4.21', 'serial:/dev/ttyUSB0'], true)
    expect(order.misfits).toBe(0)
    order.protocol = 'esp-parts'
    expect(order.misfits).toBe(1)
  })

  it('gives secrets to what asks the device, and to nothing else', async () => {
    const fake = await open()
    const order = useOrder()
    order.protocol = 'esp-parts'
    order.setSecret('password', 'hunter2')
    order.tryFirst = 1
    expect(order.toRequest('firmware-1', ['a']).secrets).toEqual({ password: 'hunter2' })
    expect(order.toReview('firmware-1', ['a']).secrets).toEqual({ password: 'hunter2' })
    await vi.waitFor(() => {
      expect(fake.calls.filter(({ name }) => name === 'settings.set')).toHaveLength(1)
    })
    expect(JSON.stringify(fake.calls)).not.toContain('hunter2')
  })

  it('keeps how a batch goes for the next time', async () => {
    const fake = await open()
    const order = useOrder()
    order.stopAfter = 3
    expect(order.stopAfter).toBe(3)
    await vi.waitFor(() => {
      expect(fake.calls).toContainEqual({ name: 'settings.set', request: { stopAfter: 3 } })
    })
  })

  it('takes back what could not be kept, and says why', async () => {
    await open(fakePreferences({ stopAfter: 1 }), {
      'settings.set': () => {
        throw new FlashproofError('journal.read-only', 'the home is read-only')
      },
    })
    const order = useOrder()
    order.stopAfter = 3
    await vi.waitFor(() => {
      expect(order.stopAfter).toBe(1)
    })
    expect(useNotices().list.map(({ error }) => error?.code)).toEqual(['journal.read-only'])
  })
})
