import { describe, expect, it } from 'vitest'
import type { DeviceWatch } from '../../../src/core/discovery/device-source.ts'
import { createSerialSource, type SerialSourceOptions } from '../../../src/core/discovery/serial.ts'
import { unstableText } from '../../../src/core/discovery/serial-rows.ts'
import type { PortInfo } from '../../../src/core/discovery/system-ports.ts'
import { FakeClock } from '../../fakes/fake-clock.ts'

const bridge: PortInfo = {
  path: '/dev/ttyUSB0',
  vendorId: '10c4',
  productId: 'ea60',
  serialNumber: 'A1B2',
  locationId: '1-1.3',
}
const isAllowed = (): boolean => true
const unhindered: SerialSourceOptions = {
  isAllowed,
  hindrances: { of: () => Promise.resolve([]) },
  watchFolder: () => () => undefined,
}
const world = { home: '/nowhere', signal: new AbortController().signal, waitMs: 0 }

async function list(...ports: PortInfo[]): Promise<object[]> {
  return await createSerialSource({ ...unhindered, listPorts: () => Promise.resolve(ports) }).list(world)
}

function watch(
  clock: FakeClock,
  listPorts: () => Promise<readonly PortInfo[]>,
  options: SerialSourceOptions = {},
): DeviceWatch {
  const started = createSerialSource({ ...unhindered, ...options, listPorts }).watch?.({
    home: '',
    clock,
    onChanged: () => undefined,
  })
  if (started === undefined) throw new Error('it must be able to watch')
  return started
}

