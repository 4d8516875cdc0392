// @vitest-environment happy-dom
import { mount, type VueWrapper } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import MemoryMap from '../../../src/renderer/components/memory/MemoryMap.vue'

const segments = [
  { address: 0x0800_0000, sizeBytes: 0x3000 },
  { address: 0x0800_4000, sizeBytes: 0x8000 },
]
const open = (flash: { address: number; sizeBytes: number } | null = null): VueWrapper =>
  mount(MemoryMap, { props: { segments, flash }, attachTo: document.body })

describe('the memory map', () => {
  it('names every area with its range and size', () => {
    const map = open({ address: 0x0800_0000, sizeBytes: 0x1_0000 })
    const names = map.findAll('[role=listitem]').map(area => area.attributes('aria-label'))
    expect(names).toEqual([
      'Firmware 0x08000000 – 0x08002FFF, 12.0 KiB',
      'Gap 0x08003000 – 0x08003FFF, 4.0 KiB',
      'Firmware 0x08004000 – 0x0800BFFF, 32.0 KiB',
      'Not touched 0x0800C000 – 0x0800FFFF, 16.0 KiB',
    ])
    expect(map.findAll('title').map(title => title.text())).toEqual(names)
    expect(map.text()).toContain('44.0 KiB of 64.0 KiB flash')
  })

  it('is one stop of the Tab key, and the arrow keys go through it', async () => {
    const map = open()
    const areas = map.findAll('[role=listitem]')
    const stops = (): number[] => areas.flatMap((area, index) => (area.attributes('tabindex') === '0' ? [index] : []))
    expect(stops()).toEqual([0])
    await areas[0]?.trigger('keydown', { key: 'ArrowRight' })
    expect(stops()).toEqual([1])
    expect(map.find('.detail').text()).toContain('Gap')
    await areas[1]?.trigger('keydown', { key: 'End' })
    expect(stops()).toEqual([2])
    await areas[2]?.trigger('keydown', { key: 'ArrowRight' })
    expect(stops()).toEqual([2])
    await areas[2]?.trigger('keydown', { key: 'Home' })
    expect(stops()).toEqual([0])
  })

  it('tells below what the mouse is over', async () => {
    const map = open()
    expect(map.find('.detail').text()).toContain('12.0 KiB')
    await map.findAll('[role=listitem]')[2]?.trigger('mouseenter')
    expect(map.find('.detail').text()).toContain('32.0 KiB')
  })
})
