// @vitest-environment happy-dom
/** The serial monitor as people use it: states in words, hostile text as text, sending, pausing, filtering, copying. */
import { mount } from '@vue/test-utils'
import { nextTick } from 'vue'
import { describe, expect, it } from 'vitest'
import type { LineStanding } from '../../../src/renderer/monitor/monitor-items.ts'
import { itemsOf } from '../../../src/renderer/monitor/monitor-items.ts'
import MonitorPanel from '../../../src/renderer/components/monitor/MonitorPanel.vue'
import MonitorRow from '../../../src/renderer/components/monitor/MonitorRow.vue'
import { printedEntries } from '../preview/serial.ts'

const items = printedEntries.flatMap(itemsOf).map((item, number) => ({ ...item, number }))

interface Given {
  readonly standing?: LineStanding | null
  readonly isRunning?: boolean
  readonly canAct?: boolean
  readonly count?: number
}

function show({
  standing = { state: 'listening' },
  isRunning = true,
  canAct = true,
  count = items.length,
}: Given = {}) {
  return mount(MonitorPanel, {
    props: {
      picture: { items: items.slice(0, count), standing },
      isRunning,
      canAct,
      hasFileDialog: false,
      elfName: null,
    },
    attachTo: document.body,
  })
}

const button = (wrapper: ReturnType<typeof show>, name: string) => {
  const found = wrapper.findAll('button').find(one => one.text() === name || one.attributes('aria-label') === name)
  if (found === undefined) throw new Error(`there is no button “${name}”`)
  return found
}

describe('the state of a line', () => {
  it.each([
    [{ isRunning: false, standing: null }, 'Not listening'],
    [{ standing: null }, 'Opening the port…'],
    [{}, 'Listening at 115200 baud'],
    [{ standing: { state: 'lent', usedFor: 'esp-serial' } }, 'A job has the port (esp-serial)'],
    [
      { standing: { state: 'lost', code: 'serial.port-busy', message: 'minicom (4711) has /dev/ttyUSB0 open' } },
      'minicom (4711) has /dev/ttyUSB0 open',
    ],
  ] as const)('%j is told in words', (given, words) => {
    expect(show(given).text()).toContain(words)
  })

  it('lets nobody send or restart unless the port is open and this page may act', () => {
    for (const given of [{ canAct: false }, { isRunning: false }, { standing: { state: 'opening' } }] as const) {
      const wrapper = show(given)
      expect(button(wrapper, 'Send').attributes('disabled')).toBeDefined()
      expect(button(wrapper, 'Restart board').attributes('disabled')).toBeDefined()
    }
    expect(button(show(), 'Send').attributes('disabled')).toBeUndefined()
  })
})

describe('the line to send', () => {
  it('goes out by Enter with the chosen ending, and leaves the field', async () => {
    const wrapper = show()
    const field = wrapper.find<HTMLInputElement>('input[type=text]')
    await field.setValue('calibrate 21.5')
    await wrapper.find('form select').setValue('crlf')
    await wrapper.find('form').trigger('submit')
    expect(wrapper.emitted('send')).toEqual([['calibrate 21.5', 'crlf']])
    expect(field.element.value).toBe('')
  })
})

describe('the rows', () => {
  it('show a board’s markup as text and mark what is looked for', () => {
    const words = { sign: '', tone: 'plain' as const, text: '<b>bold</b> & more' }
    const wrapper = mount(MonitorRow, { props: { words, at: '2026-11-21T03:14:02Z', hasTime: false, wanted: 'BOLD' } })
    expect(wrapper.find('b').exists()).toBe(false)
    expect(wrapper.text()).toContain('<b>bold</b> & more')
    expect(wrapper.findAll('mark').map(mark => mark.text())).toEqual(['bold'])
  })

  it('stand still while paused, and say how many came', async () => {
    const wrapper = show({ count: 5 })
    await button(wrapper, 'Pause').trigger('click')
    await wrapper.setProps({ picture: { items: items.slice(0, 9), standing: { state: 'listening' } } })
    expect(wrapper.text()).toContain('4 new')
    await button(wrapper, 'Go on').trigger('click')
    expect(wrapper.text()).not.toContain('4 new')
  })

  it('are copied as they are shown: filtered, with the places of a crash', async () => {
    const wrapper = show()
    await wrapper.find('input[type=search]').setValue('valve_read')
    await nextTick()
    await button(wrapper, 'Copy the lines shown').trigger('click')
    const copied = String(wrapper.emitted('copy')?.[0]?.[0])
    expect(copied).toContain('valve_read_position+0x1d  main/valve.c:88')
    expect(copied).not.toContain('calibrat')
  })

  it('say that none holds what is looked for', async () => {
    const wrapper = show()
    await wrapper.find('input[type=search]').setValue('no such words')
    expect(wrapper.text()).toContain('No line holds “no such words”')
  })
})
