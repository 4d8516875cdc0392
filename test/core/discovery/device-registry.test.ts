import { describe, expect, it } from 'vitest'
import { listDevices, lookUpDevice, macMeant, mergeDevices } from '../../../src/core/discovery/device-registry.ts'
import type { DiscoveryChannel } from '../../../src/shared/contract/models.ts'
import { fakeDeviceEntry as entry } from '../../fakes/fake-device-entry.ts'

const world = { home: '/nowhere', signal: new AbortController().signal, waitMs: 0 }

describe('listing devices', () => {
  it('loses nothing to a source that fails, and says which one and why', async () => {
    const channels: DiscoveryChannel[] = []
    const devices = await listDevices(
      [
        { id: 'mdns', list: () => Promise.reject(new Error('no network')) },
        {
          id: 'serial',
          list: () => {
            throw new Error('no driver')
          },
        },
        { id: 'remembered', list: () => [entry('http://192.0.2.1')] },
      ],
      { ...world, onChannels: told => channels.push(...told) },
    )
    expect(devices.map(device => device.target)).toEqual(['http://192.0.2.1'])
    expect(channels.toSorted((left, right) => left.id.localeCompare(right.id))).toMatchObject([
      { id: 'mdns', state: 'failed', lastError: 'no network' },
      { id: 'serial', state: 'failed', lastError: 'no driver' },
    ])
  })
})

describe('merging what the sources list', () => {
  it('makes one entry of one address, where the earlier source wins field by field', () => {
    const merged = mergeDevices([
      entry('http://192.0.2.1', { source: 'mdns', name: 'announced', protocols: ['esp-parts'] }),
      entry('http://192.0.2.1', {
        name: 'old',
        identity: { mac: '02:00:00:00:00:01' },
        lastSeenAt: 'then',
        protocols: ['x', 'esp-parts'],
      }),
    ])
    expect(merged).toEqual([
      entry('http://192.0.2.1', {
        source: 'mdns',
        name: 'announced',
        identity: { mac: '02:00:00:00:00:01' },
        protocols: ['esp-parts', 'x'],
        lastSeenAt: 'then',
      }),
    ])
  })

  it('makes one entry of one MAC at two addresses, the earlier source saying where it is', () => {
    const identity = { mac: '02:00:00:00:00:AB' }
    const merged = mergeDevices([
      entry('http://192.0.2.9', { identity }),
      entry('http://192.0.2.1', { identity: { mac: '02:00:00:00:00:ab', chip: 'ESP32' } }),
    ])
    expect(merged).toMatchObject([{ target: 'http://192.0.2.9', identity: { chip: 'ESP32' } }])
  })

  it('keeps boards without a MAC apart, and a virtual board from a real one with its MAC', () => {
    const identity = { mac: '02:00:00:00:00:01' }
    expect(mergeDevices([entry('http://a'), entry('http://b')])).toHaveLength(2)
    expect(
      mergeDevices([entry('http://a', { identity }), entry('http://b', { identity, simulated: true })]),
    ).toHaveLength(2)
  })

  it('keeps virtual boards of two running simulators apart, although both gave them one name and one MAC', () => {
    const virtual = { name: 'esp32-1', identity: { mac: '02:4f:50:00:00:01' }, simulated: true }
    const merged = mergeDevices([
      entry('http://127.0.0.1:4711', { ...virtual, source: 'simulated' }),
      entry('http://127.0.0.1:4712', { ...virtual, source: 'simulated' }),
      entry('http://127.0.0.1:4700', virtual),
    ])
    expect(merged.map(device => device.target)).toEqual(['http://127.0.0.1:4711', 'http://127.0.0.1:4712'])
    expect(() => lookUpDevice('esp32-1', merged)).toThrow(expect.objectContaining({ code: 'target.ambiguous' }))
  })
})

describe('a board that can be spoken to at several places', () => {
  const announced = entry('tcp://192.0.2.1:3232', {
    source: 'mdns',
    protocols: ['an-ota'],
    otherTargets: [{ target: 'http://192.0.2.1', protocols: [] }],
  })

  it('is one row with what is remembered of any of them, each protocol at its own place', () => {
    const remembered = entry('http://192.0.2.1', { protocols: ['esp-parts'], name: 'kitchen', appVersion: '1.2' })
    expect(mergeDevices([announced, remembered])).toEqual([
      {
        ...announced,
        name: 'kitchen',
        appVersion: '1.2',
        otherTargets: [{ target: 'http://192.0.2.1', protocols: ['esp-parts'] }],
      },
    ])
  })

  it('keeps its row and its places when another board is at another address', () => {
    const other = entry('http://192.0.2.2', { protocols: ['esp-parts'] })
    expect(mergeDevices([announced, other])).toEqual([announced, other])
  })
})

