// @vitest-environment happy-dom
/** “Which chip?” in the row of a port: offered where nobody knows, asked once, and told when nothing answers. */
import { flushPromises, mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it } from 'vitest'
import type { DeviceEntry } from '../../../src/shared/contract/index.ts'
import { setStation } from '../../../src/renderer/bridge/bridge.ts'
import BenchRow from '../../../src/renderer/components/bench/BenchRow.vue'
import { useHost } from '../../../src/renderer/stores/host.ts'
import { useNotices } from '../../../src/renderer/stores/notices.ts'
import { fakeDevice, fakeHostInfo } from '../fake-models.ts'
import { createFakeStation } from '../fake-station.ts'

const port = (changes: Partial<DeviceEntry> = {}): DeviceEntry =>
  fakeDevice({ target: 'serial:/dev/ttyUSB0', name: 'CP2102N', source: 'serial', protocols: [], ...changes })

async function show(device: DeviceEntry, control: 'control' | 'watch' = 'control') {
  const fake = createFakeStation(
    { host: fakeHostInfo({ control }) },
    {
      'device.identify': ({ target }) => ({
        device: null,
        probe: { target, reachable: false, protocols: [], identity: null, reach: null, telemetry: null, notes: [] },
      }),
    },
  )
  setStation(fake.station)
  useHost().start(() => undefined)
  await useHost().load()
  const row = mount(BenchRow, { props: { device, hasCursor: false, nowMs: Date.now() } })
  const button = row.findAll('button').find(one => one.text() === 'Which chip?')
  return { fake, button }
}

beforeEach(() => {
  setActivePinia(createPinia())
})

describe('a port with a board that nobody knows', () => {
  it('is asked once, and says when no chip answered', async () => {
    const { fake, button } = await show(port())
    expect(button?.attributes('title')).toContain('Restarts the board')
    await button?.trigger('click')
    await flushPromises()
    expect(fake.calls.filter(({ name }) => name === 'device.identify')).toHaveLength(1)
    expect(useNotices().list.map(({ text }) => text)).toEqual([expect.stringContaining('CP2102N: no chip')])
  })

  it.each([
    ['its chip is known', port({ identity: { chip: 'ESP32' } }), 'control'],
    ['it is not there', port({ present: false }), 'control'],
    ['something is in its way', port({ notes: [{ en: 'minicom has it open', vi: 'minicom đang mở' }] }), 'control'],
    ['it is on the network', fakeDevice(), 'control'],
    ['this page only watches', port(), 'watch'],
  ] as const)('is not asked where %s', async (_, device, control) => {
    expect((await show(device, control)).button).toBeUndefined()
  })
})
