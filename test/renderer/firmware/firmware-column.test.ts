// @vitest-environment happy-dom
import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { runAction } from '../../../src/renderer/actions.ts'
import { setStation } from '../../../src/renderer/bridge/bridge.ts'
import FirmwareColumn from '../../../src/renderer/components/firmware/FirmwareColumn.vue'
import { useFirmware } from '../../../src/renderer/stores/firmware.ts'
import { startStores } from '../../../src/renderer/stores/start-stores.ts'
import { setLanguage } from '../../../src/renderer/texts/text.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { fakeFirmware, fakeHexInspection, fakeHostInfo, fakeInspection, fakePreferences } from '../fake-models.ts'
import { createFakeStation, type FakeStation, type FakeWorld } from '../fake-station.ts'

let stop: () => void = () => undefined
let column: VueWrapper | null = null

async function open(
  world: FakeWorld,
  given: Parameters<typeof createFakeStation>[1] = {},
): Promise<{ column: VueWrapper; fake: FakeStation }> {
  const fake = createFakeStation(world, given)
  setStation(fake.station)
  stop = startStores()
  column = mount(FirmwareColumn, { attachTo: document.body })
  await vi.waitFor(() => {
    expect(fake.calls.map(({ name }) => name)).toContain('firmware.list')
  })
  await flushPromises()
  return { column, fake }
}

/** The button with this text or name. */
function button(wrapper: VueWrapper, name: string): ReturnType<VueWrapper['find']> {
  const found = wrapper.findAll('button').find(one => one.text() === name || one.attributes('aria-label') === name)
  if (found === undefined) throw new Error(`no button is named ${name}`)
  return found
}

beforeEach(() => {
  setActivePinia(createPinia())
})
afterEach(() => {
  stop()
  column?.unmount()
  setLanguage('en')
})

describe('the firmware column', () => {
  it('tells the first step while there is none', async () => {
    const { column } = await open({})
    expect(column.text()).toContain('No firmware yet')
    expect(button(column, 'Open firmware').attributes('disabled')).toBeUndefined()
  })

  it('shows what the firmware is, and warns in plain words', async () => {
    const { column } = await open({ firmware: [fakeFirmware()] })
    expect(column.find('h3').text()).toBe('thermostat2.1.4')
    expect(column.text()).toContain('ESP32 · 1.02 MiB')
    expect(column.text()).toContain('on disk the same')
    expect(column.text()).toContain('2 bytes lie behind the end of the image; the device ignores them.')
  })

  it('says the same in Vietnamese', async () => {
    const { column } = await open({
      firmware: [fakeFirmware()],
      preferences: fakePreferences({ language: 'vi' }),
    })
    expect(column.text()).toContain('Có 2 byte nằm sau phần cuối của ảnh')
  })

  it('tells what sending the image instead of the text saves', async () => {
    const { column } = await open({ firmware: [fakeFirmware(fakeHexInspection())] })
    expect(column.text()).toContain('83.1 KiB less than the file: 7.4 s less on a line at 115200 baud.')
    expect(column.text()).toContain('33.3 KiB of gaps are filled with FF.')
  })

  it('gives what a file says of itself as text alone', async () => {
    const inspection = fakeInspection({ fileName: '<img src=x onerror=alert(1)>\u202e.bin', esp: null, findings: [] })
    const { column } = await open({ firmware: [fakeFirmware(inspection)] })
    expect(column.find('img').exists()).toBe(false)
    expect(column.find('h3').text()).toBe('<img src=x onerror=alert(1)>·.bin')
  })

  it('keeps the firmware before when a file is refused', async () => {
    const { column } = await open({ firmware: [fakeFirmware()] })
    await useFirmware().openFile(new File(['x'], 'notes.txt'))
    await flushPromises()
    expect(column.find('[role=alert]').text()).toContain('notes.txt was not opened.')
    expect(column.find('[role=alert]').text()).toContain('The firmware before it stays.')
    expect(column.find('h3').text()).toBe('thermostat2.1.4')
    await button(column, 'Dismiss').trigger('click')
    expect(column.find('[role=alert]').exists()).toBe(false)
  })

  it('asks for the system’s dialog on the desktop', async () => {
    const chosen = fakeFirmware(fakeHexInspection())
    const { column, fake } = await open(
      { host: fakeHostInfo({ kind: 'desktop', hasFileDialog: true }) },
      { 'firmware.choose': () => ({ firmware: chosen }) },
    )
    expect(runAction('open-firmware')).toBe(true)
    await vi.waitFor(() => {
      expect(column.find('h3').text()).toBe('pump-controller.hex')
    })
    expect(fake.calls.map(({ name }) => name)).toContain('firmware.choose')
  })

  it('takes a file from the browser’s dialog, and only formats that it knows', async () => {
    const opened: string[] = []
    const { column } = await open({
      openFile: file => {
        opened.push(file.name)
        return fakeFirmware()
      },
    })
    const input = column.find<HTMLInputElement>('input[type=file]')
    expect(input.attributes('accept')).toBe('.hex,.ihex,.bin')
    Object.defineProperty(input.element, 'files', { value: [new File(['x'], 'app.bin')], configurable: true })
    await input.trigger('change')
    await flushPromises()
    expect(opened).toEqual(['app.bin'])
    expect(column.find('h3').text()).toBe('thermostat2.1.4')
  })

  it('says that the file on disk is newer, and opens it again', async () => {
    const newer = { ...fakeFirmware(fakeInspection({ sourceBytes: 7 })), firmwareId: 'firmware-2' }
    const { column } = await open(
      { firmware: [fakeFirmware()], host: fakeHostInfo({ kind: 'desktop', hasFileDialog: true }) },
      {
        'firmware.recheck': () => ({ state: 'changed', changedAt: '2026-11-21T10:20:00.000+07:00' }),
        'firmware.reopen': () => ({ firmware: newer }),
      },
    )
    window.dispatchEvent(new Event('focus'))
    await vi.waitFor(() => {
      expect(column.text()).toContain('The file on disk is newer than the one inspected at')
    })
    await button(column, 'Open again').trigger('click')
    await vi.waitFor(() => {
      expect(useFirmware().current?.firmwareId).toBe('firmware-2')
    })
    expect(column.text()).toContain('on disk the same')
  })

  it('notices in a browser that the person’s own file changed', async () => {
    await open({ openFile: () => fakeFirmware() })
    const file = new File(['x'], 'app.bin')
    const firmware = useFirmware()
    await firmware.openFile(file)
    expect(firmware.isFromPerson).toBe(true)
    await firmware.recheck()
    expect(firmware.onDisk?.state).toBe('same')
    file.slice = () => {
      throw new DOMException('changed', 'NotReadableError')
    }
    await firmware.recheck()
    expect(firmware.onDisk?.state).toBe('changed')
  })

  it('changes nothing while the page only watches', async () => {
    const { column } = await open({ host: fakeHostInfo({ control: 'watch' }) })
    expect(button(column, 'Open').attributes('disabled')).toBeDefined()
    const shown = column.findAll('select').map(select => select.attributes('disabled') !== undefined)
    expect(shown.length).toBeGreaterThan(0)
    expect(shown.every(Boolean)).toBe(true)
  })
})

