// @vitest-environment happy-dom
/** Secrets of an order for devices of several protocols, and of jobs that go on. */
import { flushPromises, mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it } from 'vitest'
import { onAction } from '../../../src/renderer/actions.ts'
import { setStation } from '../../../src/renderer/bridge/bridge.ts'
import HowPanel from '../../../src/renderer/components/transfer/HowPanel.vue'
import ReachNote from '../../../src/renderer/components/transfer/ReachNote.vue'
import { useBatch } from '../../../src/renderer/stores/batch.ts'
import { useCredentials } from '../../../src/renderer/stores/credentials.ts'
import { useDevices } from '../../../src/renderer/stores/devices.ts'
import { useOrder } from '../../../src/renderer/stores/order.ts'
import { useDeviceWork } from '../../../src/renderer/stores/device-work.ts'
import { startStores } from '../../../src/renderer/stores/start-stores.ts'
import { useUnfinished } from '../../../src/renderer/stores/unfinished.ts'
import type { AnyReach } from '../../../src/renderer/transfer/protocol-fit.ts'
import type { ProtocolDescriptor } from '../../../src/shared/contract/index.ts'
import type { SecretOption } from '../../../src/shared/option-spec.ts'
import { fakeCatalog, fakeDevice, fakeFirmware, fakeHostInfo, fakeJob } from '../fake-models.ts'
import { createFakeStation, type FakeStation } from '../fake-station.ts'

const SECRET = 'hunter2-hunter2'
const first = fakeCatalog.protocols[0] ?? fail()

function fail(): never {
  throw new Error('the fake catalogue has a protocol')
}

function asking(id: string, endpoint: ProtocolDescriptor['endpoints'][number], key: string): ProtocolDescriptor {
  const text = { en: `${key} of ${id}`, vi: `${key} của ${id}` }
  const option: SecretOption = { key, kind: 'secret', label: text, help: text }
  return { ...first, id, endpoints: [endpoint], options: [option], profiles: [] }
}

const protocols = [asking('one', 'http', 'password'), asking('two', 'udp', 'password'), asking('three', 'pull', 'psk')]
const targets = ['http://192.168.4.21', 'udp://192.168.4.22:3232', 'pull://wlan0/inverter'] as const
const devices = [
  fakeDevice({ target: targets[0], name: 'a', protocols: ['one'] }),
  fakeDevice({ target: targets[1], name: 'b', protocols: ['two'] }),
  fakeDevice({ target: targets[2], name: 'c', protocols: [] }),
]

let fake: FakeStation
beforeEach(async () => {
  setActivePinia(createPinia())
  fake = createFakeStation(
    { devices, host: fakeHostInfo({ hasSafeStorage: true }), firmware: [fakeFirmware()] },
    {
      'catalog.get': () => ({ ...fakeCatalog, protocols }),
      'job.start': () => ({ batchId: 'batch', jobIds: ['job-1'], warnings: [] }),
    },
  )
  setStation(fake.station)
  startStores()
  await flushPromises()
})

function tick(...chosen: readonly string[]): void {
  useDevices().setTicked(chosen, true)
}

function requestsOf(name: string): unknown[] {
  return fake.calls.filter(call => call.name === name).map(({ request }) => request)
}

describe('an order for several protocols', () => {
  it('offers each secret once, and names no protocol', () => {
    tick(...targets)
    const order = useOrder()
    expect(order.sharedSecrets.map(({ key }) => key)).toEqual(['password', 'psk'])
    order.setSecret('password', SECRET)
    const review = order.toReview('firmware-1', targets)
    expect(review.secrets).toEqual({ password: SECRET })
    expect(review.protocol).toBeUndefined()
  })

  it('leaves out a secret that no ticked device has a use for any more', () => {
    tick(...targets)
    const order = useOrder()
    order.setSecret('psk', SECRET)
    useDevices().setTicked([targets[2]], false)
    expect(order.toReview('firmware-1', []).secrets).toBeUndefined()
    expect(order.hasSecrets).toBe(false)
  })

  it('offers none while nothing is ticked, and none beside the options of the one protocol', () => {
    expect(useOrder().sharedSecrets).toEqual([])
    tick(targets[0])
    expect(useOrder().sharedSecrets).toEqual([])
  })

  it('names the only protocol of an address where the device itself has told none', () => {
    tick(targets[2])
    expect(useOrder().toReview('firmware-1', []).protocol).toBe('three')
    useDevices().setTicked([targets[2]], false)
    tick(targets[0])
    expect(useOrder().toReview('firmware-1', []).protocol).toBeUndefined()
  })
})

