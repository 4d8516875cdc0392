import { describe, expect, it } from 'vitest'
import { listDevices, lookUpDevice, mergeDevices } from '../../../src/core/discovery/device-registry.ts'
import type { DeviceEntry } from '../../../src/shared/contract/models.ts'

function entry(target: string, changes: Partial<DeviceEntry> = {}): DeviceEntry {
  return {
    target,
    name: null,
    identity: null,
    source: 'remembered',
    protocols: [],
    lastSeenAt: null,
    simulated: false,
    ...changes,
  }
}

const world = { home: '/nowhere', signal: new AbortController().signal, waitMs: 0 }

describe('listing devices', () => {
  it('loses nothing to a source that fails', async () => {
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
      world,
    )
    expect(devices.map(device => device.target)).toEqual(['http://192.0.2.1'])
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
