import { expect, it } from 'vitest'
import { openPageSession } from '../../src/host/page-session.ts'
import { createStationHost, type PageRights } from '../../src/host/station-host.ts'
import type { Handlers } from '../../src/shared/contract/index.ts'
import { createClient, type Client } from '../../src/shared/rpc/client.ts'
import { createMemoryLinkPair } from '../../src/shared/rpc/memory-link.ts'
import { FakeClock, settle } from '../fakes/fake-clock.ts'
import { fakeEngine } from './fake-engine.ts'

/** A worker that counts who holds its one monitor, and pages that are connected to it. */
async function open(startMonitor?: Handlers<'worker'>['monitor.start']) {
  const clock = new FakeClock()
  const holders = { count: 0, stops: 0 }
  const { engine } = fakeEngine(clock, () => ({
    'monitor.start':
      startMonitor ??
      (() => {
        holders.count++
        return { monitorId: 'm-1' }
      }),
    'monitor.stop': () => {
      holders.count--
      holders.stops++
      return {}
    },
  }))
  await engine.start()
  const host = createStationHost({
    engine,
    home: '/home/flashproof',
    about: { kind: 'browser', version: '1.2.3', platform: 'linux', locale: 'en' },
    startSimulator: () => Promise.reject(new Error('not in this test')),
    makeDemoFirmware: () => Promise.reject(new Error('not in this test')),
    deliver: () => Promise.resolve({ outcome: 'cancelled' }),
  })
  const rights: PageRights = { control: () => 'control', takeControl: () => undefined }
  const connect = (): { page: Client; leave: () => void } => {
    const [near, far] = createMemoryLinkPair()
    openPageSession(far, { engine, handlers: host.handlersFor(rights), timing: clock, mayChange: () => true })
    return {
      page: createClient(near, { caller: 'page' }),
      leave: () => {
        near.close()
      },
    }
  }
  return { holders, connect }
}

const target = 'http://10.0.0.1'

it('stops what a page started when the page goes, as often as it was started', async () => {
  const { holders, connect } = await open()
  const { page, leave } = connect()
  await page.call('monitor.start', { target })
  await page.call('monitor.start', { target })
  await page.call('monitor.start', { target })
  await page.call('monitor.stop', { monitorId: 'm-1' })
  expect(holders.count).toBe(2)
  leave()
  await settle()
  expect(holders.count).toBe(0)
})

it('leaves a monitor that another page holds, whatever the first one stops', async () => {
  const { holders, connect } = await open()
  const [first, second] = [connect(), connect()]
  await first.page.call('monitor.start', { target })
  await second.page.call('monitor.start', { target })
  await first.page.call('monitor.stop', { monitorId: 'm-1' })
  // It holds it no more.
  await first.page.call('monitor.stop', { monitorId: 'm-1' })
  expect(holders).toEqual({ count: 1, stops: 1 })
  first.leave()
  await settle()
  expect(holders.count).toBe(1)
  second.leave()
  await settle()
  expect(holders.count).toBe(0)
})

it('stops one whose start was still under way when the page went', async () => {
  const starting = Promise.withResolvers<{ monitorId: string }>()
  const { holders, connect } = await open(() => starting.promise)
  const { page, leave } = connect()
  const started = page.call('monitor.start', { target })
  started.catch(() => undefined)
  await settle()
  leave()
  await settle()
  expect(holders.stops).toBe(0)
  starting.resolve({ monitorId: 'm-1' })
  await settle()
  expect(holders.stops).toBe(1)
})