describe('serial ports', () => {
  it('are named by their adapter, keyed by its serial number, and placed at their socket', async () => {
    expect(await list(bridge)).toMatchObject([
      {
        key: 'usb:10C4:EA60:A1B2',
        target: 'serial:/dev/ttyUSB0',
        name: 'CP210x',
        identity: { usbSerial: 'A1B2' },
        source: 'serial',
        place: 'USB 1-1.3',
        present: true,
        simulated: false,
      },
    ])
  })

  it.each([
    [
      'upper-case ids, as on Windows',
      { path: 'COM7', vendorId: '1A86', productId: '55D4', locationId: 'Port_#0003' },
      'CH9102',
      'socket:Port_#0003',
    ],
    [
      'the MAC of an Espressif chip',
      { path: '/dev/ttyACM0', vendorId: '303a', productId: '1001', serialNumber: '84:F7:03:00:00:AB' },
      'Espressif USB-Serial/JTAG',
      'mac:84:f7:03:00:00:ab',
    ],
    [
      'a STM32',
      { path: '/dev/ttyACM1', vendorId: '0483', productId: '5740', serialNumber: '207D' },
      'STM32 virtual COM port',
      'usb:0483:5740:207D',
    ],
    [
      'an unknown adapter by its maker',
      { path: '/dev/ttyUSB9', vendorId: 'ffff', productId: '0001', manufacturer: 'ACME' },
      'ACME',
      'serial:/dev/ttyUSB9',
    ],
  ])('tell %s', async (_, port, name, key) => {
    expect(await list(port)).toMatchObject([{ name, key }])
  })

  it('without an adapter are not offered where the system names dozens of them', async () => {
    expect(await list({ path: '/dev/ttyS0' }, { path: '/dev/ttyAMA0' })).toMatchObject([
      { target: 'serial:/dev/ttyAMA0' },
    ])
  })

  it('of two pieces with one serial number are two rows', async () => {
    const keys = await list(bridge, { ...bridge, path: '/dev/ttyUSB1' })
    expect(keys).toMatchObject([{ key: 'serial:/dev/ttyUSB0' }, { key: 'serial:/dev/ttyUSB1' }])
  })

  it('come within a second, keep their row through a restart on another path, and go after ten seconds', async () => {
    const clock = new FakeClock()
    let ports: PortInfo[] = []
    const live = watch(clock, () => Promise.resolve(ports))
    await clock.advance(500)
    ports = [bridge]
    await clock.advance(1_000)
    expect(live.devices()).toMatchObject([{ key: 'usb:10C4:EA60:A1B2', present: true }])
    ports = []
    await clock.advance(1_000)
    expect(live.devices()).toMatchObject([{ key: 'usb:10C4:EA60:A1B2', present: false }])
    ports = [{ ...bridge, path: '/dev/ttyUSB1' }]
    await clock.advance(1_000)
    expect(live.devices()).toMatchObject([{ key: 'usb:10C4:EA60:A1B2', target: 'serial:/dev/ttyUSB1', present: true }])
    ports = []
    await clock.advance(9_000)
    expect(live.devices()).toHaveLength(1)
    await clock.advance(3_000)
    expect(live.devices()).toEqual([])
    await live.close()
    expect(clock.sleeperCount).toBe(0)
  })

  it('of one adapter, and bridges that share a serial number, are known by their sockets', async () => {
    const dual: PortInfo = { ...bridge, vendorId: '0403', productId: '6010', serialNumber: 'FT1', locationId: '1-2' }
    const bare: PortInfo = { ...bridge, serialNumber: '0001', path: '/dev/ttyUSB4' }
    const composite: PortInfo = { path: 'COM9', vendorId: '1A86', productId: '7523', serialNumber: '6&2A1B&0&0000' }
    const keys = await list(
      { ...dual, path: '/dev/ttyUSB2', interfaceNumber: 0 },
      { ...dual, path: '/dev/ttyUSB3', interfaceNumber: 1 },
      bare,
      composite,
    )
    expect(keys).toMatchObject([
      { key: 'socket:1-2', adapterKey: 'socket:1-2', socketKey: 'socket:1-2' },
      { key: 'socket:1-2#1', adapterKey: 'socket:1-2#1' },
      { key: 'socket:1-1.3', identity: null },
      { key: 'serial:COM9', identity: null },
    ])
  })

  it('that come and go three times in ten seconds are one steady row that names the cable', async () => {
    const clock = new FakeClock()
    let ports: PortInfo[] = [bridge]
    const live = watch(clock, () => Promise.resolve(ports))
    await clock.advance(100)
    const shown = new Set<string>()
    for (let times = 0; times < 6; times++) {
      ports = []
      await clock.advance(1_000)
      if (times >= 2) shown.add(JSON.stringify(live.devices()))
      ports = [bridge]
      await clock.advance(1_000)
      if (times >= 2) shown.add(JSON.stringify(live.devices()))
    }
    expect(shown.size).toBe(1)
    expect(live.devices()).toMatchObject([{ key: 'usb:10C4:EA60:A1B2', present: false, notes: [unstableText] }])
    await clock.advance(10_000)
    expect(live.devices()).toMatchObject([{ present: true }])
    expect(live.devices()[0]?.notes).toBeUndefined()
    await live.close()
  })

  it('are looked for at once when the system tells that one came', async () => {
    const clock = new FakeClock()
    let ports: PortInfo[] = []
    let tell = (): void => undefined
    let isEnded = false
    const live = watch(clock, () => Promise.resolve(ports), {
      watchFolder: onChanged => {
        tell = onChanged
        return () => {
          isEnded = true
        }
      },
    })
    await clock.advance(100)
    ports = [bridge]
    tell()
    await clock.advance(1)
    expect(live.devices()).toMatchObject([{ present: true }])
    await live.close()
    expect(isEnded).toBe(true)
  })

  it('show what their board said until it could be another board', async () => {
    const clock = new FakeClock()
    const bare: PortInfo = { ...bridge, serialNumber: '0001' }
    let ports: PortInfo[] = [bare]
    const live = watch(clock, () => Promise.resolve(ports))
    await clock.advance(100)
    const [row] = live.devices()
    if (row === undefined) throw new Error('it must be listed')
    live.learn?.({ ...row, identity: { mac: '24:6f:28:00:00:01', chip: 'ESP32' }, protocols: ['a-protocol'] })
    await clock.advance(1_000)
    const known = { key: 'mac:24:6f:28:00:00:01', identity: { chip: 'ESP32' }, protocols: ['a-protocol'] }
    expect(live.devices()).toMatchObject([{ ...known, adapterKey: 'socket:1-1.3' }])
    ports = []
    await clock.advance(1_000)
    ports = [bare]
    await clock.advance(1_000)
    expect(live.devices()).toMatchObject([{ key: 'socket:1-1.3', identity: null, protocols: [] }])
    await live.close()
  })

  it('say what keeps people from using them', async () => {
    const note = { en: 'no right', vi: 'không có quyền' }
    const source = createSerialSource({
      ...unhindered,
      listPorts: () => Promise.resolve([bridge]),
      hindrances: { of: () => Promise.resolve([note]) },
    })
    expect(await source.list(world)).toMatchObject([{ present: true, notes: [note] }])
  })

  it.each([
    ['spawn udevadm ENOENT', /udev/],
    ['No native build was found for platform=linux', /Install Flashproof again/],
    ['something new', /something new/],
  ])('that cannot be listed (%s) say why, and are looked for again', async (message, sentence) => {
    const clock = new FakeClock()
    let fault: Error | null = new Error(message)
    const live = watch(clock, () => (fault === null ? Promise.resolve([bridge]) : Promise.reject(fault)))
    await clock.advance(100)
    const [channel] = live.channels()
    expect(channel).toMatchObject({ source: 'serial', state: 'failed' })
    expect(channel?.diagnosis?.en).toMatch(sentence)
    expect(channel?.diagnosis?.vi).not.toBe(channel?.diagnosis?.en)
    fault = null
    await clock.advance(1_000)
    expect(live.channels()).toMatchObject([{ state: 'listening', answersHeard: 1, diagnosis: null }])
    await live.close()
  })

  it('are left alone where listening is off', async () => {
    const source = createSerialSource({ isAllowed: () => false, listPorts: () => Promise.reject(new Error('asked')) })
    expect(await source.list(world)).toEqual([])
    const live = source.watch?.({ home: '', clock: new FakeClock(), onChanged: () => undefined })
    expect(live?.channels()).toMatchObject([
      { state: 'off', diagnosis: { en: expect.stringContaining('FLASHPROOF_DISCOVERY') as unknown } },
    ])
  })
})
