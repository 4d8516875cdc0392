import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDiscovery, type Discovery } from '../../../src/core/discovery/discovery.ts'
import type { DeviceSource, WatchWorld } from '../../../src/core/discovery/device-source.ts'
import { setLabel } from '../../../src/core/discovery/labels.ts'
import { rememberedSource, rememberDevices } from '../../../src/core/discovery/remembered.ts'
import { createSimulatedSource } from '../../../src/core/discovery/simulated.ts'
import type { DeviceEntry, DiscoveryChannel } from '../../../src/shared/contract/models.ts'
import { FakeClock } from '../../fakes/fake-clock.ts'
import { fakeDeviceEntry } from '../../fakes/fake-device-entry.ts'

let home = ''
let clock = new FakeClock()
let discovery: Discovery | null = null
let changed: DeviceEntry[] = []
let removed: string[] = []
let told: DiscoveryChannel[][] = []
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'flashproof-discovery-'))
  clock = new FakeClock()
  changed = []
  removed = []
  told = []
})
afterEach(async () => {
  await discovery?.close()
  rmSync(home, { recursive: true, force: true })
})

const channel: DiscoveryChannel = {
  id: 'serial',
  source: 'serial',
  name: 'Serial ports',
  state: 'listening',
  queriesSent: 0,
  answersHeard: 0,
  lastHeardAt: null,
  diagnosis: null,
}

/** A source whose devices and channel the test sets. */
function fakeSource(): DeviceSource & {
  devices: DeviceEntry[]
  channel: DiscoveryChannel
  world: WatchWorld | null
  isClosed: boolean
} {
  return {
    id: 'serial',
    devices: [],
    channel,
    world: null,
    isClosed: false,
    list: () => [],
    watch(world) {
      this.world = world
      return {
        devices: () => this.devices,
        channels: () => [this.channel],
        refresh: () => undefined,
        close: () => {
          this.isClosed = true
          return Promise.resolve()
        },
      }
    },
  }
}

function open(...sources: DeviceSource[]): Discovery {
  discovery = createDiscovery({
    home,
    clock,
    sources,
    onChanged: entry => changed.push(entry),
    onRemoved: key => removed.push(key),
    onChannels: channels => told.push(channels),
  })
  return discovery
}

const port = fakeDeviceEntry('serial:/dev/ttyUSB0', { source: 'serial', present: true, lastSeenAt: '1' })

describe('the list that is kept while somebody looks', () => {
  it('tells what came, changed and went, and nothing twice', async () => {
    const source = fakeSource()
    open(source).start()
    await clock.advance(300)
    expect(told).toEqual([[channel]])
    source.devices = [port]
    source.world?.onChanged()
    await clock.advance(300)
    source.devices = [{ ...port, lastSeenAt: '2' }]
    source.world?.onChanged()
    await clock.advance(300)
    expect(changed).toEqual([port])
    source.devices = [{ ...port, present: false }]
    source.world?.onChanged()
    await clock.advance(300)
    expect(changed.map(entry => entry.present)).toEqual([true, false])
    source.devices = []
    source.world?.onChanged()
    await clock.advance(300)
    expect(removed).toEqual([port.key])
    expect(told).toHaveLength(1)
  })

  it('gathers a storm of changes into at most four rounds a second', async () => {
    const source = fakeSource()
    open(source).start()
    for (let step = 0; step < 100; step++) {
      source.devices = [{ ...port, name: String(step) }]
      source.world?.onChanged()
      await clock.advance(10)
    }
    await clock.advance(300)
    expect(changed.length).toBeGreaterThan(1)
    expect(changed.length).toBeLessThanOrEqual(5)
    expect(changed.at(-1)?.name).toBe('99')
  })

  it('shows remembered boards and labels, also before anybody listens', async () => {
    const board = fakeDeviceEntry('http://192.0.2.1', { identity: { mac: '02:00:00:00:00:01' }, name: 'kitchen' })
    rememberDevices(home, [board])
    const source = fakeSource()
    const live = open(source, rememberedSource)
    expect(live.list()).toEqual([board])
    live.start()
    await clock.advance(300)
    setLabel(home, board.key, 'Bench 1')
    live.refresh()
    await clock.advance(300)
    expect(changed.map(entry => entry.label)).toEqual([null, 'Bench 1'])
  })

  it('lets practice boards come and go by themselves', async () => {
    let registered: DeviceEntry[] = []
    const virtual = fakeDeviceEntry('http://127.0.0.1:4711', { source: 'simulated', simulated: true, present: true })
    open(createSimulatedSource(() => registered)).start()
    registered = [virtual]
    await clock.advance(1_300)
    expect(changed).toEqual([virtual])
    registered = []
    await clock.advance(1_300)
    expect(removed).toEqual([virtual.key])
  })

  it('closes its sources and says no more', async () => {
    const source = fakeSource()
    const live = open(source)
    live.start()
    await live.close()
    source.devices = [port]
    source.world?.onChanged()
    await clock.advance(1_000)
    expect(source.isClosed).toBe(true)
    expect(changed).toEqual([])
    expect(clock.sleeperCount).toBe(0)
  })
})
