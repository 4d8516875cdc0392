// @vitest-environment happy-dom
/** What the window says of devices that come by themselves, of gateways, and of what was recognised. */
import { mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, expect, it } from 'vitest'
import { nextTick } from 'vue'
import { setStation } from '../../../src/renderer/bridge/bridge.ts'
import IdentityPanel from '../../../src/renderer/components/device/IdentityPanel.vue'
import PullDoor from '../../../src/renderer/components/device/PullDoor.vue'
import LogView from '../../../src/renderer/components/log/LogView.vue'
import VerdictLabel from '../../../src/renderer/components/proof/VerdictLabel.vue'
import type { JobSnapshot } from '../../../src/shared/contract/index.ts'
import { fakeDevice, fakeJob } from '../fake-models.ts'
import { createFakeStation } from '../fake-station.ts'

beforeEach(() => {
  setActivePinia(createPinia())
  setStation(createFakeStation().station)
})

const verdictOf = (changes: Partial<JobSnapshot>): string =>
  mount(VerdictLabel, { props: { job: fakeJob(changes) } }).text()

it('says of a job that only waits for its device what it waits for', () => {
  expect(verdictOf({ state: 'connecting', target: 'pull://wlan0:8070/inverter-07' })).toContain(
    'Waiting for the device to come here',
  )
  expect(verdictOf({ state: 'connecting', target: 'http://192.168.4.21' })).toBe('Connecting')
})

it('never says that something is sent whole while a gateway passes it on', () => {
  const relay = { state: 'running', doneBytes: null, totalBytes: 1000, elapsedMs: 10, usualMs: 100 } as const
  const whole = { state: 'transferring', doneBytes: 1000, totalBytes: 1000 } as const
  expect(verdictOf({ ...whole, relay })).toBe('The gateway passes it on')
  expect(verdictOf({ ...whole, relay: { ...relay, state: 'waiting' } })).toContain('100%')
})

it('offers each address that a device must ask to be copied', async () => {
  const addresses = ['http://10.0.0.2:8070/manifest', 'http://10.0.0.2:8070/firmware.bin']
  const door = mount(PullDoor, { props: { addresses } })
  expect(door.findAll('code').map(code => code.text())).toEqual(addresses)
  await door.findAll('button')[1]?.trigger('click')
  expect(door.emitted('copy')).toEqual([[addresses[1]]])
})

it('shows what is known of a device, where else it is, and what was recognised there', () => {
  const device = fakeDevice({
    protocols: [],
    otherTargets: [{ target: 'udp://192.168.4.21:3232', protocols: ['x-ota'] }],
    services: ['_arduino._tcp'],
    notes: [{ en: 'It asks for a password.\u0007', vi: 'Thiết bị hỏi mật khẩu.' }],
  })
  const report = {
    target: device.target,
    reachable: true,
    protocols: [],
    identity: null,
    reach: null,
    telemetry: null,
    notes: [],
    recognised: { en: 'A Shelly.', vi: 'Một Shelly.' },
  }
  const panel = mount(IdentityPanel, {
    props: {
      device,
      probe: { report, error: null, askedAtMs: 0 },
      isAsking: false,
      protocolNames: [],
      nameOf: (id: string) => `Name of ${id}`,
      heard: 'heard just now',
      canAct: true,
    },
  })
  const words = panel.text()
  for (const shown of [
    'It asks for a password.',
    'udp://192.168.4.21:3232 · Name of x-ota',
    '_arduino._tcp',
    'A Shelly.',
  ])
    expect(words).toContain(shown)
  expect(words).not.toContain('\u0007')
})

it('goes to what is looked for in a log when it comes after it was looked for', async () => {
  const log = mount(LogView, { props: { lines: [] } })
  await log.get('input[type=search]').setValue('manifest')
  expect(log.text()).toContain('0 of 0')
  const line = { at: '2026-11-21T10:14:02.000+07:00', level: 'info', code: 'pull.address' } as const
  await log.setProps({
    lines: [
      { ...line, number: 1, text: 'devices ask http://10.0.0.2/manifest' },
      { ...line, number: 2, text: 'waiting' },
    ],
  })
  await nextTick()
  expect(log.text()).toContain('1 of 1')
})
