// @vitest-environment happy-dom
import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { setStation } from '../../../src/renderer/bridge/bridge.ts'
import { useNotices } from '../../../src/renderer/stores/notices.ts'
import { useSettings } from '../../../src/renderer/stores/settings.ts'
import { startStores } from '../../../src/renderer/stores/start-stores.ts'
import { setLanguage } from '../../../src/renderer/texts/text.ts'
import SettingsView from '../../../src/renderer/views/SettingsView.vue'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { fakeDevice, fakeHostInfo, fakePreferences } from '../fake-models.ts'
import { createFakeStation, type FakeStation, type FakeWorld } from '../fake-station.ts'

let stop: () => void = () => undefined
let view: VueWrapper | null = null

async function open(
  world: FakeWorld = {},
  given: Parameters<typeof createFakeStation>[1] = {},
): Promise<{ view: VueWrapper; fake: FakeStation }> {
  const fake = createFakeStation(world, given)
  setStation(fake.station)
  stop = startStores()
  await vi.waitFor(() => {
    expect(useSettings().preferences).not.toBeNull()
  })
  await flushPromises()
  view = mount(SettingsView, { attachTo: document.body })
  await flushPromises()
  return { view, fake }
}

/** The control that the label names. */
function control(wrapper: VueWrapper, label: string): ReturnType<VueWrapper['find']> {
  const found = wrapper.findAll('label').find(candidate => candidate.text() === label)
  if (found === undefined) throw new Error(`no control is named ${label}`)
  return wrapper.find(`[id="${found.attributes('for') ?? ''}"]`)
}

function button(wrapper: VueWrapper, name: string): ReturnType<VueWrapper['find']> {
  const found = wrapper.findAll('button').filter(one => one.text() === name || one.attributes('aria-label') === name)
  const last = found.at(-1)
  if (last === undefined) throw new Error(`no button is named ${name}`)
  return last
}

/** Types without leaving the field. */
async function type(input: ReturnType<VueWrapper['find']>, text: string): Promise<void> {
  Object.assign(input.element, { value: text })
  await input.trigger('input')
}

const requestsOf = (fake: FakeStation, name: string): unknown[] =>
  fake.calls.filter(call => call.name === name).map(({ request }) => request)

beforeEach(() => {
  setActivePinia(createPinia())
})
afterEach(() => {
  stop()
  view?.unmount()
  setLanguage('en')
})

describe('the settings', () => {
  it('keep a change at once, and say so quietly', async () => {
    const { view, fake } = await open()
    const input = control(view, 'Devices at once')
    await type(input, '32')
    expect(requestsOf(fake, 'settings.set')).toEqual([])
    await input.trigger('change')
    await vi.waitFor(() => {
      expect(requestsOf(fake, 'settings.set')).toEqual([{ parallel: 32 }])
    })
    await flushPromises()
    expect(view.findAll('[role=status]').map(status => status.text())).toContain('Saved')
    expect(useNotices().list).toEqual([])
  })

  it('take back a number outside of its range', async () => {
    const { view, fake } = await open()
    const input = control(view, 'Devices at once')
    await type(input, '5000')
    expect(input.attributes('aria-invalid')).toBe('true')
    expect(view.text()).toContain('1 to 1024')
    await input.trigger('change')
    expect(input.element).toHaveProperty('value', '16')
    expect(requestsOf(fake, 'settings.set')).toEqual([])
  })

  it('change the language of the whole page', async () => {
    const { view } = await open()
    await control(view, 'Language').setValue('vi')
    await vi.waitFor(() => {
      expect(view.find('h1').text()).toBe('Cài đặt')
    })
    expect(document.documentElement.lang).toBe('vi')
  })

  it('tell in a notice what could not be kept', async () => {
    const { view } = await open(
      {},
      {
        'settings.set': () => {
          throw new FlashproofError('journal.read-only', 'the home is read-only')
        },
      },
    )
    await control(view, 'Appearance').setValue('dark')
    await vi.waitFor(() => {
      expect(useNotices().list.map(({ error }) => error?.code)).toEqual(['journal.read-only'])
    })
    expect(view.findAll('[role=status]').map(status => status.text())).not.toContain('Saved')
  })

  it('cannot be changed by a page that only watches', async () => {
    const { view } = await open({ host: fakeHostInfo({ control: 'watch' }), preferences: fakePreferences() })
    expect(view.text()).toContain('This page only watches')
    const controls = view.findAll('input, select')
    expect(controls.length).toBeGreaterThan(8)
    expect(controls.every(one => one.attributes('disabled') !== undefined)).toBe(true)
  })
})