describe('opening firmware', () => {
  it('lets the later one of two win', async () => {
    const waiting: ((firmware: ReturnType<typeof fakeFirmware>) => void)[] = []
    const fake = createFakeStation()
    setStation({
      ...fake.station,
      openFile: () =>
        new Promise(resolve => {
          waiting.push(resolve)
        }),
    })
    const firmware = useFirmware()
    const first = firmware.openFile(new File(['1'], 'first.bin'))
    const second = firmware.openFile(new File(['2'], 'second.bin'))
    waiting[1]?.({ ...fakeFirmware(), firmwareId: 'second' })
    await second
    waiting[0]?.({ ...fakeFirmware(), firmwareId: 'first' })
    await first
    expect(firmware.current?.firmwareId).toBe('second')
    expect(firmware.isOpening).toBe(false)
  })

  it('keeps an earlier refusal when the dialog is closed without a choice', async () => {
    const fake = createFakeStation({}, { 'firmware.choose': () => ({ firmware: null }) })
    setStation(fake.station)
    const firmware = useFirmware()
    await firmware.openFile(new File(['x'], 'notes.txt'))
    expect(firmware.refusal).toBeInstanceOf(FlashproofError)
    await firmware.choose()
    expect(firmware.refusal?.code).toBe('host.file-refused')
    expect(firmware.openingName).toBe('notes.txt')
  })
})

describe('a file with firmware for several chips', () => {
  it('is asked about, and opened for the chip that somebody chooses', async () => {
    const { column, fake } = await open(
      {
        openFile: () => {
          throw new FlashproofError('format.variant-needed', 'manifest.json holds firmware for several chips', {
            file: 'manifest.json',
            choiceId: 'c-1',
            variants: ['ESP32', 'ESP32-C3'],
          })
        },
      },
      { 'firmware.open-variant': () => ({ firmware: fakeFirmware() }) },
    )
    await useFirmware().openFile(new File(['{}'], 'manifest.json'))
    await flushPromises()
    expect(column.text()).toContain('For which chip?')
    expect(column.text()).toContain('manifest.json holds firmware for several chips.')
    await button(column, 'ESP32-C3').trigger('click')
    await flushPromises()
    expect(fake.calls.at(-1)).toMatchObject({
      name: 'firmware.open-variant',
      request: { choiceId: 'c-1', variant: 'ESP32-C3' },
    })
    expect(column.text()).not.toContain('For which chip?')
    expect(column.find('h3').text()).toBe('thermostat2.1.4')
  })
})
