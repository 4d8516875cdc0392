import { describe, expect, it } from 'vitest'
import { compareIdentity, identityKey } from '../../../src/core/jobs/identity.ts'
import type { DeviceIdentity } from '../../../src/shared/contract/models.ts'

describe('the key of a board', () => {
  it.each<[DeviceIdentity | null, string | null]>([
    [{ mac: 'AA:BB:CC:00:11:22', id: 'x', usbSerial: '1' }, 'mac:aa:bb:cc:00:11:22'],
    [{ id: 'bench-1', usbSerial: '1' }, 'id:bench-1'],
    [{ usbSerial: '0001', chip: 'ESP32-S3' }, 'usb:ESP32-S3:0001'],
    [{ usbSerial: '0001' }, 'usb::0001'],
    [{ chip: 'ESP32', board: 'DevKitC', name: 'n' }, null],
    [{}, null],
    [null, null],
  ])('of %j is %s', (identity, key) => {
    expect(identityKey(identity)).toBe(key)
  })
})

describe('comparing who answers with who answered before', () => {
  it.each<[DeviceIdentity, DeviceIdentity, 'same' | 'other' | 'unknown']>([
    [{ mac: 'AA:BB:CC:00:11:22' }, { mac: 'aa:bb:cc:00:11:22' }, 'same'],
    [{ mac: 'AA:BB:CC:00:11:22' }, { mac: 'AA:BB:CC:00:11:23' }, 'other'],
    [{ mac: 'AA:BB:CC:00:11:22', id: 'a' }, { id: 'a' }, 'same'],
    [{ id: 'a', chip: 'ESP32' }, { id: 'b', chip: 'ESP32' }, 'other'],
    [{ mac: 'AA:BB:CC:00:11:22', name: 'old' }, { mac: 'AA:BB:CC:00:11:22', name: 'new' }, 'same'],
    [{ usbSerial: '1', chip: 'ESP32' }, { usbSerial: '2', chip: 'ESP32' }, 'other'],
    [{ chip: 'ESP32' }, { chip: 'ESP32-S3' }, 'other'],
    [{ chip: 'ESP32', board: 'one' }, { chip: 'ESP32', board: 'two' }, 'other'],
    [{ chip: 'ESP32' }, { chip: 'esp32' }, 'same'],
    [{ name: 'a' }, { name: 'b' }, 'unknown'],
    [{ mac: 'AA:BB:CC:00:11:22' }, { chip: 'ESP32' }, 'unknown'],
    [{}, {}, 'unknown'],
  ])('%j, then %j: %s', (earlier, now, result) => {
    expect(compareIdentity(earlier, now)).toBe(result)
    expect(compareIdentity(now, earlier)).toBe(result)
  })
})
