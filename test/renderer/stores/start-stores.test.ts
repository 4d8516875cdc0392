// @vitest-environment happy-dom
/** Mirrors load when the engine is there, and again after a restart or a lost link. */
import { createPinia, setActivePinia } from 'pinia'
import { describe, expect, it, vi } from 'vitest'
import { setStation } from '../../../src/renderer/bridge/bridge.ts'
import { useDevices } from '../../../src/renderer/stores/devices.ts'
import { useHost } from '../../../src/renderer/stores/host.ts'
import { useJobs } from '../../../src/renderer/stores/jobs.ts'
import { useSettings } from '../../../src/renderer/stores/settings.ts'
import { startStores } from '../../../src/renderer/stores/start-stores.ts'
import { useUnfinished } from '../../../src/renderer/stores/unfinished.ts'
import { fakeDevice, fakeHostInfo, fakeJob, fakePreferences } from '../fake-models.ts'
import { createFakeStation, type FakeWorld } from '../fake-station.ts'

function start(world: FakeWorld = {}) {
  const fake = createFakeStation(world)
  setStation(fake.station)
  setActivePinia(createPinia())
  const stop = startStores()
  return { fake, stop }
}

describe('the mirrors of the page', () => {
  it('load everything once the engine is ready', async () => {
    start({ devices: [fakeDevice()], jobs: [fakeJob()] })
    await vi.waitFor(() => {
      expect(useDevices().list).toHaveLength(1)
    })
    expect(useJobs().ids).toEqual(['job-1'])
    expect(useSettings().preferences?.stationName).toBe('A3')
  })

  it('wait for an engine that is still starting', async () => {
    const world: FakeWorld = { devices: [fakeDevice()], host: fakeHostInfo({ engine: { state: 'starting' } }) }
    const { fake } = start(world)
    await vi.waitFor(() => {
      expect(useHost().info).not.toBeNull()
    })
    expect(useDevices().list).toHaveLength(0)
    world.host = fakeHostInfo()
    fake.emit('engine.changed', { engine: { state: 'ready' } })
    await vi.waitFor(() => {
      expect(useDevices().list).toHaveLength(1)
    })
  })

  it('load again after the engine crashed and came back, and ask about what it left', async () => {
    const world: FakeWorld = { jobs: [fakeJob()] }
    const { fake } = start(world)
    await vi.waitFor(() => {
      expect(useJobs().isLoaded).toBe(true)
    })
    fake.emit('engine.changed', { engine: { state: 'pausing', pauseMs: 500, text: 'crashed' } })
    world.jobs = [fakeJob({ revision: 2, state: 'interrupted' })]
    fake.emit('engine.changed', { engine: { state: 'starting' } })
    fake.emit('engine.changed', { engine: { state: 'ready' } })
    await vi.waitFor(() => {
      expect(useUnfinished().isAsking).toBe(true)
    })
    expect(useHost().restarts).toBe(1)
    useUnfinished().postpone()
    expect(useUnfinished().isAsking).toBe(false)
    expect(fake.calls.filter(call => call.name === 'job.resume')).toEqual([])
  })

  it('load again when a lost link is back', async () => {
    const { fake } = start({ preferences: fakePreferences() })
    await vi.waitFor(() => {
      expect(useJobs().isLoaded).toBe(true)
    })
    const before = fake.calls.filter(call => call.name === 'job.list').length
    fake.setLinkState('lost')
    expect(useHost().mayChange).toBe(false)
    fake.setLinkState('open')
    await vi.waitFor(() => {
      expect(fake.calls.filter(call => call.name === 'job.list').length).toBeGreaterThan(before)
    })
  })

  it('keep the place of rows when the list is loaded again', async () => {
    const world: FakeWorld = { devices: [fakeDevice({ target: 'http://a' }), fakeDevice({ target: 'http://b' })] }
    start(world)
    const devices = useDevices()
    await vi.waitFor(() => {
      expect(devices.list).toHaveLength(2)
    })
    world.devices = ['http://c', 'http://b', 'http://a'].map(target => fakeDevice({ target }))
    await devices.load()
    expect(devices.list.map(device => device.target)).toEqual(['http://a', 'http://b', 'http://c'])
  })
})
