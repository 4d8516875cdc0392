// @vitest-environment happy-dom
import { flushPromises } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { expect, it } from 'vitest'
import { setStation } from '../../../src/renderer/bridge/bridge.ts'
import { useDeviceWork } from '../../../src/renderer/stores/device-work.ts'
import type { ProbeReport } from '../../../src/shared/contract/index.ts'
import { createFakeStation } from '../fake-station.ts'

function report(target: string): ProbeReport {
  return { target, reachable: true, protocols: [], identity: null, reach: null, telemetry: null, notes: [] }
}

it('asks a board on a serial port which chip it is, so that its row keeps the answer; others by reading', async () => {
  setActivePinia(createPinia())
  const asked: string[] = []
  const fake = createFakeStation(
    {},
    {
      'device.identify': ({ target }) => {
        asked.push(`identify ${target}`)
        return { device: null, probe: report(target) }
      },
      'device.probe': ({ target }) => {
        asked.push(`probe ${target}`)
        return report(target)
      },
    },
  )
  setStation(fake.station)
  const work = useDeviceWork()
  await work.probe('serial:/dev/ttyUSB0')
  await work.probe('http://192.168.4.21')
  await flushPromises()
  expect(asked).toEqual(['identify serial:/dev/ttyUSB0', 'probe http://192.168.4.21'])
  expect(work.probes.get('serial:/dev/ttyUSB0')).toMatchObject({ report: { reachable: true }, error: null })
})