describe('jobs that go on', () => {
  const job = fakeJob({ jobId: 'job-1', target: targets[1], protocol: 'two', state: 'interrupted' })

  it('get the secrets that they began with', async () => {
    tick(...targets)
    useOrder().setSecret('password', SECRET)
    await useBatch().start([targets[1]], [])
    useOrder().setSecret('password', '')
    await useUnfinished().resume([job])
    await useDeviceWork().resume(job)
    const given = { targetSecrets: { [targets[1]]: { password: SECRET } } }
    expect(requestsOf('job.resume')).toMatchObject([given, given])
  })

  it('get what is typed now for their own protocol', async () => {
    useOrder().protocol = 'two'
    useOrder().setSecret('password', SECRET)
    await useUnfinished().resume([job, { ...job, jobId: 'job-2', target: targets[0], protocol: 'one' }])
    expect(requestsOf('job.resume')).toMatchObject([{ targetSecrets: { [targets[1]]: { password: SECRET } } }])
    expect(JSON.stringify(requestsOf('job.resume')).split(SECRET)).toHaveLength(2)
  })

  it('get none where none is known', async () => {
    await useUnfinished().resume([job])
    expect(requestsOf('job.resume')).toEqual([{ jobIds: ['job-1'], interactive: true }])
  })
})

describe('the panel', () => {
  it('takes a secret as dots, and shows it nowhere else', async () => {
    tick(...targets)
    const panel = mount(HowPanel)
    await panel.get('button[aria-expanded]').trigger('click')
    const fields = panel.findAll('input[type=password]')
    expect(fields).toHaveLength(2)
    await fields[0]?.setValue(SECRET)
    expect(useOrder().toReview('firmware-1', []).secrets).toEqual({ password: SECRET })
    expect(panel.text()).not.toContain(SECRET)
    expect(
      panel
        .findAll('[title], [aria-label]')
        .map(one => JSON.stringify(one.attributes()))
        .join(' '),
    ).not.toContain(SECRET)
  })

  it('leads to the passwords of single devices', async () => {
    tick(...targets)
    const panel = mount(
      {
        components: { HowPanel },
        setup() {
          onAction('show-settings', () => shown.push('settings'))
        },
        template: '<HowPanel />',
      },
      {},
    )
    const shown: string[] = []
    await panel.get('button[aria-expanded]').trigger('click')
    await panel
      .findAll('button')
      .find(button => button.text() === 'Passwords of devices')
      ?.trigger('click')
    expect([shown, useCredentials().isWanted]).toEqual([['settings'], true])
  })
})

describe('what can be shown at most', () => {
  const upTo = { sent: 'yes', acknowledged: 'yes', received: 'no', stored: 'no', confirmed: 'no' } as const
  const words = (reach: AnyReach): string =>
    mount(ReachNote, { props: { reach, who: 'thisProtocol', need: 'default' } }).text()

  it('says that green comes only by the restart where flash cannot be compared', () => {
    expect(words({ ...upTo, running: 'probe' })).toContain('Green only if the device reports this very image')
  })

  it('says that green is not possible where nothing can be shown', () => {
    expect(words({ ...upTo, running: 'no' })).toContain('Green is not possible')
  })

  it('says neither where flash can be compared', () => {
    expect(words({ ...upTo, stored: 'probe', running: 'probe' })).not.toContain('Green')
  })
})