describe('identity in the merged list', () => {
  it('keeps the row of a board whose old address went on to another board', () => {
    const mac = '02:00:00:00:00:01'
    const merged = mergeDevices([
      entry('http://192.0.2.9', { source: 'mdns', identity: { mac } }),
      entry('http://192.0.2.1', { source: 'mdns', name: 'newcomer' }),
      entry('http://192.0.2.1', { name: 'moved', identity: { mac }, lastSeenAt: 'then' }),
    ])
    expect(merged).toMatchObject([
      { key: `mac:${mac}`, target: 'http://192.0.2.9', name: 'moved' },
      { key: 'http://192.0.2.1', name: 'newcomer', identity: null },
    ])
  })

  it('does not take the name of another board that was at this port before', () => {
    const merged = mergeDevices([
      entry('serial:/dev/ttyUSB0', { source: 'serial', identity: { usbSerial: 'B' }, key: 'usb:10C4:EA60:B' }),
      entry('serial:/dev/ttyUSB0', { name: 'other', identity: { usbSerial: 'A' }, key: 'usb:10C4:EA60:A' }),
    ])
    expect(merged).toMatchObject([{ key: 'usb:10C4:EA60:B', name: null }])
    expect(merged).toHaveLength(1)
  })

  it('knows the board behind an adapter with a number of its own, and joins it with its network address', () => {
    const identity = { mac: '02:00:00:00:00:01', chip: 'ESP32' }
    const adapterKey = 'usb:10C4:EA60:A'
    const port = { source: 'serial', key: adapterKey, adapterKey, present: true } as const
    const merged = mergeDevices([
      entry('serial:/dev/ttyUSB1', { ...port, identity: { usbSerial: 'A' } }),
      entry('http://192.0.2.1', { source: 'mdns', identity: { mac: identity.mac }, protocols: ['esp-parts'] }),
      entry('serial:/dev/ttyUSB0', { identity, adapterKey, appVersion: '1.2', protocols: ['a-loader'] }),
    ])
    expect(merged).toMatchObject([
      {
        key: 'mac:02:00:00:00:00:01',
        target: 'serial:/dev/ttyUSB1',
        identity: { ...identity, usbSerial: 'A' },
        appVersion: '1.2',
        otherTargets: [{ target: 'http://192.0.2.1', protocols: ['esp-parts'] }],
      },
    ])
    expect(merged).toHaveLength(1)
  })

  it('does not take whatever hangs at a port now for the board that hung there before', () => {
    const merged = mergeDevices([
      entry('serial:/dev/ttyUSB0', { source: 'serial', key: 'socket:1-1', adapterKey: 'socket:1-1' }),
      entry('serial:/dev/ttyUSB0', { identity: { mac: '02:00:00:00:00:01' }, name: 'earlier' }),
    ])
    expect(merged).toMatchObject([{ key: 'socket:1-1', name: null, identity: null }])
    expect(merged).toHaveLength(1)
  })

  it('learns the stronger key: an address becomes a board once its MAC is known', () => {
    const merged = mergeDevices([
      entry('http://192.0.2.1', { source: 'mdns', present: true }),
      entry('http://192.0.2.1', { identity: { mac: '02:00:00:00:00:01' } }),
    ])
    expect(merged).toMatchObject([{ key: 'mac:02:00:00:00:00:01', source: 'mdns', present: true }])
  })

  it('gives every row a key of its own', () => {
    const identity = { mac: '02:00:00:00:00:01' }
    const merged = mergeDevices([
      entry('http://a', { identity, simulated: true, source: 'simulated' }),
      entry('http://b', { identity, simulated: true, source: 'simulated' }),
      entry('http://c', { identity }),
    ])
    expect(merged.map(device => device.key)).toEqual(['mac:02:00:00:00:00:01', 'http://b', 'http://c'])
  })
})

describe('looking a name up', () => {
  const devices = [
    entry('http://192.0.2.1', { name: 'Bench-1', identity: { mac: '02:00:00:00:00:01', id: 'id-1' } }),
    entry('http://192.0.2.2', { name: 'twin', identity: { mac: '02:00:00:00:00:02' } }),
    entry('http://192.0.2.3', { name: 'TWIN', identity: { mac: '02:00:00:00:00:03', name: 'third' } }),
  ]

  it.each([
    ['bench-1', 'http://192.0.2.1'],
    ['ID-1', 'http://192.0.2.1'],
    ['third', 'http://192.0.2.3'],
    ['mac:02-00-00-00-00-02', 'http://192.0.2.2'],
    ['http://192.0.2.77', 'http://192.0.2.77'],
  ])('%s is %s', (text, target) => {
    expect(lookUpDevice(text, devices).text).toBe(target)
  })

  it('means a board by its name, and a place by that of a socket or by an address', () => {
    const identity = { mac: '24:6F:28:00:00:01' }
    const named = [
      entry('serial:/dev/nil0', { identity, name: 'kitchen', socketLabel: 'Socket 3' }),
      entry('http://192.0.2.7', { identity: { mac: '24:6f:28:00:00:07' }, name: 'hall' }),
    ]
    expect(macMeant('Kitchen', named)).toBe('24:6f:28:00:00:01')
    expect(macMeant('mac:24:6f:28:00:00:07', named)).toBe('24:6f:28:00:00:07')
    for (const place of ['Socket 3', 'serial:/dev/nil0', 'hall']) expect(macMeant(place, named)).toBeNull()
  })

  it('never chooses between two of one name, and gives the candidates', () => {
    expect(() => lookUpDevice('Twin', devices)).toThrow(
      expect.objectContaining({
        code: 'target.ambiguous',
        details: { target: 'Twin', candidates: ['http://192.0.2.2', 'http://192.0.2.3'] },
      }),
    )
  })

  it('says what is known when nothing has the name', () => {
    expect(() => lookUpDevice('nobody', devices)).toThrow(
      expect.objectContaining({
        code: 'target.unknown',
        details: { target: 'nobody', known: ['Bench-1', 'twin', 'TWIN'] },
      }),
    )
  })
})
