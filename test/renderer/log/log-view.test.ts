// @vitest-environment happy-dom
/** The log as people use it: hostile text stays text, pausing counts, searching marks. */
import { mount } from '@vue/test-utils'
import { nextTick } from 'vue'
import { describe, expect, it } from 'vitest'
import LogLine from '../../../src/renderer/components/log/LogLine.vue'
import LogView from '../../../src/renderer/components/log/LogView.vue'
import { shownLine } from '../../../src/renderer/components/log/log-lines.ts'
import type { NumberedLine } from '../../../src/renderer/stores/line-ring.ts'

const line = (number: number, text: string, level: NumberedLine['level'] = 'info'): NumberedLine => ({
  number,
  at: '2026-11-21T10:14:02.000Z',
  level,
  code: 'device',
  text,
})

describe('a line of the log', () => {
  it('shows markup of a device as text', () => {
    const wrapper = mount(LogLine, {
      props: { line: shownLine(line(0, '<img src=x onerror="alert(1)"> <b>bold</b>')), search: 'bold' },
    })
    expect(wrapper.find('img').exists()).toBe(false)
    expect(wrapper.find('b').exists()).toBe(false)
    expect(wrapper.text()).toContain('<img src=x onerror="alert(1)"> <b>bold</b>')
    expect(wrapper.findAll('mark').map(mark => mark.text())).toEqual(['bold'])
  })

  it('says its level in words, not by colour alone', () => {
    const wrapper = mount(LogLine, { props: { line: shownLine(line(0, 'x', 'error')), search: '' } })
    expect(wrapper.text()).toContain('ERROR')
  })
})

describe('the log', () => {
  it('says what came while it was paused', async () => {
    const wrapper = mount(LogView, { props: { lines: [line(0, 'a')] } })
    await wrapper
      .findAll('button')
      .find(button => button.text() === 'Pause')
      ?.trigger('click')
    await wrapper.setProps({ lines: [line(0, 'a'), line(1, 'b'), line(2, 'c')] })
    expect(wrapper.text()).toContain('2 new lines')
    await wrapper
      .findAll('button')
      .find(button => button.text() === 'Go on')
      ?.trigger('click')
    expect(wrapper.text()).not.toContain('new lines')
  })

  it('counts what is found', async () => {
    const wrapper = mount(LogView, { props: { lines: [line(0, 'flash'), line(1, 'other'), line(2, 'flash')] } })
    await wrapper.find('input[type=search]').setValue('flash')
    await nextTick()
    expect(wrapper.text()).toContain('2 of 2')
  })

  it('hands over the lines that are shown when they are copied', async () => {
    const wrapper = mount(LogView, { props: { lines: [line(0, 'quiet', 'debug'), line(1, 'loud', 'error')] } })
    await wrapper.find('select').setValue('error')
    await wrapper.find('button[aria-label="Copy the lines shown"]').trigger('click')
    const [copied] = wrapper.emitted('copy') ?? []
    expect(copied?.[0]).toContain('loud')
    expect(copied?.[0]).not.toContain('quiet')
  })

  it('says that nothing is there', () => {
    expect(mount(LogView, { props: { lines: [] } }).text()).toContain('No lines yet')
  })
})
