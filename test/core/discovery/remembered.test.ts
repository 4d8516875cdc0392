import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { forgetDevice, readRemembered, rememberDevices } from '../../../src/core/discovery/remembered.ts'
import type { DeviceEntry } from '../../../src/shared/contract/models.ts'
import { fakeDeviceEntry } from '../../fakes/fake-device-entry.ts'

let home = ''
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'flashproof-remembered-'))
})
afterEach(() => {
  rmSync(home, { recursive: true, force: true })
})

function entry(number: number, changes: Partial<DeviceEntry> = {}): DeviceEntry {
  const mac = `02:00:00:00:${(number >> 8).toString(16).padStart(2, '0')}:${(number & 255).toString(16).padStart(2, '0')}`
  return fakeDeviceEntry(changes.target ?? `http://192.0.2.${String(number)}`, {
    name: `board-${String(number)}`,
    identity: { mac },
    source: 'mdns',
    protocols: ['esp-parts'],
    lastSeenAt: '2026-11-21T10:00:00.000+07:00',
    ...changes,
  })
}

describe('boards that were seen before', () => {
  it('come back newest first, as remembered ones', () => {
    rememberDevices(home, [entry(1)])
    rememberDevices(home, [entry(2)])
    expect(readRemembered(home)).toEqual([entry(2, { source: 'remembered' }), entry(1, { source: 'remembered' })])
  })

  it('behind adapters with numbers of their own share no place, though they had one port name', () => {
    const target = 'serial:/dev/ttyUSB0'
    rememberDevices(home, [entry(1, { target, adapterKey: 'usb:10C4:EA60:A' })])
    rememberDevices(home, [entry(2, { target, adapterKey: 'usb:10C4:EA60:B' })])
    rememberDevices(home, [entry(3, { target, adapterKey: 'usb:10C4:EA60:A' })])
    expect(readRemembered(home).map(({ name }) => name)).toEqual(['board-3', 'board-2'])
  })

  it('are replaced by the same address and by the same MAC', () => {
    rememberDevices(home, [entry(1)])
    rememberDevices(home, [entry(2)])
    rememberDevices(home, [entry(1, { target: 'http://192.0.2.50' })])
    rememberDevices(home, [entry(3, { target: 'http://192.0.2.2' })])
    expect(readRemembered(home).map(device => device.target)).toEqual(['http://192.0.2.2', 'http://192.0.2.50'])
  })

  it('are kept many at once, the last one first', () => {
    rememberDevices(home, [entry(1), entry(2), entry(1, { name: 'again' })])
    expect(readRemembered(home).map(device => device.name)).toEqual(['again', 'board-2'])
  })

  it('are at most 500', () => {
    const devices = Array.from({ length: 600 }, (_, number) => entry(number))
    writeFileSync(join(home, 'devices.json'), JSON.stringify({ version: 1, devices }))
    rememberDevices(home, [entry(700)])
    expect(readRemembered(home)).toHaveLength(500)
  })

  it('are read from files of an earlier version, which knew neither keys nor places', () => {
    const old = {
      target: 'http://192.0.2.7',
      name: 'old',
      identity: { mac: '02-00-00-00-00-AB' },
      source: 'remembered',
      protocols: ['esp-parts'],
      lastSeenAt: null,
      simulated: false,
    }
    writeFileSync(join(home, 'devices.json'), JSON.stringify({ version: 1, devices: [old] }))
    expect(readRemembered(home)).toEqual([fakeDeviceEntry(old.target, { ...old, source: 'remembered' })])
    expect(readRemembered(home)[0]?.key).toBe('mac:02:00:00:00:00:ab')
  })

  it('are forgotten by their key, and only they', () => {
    rememberDevices(home, [entry(1), entry(2)])
    forgetDevice(home, entry(1).key)
    forgetDevice(home, 'mac:ff:ff:ff:ff:ff:ff')
    expect(readRemembered(home).map(device => device.name)).toEqual(['board-2'])
  })

  it('are written whole, for this user alone, with nothing left beside them', () => {
    rememberDevices(home, [entry(1)])
    expect(readdirSync(home)).toEqual(['devices.json'])
    if (process.platform !== 'win32') expect(statSync(join(home, 'devices.json')).mode & 0o777).toBe(0o600)
  })

  it.each([
    ['no file', null],
    ['an empty file', ''],
    ['half a file', '{"version":1,"devices":[{"target":'],
    ['another version', '{"version":2,"devices":[]}'],
    ['something else', '[1,2,3]'],
  ])('are none for %s, and the next one is kept', (_, content) => {
    if (content !== null) writeFileSync(join(home, 'devices.json'), content)
    expect(readRemembered(home)).toEqual([])
    rememberDevices(home, [entry(1)])
    expect(readRemembered(home)).toHaveLength(1)
    expect(() => {
      JSON.parse(readFileSync(join(home, 'devices.json'), 'utf8'))
    }).not.toThrow()
  })
})
