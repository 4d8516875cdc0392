import { describe, expect, it } from 'vitest'
import { deviceKey, normalMac } from '../../../src/core/discovery/device-key.ts'

const usb = { vendorId: 0x10c4, productId: 0xea60, serialNumber: 'A1B2C3', location: '1-1.3' }

describe('the key of a board', () => {
  it.each([
    ['the MAC, whatever its spelling', { mac: '02-4F-50-00-00-0A' }, usb, 'mac:02:4f:50:00:00:0a'],
    ['else the serial number of its USB bridge', null, usb, 'usb:10C4:EA60:A1B2C3'],
    [
      'else the socket, where the serial number is the same in every piece',
      null,
      { ...usb, serialNumber: '0001' },
      'socket:1-1.3',
    ],
    ['else the socket, where there is no serial number', null, { ...usb, serialNumber: null }, 'socket:1-1.3'],
    ['else the target', { name: 'x' }, { ...usb, serialNumber: null, location: null }, 'serial:/dev/ttyUSB0'],
    ['the target where the MAC is none', { mac: 'unknown' }, undefined, 'serial:/dev/ttyUSB0'],
  ])('is %s', (_, identity, place, key) => {
    expect(deviceKey('serial:/dev/ttyUSB0', identity, place)).toBe(key)
  })

  it('reads twelve digits as a MAC, as ESPHome announces it', () => {
    expect(normalMac('A0B7650F12CD')).toBe('a0:b7:65:0f:12:cd')
    expect(normalMac('A0B765')).toBeNull()
    expect(normalMac(undefined)).toBeNull()
  })
})