describe('the chain of records', () => {
  const report = { valid: true, records: 6, headHash: 'c0ffee', headSequence: 6, problems: [], notes: [] }

  it('is verified in words', async () => {
    const { view } = await open({}, { 'log.check': () => ({ ...report, signature: 'none' as const }) })
    await button(view, 'Verify the chain').trigger('click')
    await vi.waitFor(() => {
      expect(view.text()).toContain('The chain holds: 6 records, none changed, removed or added.')
    })
    expect(view.text()).toContain('Not signed: keep a copy of the head elsewhere')
  })

  it('names the records that do not fit', async () => {
    const problems = [{ sequence: 4, jobId: null, text: 'its hash is not that of its bytes' }]
    const { view } = await open(
      {},
      { 'log.check': () => ({ ...report, valid: false, problems, signature: 'invalid' as const }) },
    )
    await button(view, 'Verify the chain').trigger('click')
    await vi.waitFor(() => {
      expect(view.text()).toContain('The chain is broken: 1 of 6 records do not fit.')
    })
    expect(view.text()).toContain('Record 4: its hash is not that of its bytes')
    expect(view.text()).toContain('A signature does not hold.')
  })
})

describe('passwords of devices', () => {
  it('say in a sentence that they are not kept without safe storage', async () => {
    const { view, fake } = await open({ devices: [fakeDevice()] })
    expect(view.text()).toContain('This host has no safe storage')
    expect(view.find('input[type=password]').exists()).toBe(false)
    expect(requestsOf(fake, 'credential.list')).toEqual([])
  })

  it('are given away and never shown again', async () => {
    const kept: { device: string; key: string }[] = []
    const { view, fake } = await open(
      { devices: [fakeDevice()], host: fakeHostInfo({ hasSafeStorage: true }) },
      {
        'credential.list': () => ({ credentials: [...kept] }),
        'credential.set': ({ device, key, value }) => {
          if (value === null) kept.length = 0
          else kept.push({ device, key })
          return {}
        },
      },
    )
    await control(view, 'Device').setValue('http://192.168.4.21')
    await control(view, 'Value').setValue('hunter2')
    await button(view, 'Keep').trigger('click')
    await vi.waitFor(() => {
      expect(view.text()).toContain('kitchen (http://192.168.4.21)')
    })
    expect(requestsOf(fake, 'credential.set')).toEqual([
      { device: 'http://192.168.4.21', key: 'password', value: 'hunter2' },
    ])
    await vi.waitFor(() => {
      expect(view.find<HTMLInputElement>('input[type=password]').element.value).toBe('')
    })
    expect(view.html()).not.toContain('hunter2')
    await button(view, 'Forget password of kitchen (http://192.168.4.21)').trigger('click')
    await vi.waitFor(() => {
      expect(view.text()).toContain('None is kept.')
    })
  })
})

describe('practice', () => {
  it('is started and stopped', async () => {
    let isPractising = false
    const { view, fake } = await open(
      {},
      {
        'host.info': () => fakeHostInfo({ isPractising }),
        'practice.start': () => {
          isPractising = true
          return { devices: 4 }
        },
        'practice.stop': () => {
          isPractising = false
          return {}
        },
      },
    )
    await button(view, 'Start practising').trigger('click')
    await vi.waitFor(() => {
      expect(view.text()).toContain('Virtual boards are running.')
    })
    await button(view, 'Stop practising').trigger('click')
    await vi.waitFor(() => {
      expect(requestsOf(fake, 'practice.stop')).toHaveLength(1)
    })
  })
})

describe('about', () => {
  it('says that the app never updates itself', async () => {
    const { view } = await open()
    expect(view.text()).toContain('Flashproof 0.1.0')
    expect(view.text()).toContain('The app never updates itself.')
  })
})
