// @vitest-environment happy-dom
/** The mirror of serial lines: what was heard before and comes now, once each, bounded; commands by the running monitor. */
import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it } from 'vitest'
import type { MonitorEntry } from '../../../src/shared/contract/index.ts'
import { setStation } from '../../../src/renderer/bridge/bridge.ts'
import { ITEMS_KEPT, useMonitors } from '../../../src/renderer/stores/monitors.ts'
import { createFakeStation, type FakeStation } from '../fake-station.ts'

const TARGET = 'serial:/dev/ttyUSB0'
const said = (text: string, second = 0): MonitorEntry => ({
  type: 'line',
  line: { at: new Date(Date.UTC(2026, 10, 21, 3, 0, second)).toISOString(), from: 'board', text, level: null },
})
const nextFrame = (): Promise<void> =>
  new Promise(resolve => {
    requestAnimationFrame(() => {
      requestAnimationFrame(() => {
        resolve()
      })
    })
  })

function begin(...given: Parameters<typeof createFakeStation>): FakeStation {
  const fake = createFakeStation(...given)
  setStation(fake.station)
  return fake
}

const textsOf = (monitors: ReturnType<typeof useMonitors>): readonly string[] =>
  monitors.of(TARGET).items.map(item => (item.type === 'line' ? item.line.text : item.type))

beforeEach(() => {
  setActivePinia(createPinia())
})

describe('what a board printed', () => {
  it('is what was heard before and what comes, each line once', async () => {
    const answered = Promise.withResolvers<{ entries: MonitorEntry[] }>()
    const fake = begin({}, { 'monitor.history': () => answered.promise })
    const monitors = useMonitors()
    monitors.start()
    const opening = monitors.open(TARGET)
    fake.emit('monitor.heard', { monitorId: 'm-1', target: TARGET, entries: [said('b', 1), said('c', 2)] })
    answered.resolve({ entries: [said('a'), said('b', 1)] })
    await opening
    fake.emit('monitor.heard', { monitorId: 'm-1', target: TARGET, entries: [said('d', 3)] })
    fake.emit('monitor.heard', { monitorId: 'm-2', target: 'serial:/dev/ttyUSB1', entries: [said('elsewhere')] })
    await nextFrame()
    expect(textsOf(monitors)).toEqual(['a', 'b', 'c', 'd'])
    monitors.clear(TARGET)
    await nextFrame()
    expect(textsOf(monitors)).toEqual([])
  })

  it('is kept up to a bound, the newest', async () => {
    const fake = begin()
    const monitors = useMonitors()
    monitors.start()
    await monitors.open(TARGET)
    for (let batch = 0; batch < 6; batch++) {
      const entries = Array.from({ length: 1000 }, (_, index) => said(String(batch * 1000 + index)))
      fake.emit('monitor.heard', { monitorId: 'm-1', target: TARGET, entries })
    }
    await nextFrame()
    const texts = textsOf(monitors)
    expect([texts.length, texts.at(-1)]).toEqual([ITEMS_KEPT, '5999'])
  })

  it('comes with how the line stands', async () => {
    const fake = begin({}, { 'monitor.start': () => ({ monitorId: 'm-1' }) })
    const monitors = useMonitors()
    monitors.start()
    await monitors.open(TARGET)
    await monitors.listen(TARGET, 74_880)
    await nextFrame()
    expect(monitors.of(TARGET).standing).toEqual({ state: 'opening' })
    const at = new Date().toISOString()
    const error = { code: 'serial.port-busy', message: 'minicom has it', details: {} }
    const entries: MonitorEntry[] = [{ type: 'event', event: { kind: 'lost', at, error } }]
    fake.emit('monitor.heard', { monitorId: 'm-1', target: TARGET, entries })
    await nextFrame()
    expect(monitors.of(TARGET).standing).toMatchObject({ state: 'lost', code: 'serial.port-busy' })
    expect(fake.calls.filter(({ name }) => name === 'monitor.start').map(({ request }) => request)).toEqual([
      { target: TARGET, intervalMs: 1000, baudRate: 74_880 },
    ])
  })
})

describe('what is done to a board', () => {
  it('goes by the monitor that listens, and nowhere when none does', async () => {
    const fake = begin(
      {},
      {
        'monitor.start': () => ({ monitorId: 'm-1' }),
        'monitor.send': () => ({}),
        'monitor.restart': () => ({}),
        'monitor.choose-elf': () => ({ fileName: 'thermostat.elf' }),
      },
    )
    const monitors = useMonitors()
    await monitors.send(TARGET, 'too early', 'lf')
    await monitors.restart(TARGET)
    await monitors.listen(TARGET, 115_200)
    await monitors.send(TARGET, 'reboot', 'crlf')
    await monitors.restart(TARGET)
    await monitors.takeElf(TARGET, null)
    expect(monitors.elfNames.get(TARGET)).toBe('thermostat.elf')
    await expect(monitors.takeElf(TARGET, new File(['x'], 'other.elf'))).rejects.toMatchObject({
      code: 'host.file-refused',
    })
    expect(monitors.elfNames.get(TARGET)).toBe('thermostat.elf')
    expect(fake.calls.map(({ name, request }) => [name, request]).slice(1)).toEqual([
      ['monitor.send', { monitorId: 'm-1', text: 'reboot', lineEnd: 'crlf' }],
      ['monitor.restart', { monitorId: 'm-1' }],
      ['monitor.choose-elf', { target: TARGET }],
    ])
  })
})
