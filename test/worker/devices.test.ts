import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { DeviceSource, WatchWorld } from '../../src/core/discovery/device-source.ts'
import { readRemembered, rememberedSource } from '../../src/core/discovery/remembered.ts'
import type { EventName } from '../../src/shared/contract/events.ts'
import type { DeviceEntry, DeviceIdentity, DiscoveryChannel } from '../../src/shared/contract/models.ts'
import { Devices } from '../../src/worker/devices.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { fakeDeviceEntry } from '../fakes/fake-device-entry.ts'

const channel: DiscoveryChannel = {
  id: 'mdns:wlan0',
  source: 'mdns',
  name: 'Wi-Fi (wlan0)',
  state: 'listening',
  queriesSent: 1,
  answersHeard: 0,
  lastHeardAt: null,
  diagnosis: null,
}

let home: string
let clock: FakeClock
let told: { name: EventName; payload: unknown }[]
let heard: DeviceEntry[]
let world: WatchWorld | null
let devices: Devices
let port: DeviceEntry | null
let said: DeviceIdentity | null
let learned: DeviceEntry[]

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'flashproof-devices-'))
  clock = new FakeClock()
  told = []
  heard = []
  world = null
  port = null
  said = null
  learned = []
  const source: DeviceSource = {
    id: 'mdns',
    list: () => heard,
    watch(given) {
      world = given
      return {
        devices: () => heard,
        channels: () => [channel],
        refresh: () => undefined,
        learn: entry => {
          learned.push(entry)
        },
        close: () => Promise.resolve(),
      }
    },
  }
  devices = new Devices({
    home,
    clock,
    sources: [source, rememberedSource],
    isSimulated: () => false,
    ports: { entryOf: () => Promise.resolve(port) },
    protocolIds: ['esp-parts'],
    searchPorts: [{ scheme: 'http', port: 80 }],
    isBusy: () => false,
    mayListen: () => true,
    probe: endpoint =>
      Promise.resolve({
        target: endpoint.text,
        reachable: said !== null,
        protocols: said === null ? [] : ['esp-parts'],
        identity: said,
        reach: null,
        telemetry: null,
        notes: [],
      }),
    emit: (name, payload) => {
      told.push({ name, payload })
    },
  })
})
afterEach(async () => {
  await devices.close()
  rmSync(home, { recursive: true, force: true })
})

it('nothing listens until a page wants a live list; then what comes and goes is told', async () => {
  await devices.list(0, new AbortController().signal)
  expect(world).toBeNull()
  devices.listen()
  const board = fakeDeviceEntry('http://10.0.0.7', { source: 'mdns', present: true })
  heard = [board]
  world?.onChanged()
  await clock.advance(300)
  expect(told).toContainEqual({ name: 'device.changed', payload: { device: board } })
  expect(told).toContainEqual({ name: 'discovery.changed', payload: { channels: [channel] } })
  expect(devices.channels()).toEqual([channel])
  heard = []
  world?.onChanged()
  await clock.advance(300)
  expect(told.at(-1)).toEqual({ name: 'device.removed', payload: { key: board.key } })
})

it('a label, a device that was added and one that was forgotten are told too', async () => {
  devices.listen()
  const { device } = await devices.add('http://10.0.0.8', new AbortController().signal)
  devices.label(device.key, 'Kitchen')
  await clock.advance(300)
  expect(told).toContainEqual({
    name: 'device.changed',
    payload: { device: expect.objectContaining({ key: device.key, label: 'Kitchen' }) as unknown },
  })
  devices.forget(device.key)
  await clock.advance(300)
  expect(told.at(-1)).toEqual({ name: 'device.removed', payload: { key: device.key } })
})

it('forgets and labels the row that is shown, also where it stands under more than was remembered', async () => {
  devices.listen()
  await devices.add('http://10.0.0.8', new AbortController().signal)
  const identity = { mac: '02:00:00:00:00:08' }
  heard = [fakeDeviceEntry('http://10.0.0.8', { key: 'mac:02:00:00:00:00:08', source: 'mdns', identity })]
  devices.importCsv('target,label\r\nhttp://10.0.0.9,Shed\r\n')
  world?.onChanged()
  const signal = new AbortController().signal
  expect((await devices.list(0, signal)).map(({ key, label }) => [key, label])).toEqual([
    ['mac:02:00:00:00:00:08', null],
    ['http://10.0.0.9', 'Shed'],
  ])
  devices.forget('mac:02:00:00:00:00:08')
  heard = []
  world?.onChanged()
  expect((await devices.list(0, signal)).map(({ key }) => key)).toEqual(['http://10.0.0.9'])
})

it('gives a board whose name is not known yet a moment to announce itself, and only once', async () => {
  const signal = new AbortController().signal
  let isDone = false
  const hearing = devices.hear(['http://192.0.2.9', 'kitchen'], signal).then(() => {
    isDone = true
  })
  await clock.advance(900)
  expect(isDone).toBe(false)
  heard = [fakeDeviceEntry('http://192.0.2.1', { source: 'mdns', name: 'kitchen' })]
  world?.onChanged()
  await clock.advance(200)
  await hearing
  expect(devices.resolve('kitchen')).toMatchObject({ text: 'http://192.0.2.1' })
  const waiting = devices.hear(['cellar'], signal)
  await clock.advance(2_000)
  await waiting
  // Whoever listened that long hears nobody new by waiting.
  await devices.hear(['cellar'], signal)
  expect(() => devices.resolve('cellar')).toThrow(expect.objectContaining({ code: 'target.unknown' }))
})

it('keeps what a board on a port said: for good by an adapter with a number of its own, else as long as it stays', async () => {
  const { signal } = new AbortController()
  const target = 'serial:/dev/nil0'
  const mac = '24:6f:28:00:00:01'
  const adapterKey = 'usb:10C4:EA60:A1'
  port = fakeDeviceEntry(target, { source: 'serial', key: adapterKey, adapterKey, identity: { usbSerial: 'A1' } })
  devices.listen()
  expect(await devices.identify(target, signal)).toMatchObject({ device: null, probe: { reachable: false } })
  expect([readRemembered(home), learned]).toEqual([[], []])
  said = { mac, chip: 'ESP32' }
  const known = { key: `mac:${mac}`, adapterKey, identity: { mac, chip: 'ESP32', usbSerial: 'A1' } }
  expect(await devices.identify(target, signal)).toMatchObject({ device: known })
  expect(readRemembered(home)).toMatchObject([known])
  expect(learned).toMatchObject([known])
  devices.forget(`mac:${mac}`)
  port = { ...port, key: 'socket:1-1', adapterKey: 'socket:1-1', identity: null }
  expect(await devices.identify(target, signal)).toMatchObject({ device: { adapterKey: 'socket:1-1' } })
  expect(readRemembered(home)).toEqual([])
  expect(learned.at(-1)).toMatchObject({ adapterKey: 'socket:1-1', identity: { mac } })
})
