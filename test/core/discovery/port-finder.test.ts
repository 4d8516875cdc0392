import { describe, expect, it } from 'vitest'
import { createPortFinder } from '../../../src/core/discovery/port-finder.ts'
import type { PortInfo } from '../../../src/core/discovery/system-ports.ts'

const bridge: PortInfo = {
  path: '/dev/nil0',
  vendorId: '10c4',
  productId: 'ea60',
  serialNumber: 'A1',
  locationId: '1-2',
}
const loader: PortInfo = {
  path: '/dev/nil5',
  vendorId: '303a',
  productId: '0009',
  serialNumber: '0',
  locationId: '1-3',
}

describe('a port that comes back under another name', () => {
  it.each<[string, PortInfo, PortInfo]>([
    ['its adapter’s number', bridge, { ...bridge, path: '/dev/nil1', locationId: '1-4' }],
    ['its socket', { ...bridge, serialNumber: '0001' }, { ...bridge, serialNumber: '0001', path: '/dev/nil1' }],
    [
      'the MAC, as another USB device in another socket',
      { ...loader, productId: '1001', serialNumber: '84:F7:03:00:00:AB' },
      { ...loader, path: '/dev/nil1', productId: '4001', serialNumber: '84:F7:03:00:00:AB', locationId: '1-9' },
    ],
    [
      'its socket, as the loader without a number',
      { ...loader, productId: '4001', serialNumber: '84:F7:03:00:00:AB' },
      { ...loader, path: '/dev/nil1' },
    ],
  ])('is found by %s', async (_, before, after) => {
    let ports = [before, { ...bridge, path: '/dev/nil7', serialNumber: 'B7', locationId: '1-7' }]
    const finder = createPortFinder(() => Promise.resolve(ports))
    const keys = await finder.keysOf(before.path)
    expect(await finder.find(keys)).toBe(before.path)
    ports = ports.slice(1)
    expect(await finder.find(keys)).toBeNull()
    ports = [...ports, after]
    expect(await finder.find(keys)).toBe('/dev/nil1')
  })

  it('is not looked for by its name alone, nor where two could be meant', async () => {
    let ports: PortInfo[] = [{ path: '/dev/nil0' }]
    const finder = createPortFinder(() => Promise.resolve(ports))
    expect(await finder.keysOf('/dev/nil0')).toEqual([])
    expect(await finder.keysOf('/dev/nil9')).toEqual([])
    const bare = { ...bridge, serialNumber: undefined }
    ports = [bare]
    const keys = await finder.keysOf('/dev/nil0')
    ports = [bare, { ...bare, path: '/dev/nil1' }]
    expect(await finder.find(keys)).toBeNull()
  })

  it('stays what it was called where ports cannot be listed', async () => {
    const finder = createPortFinder(() => Promise.reject(new Error('no binding')))
    expect(await finder.keysOf('/dev/nil0')).toEqual([])
    expect(await finder.entryOf('/dev/nil0')).toBeNull()
  })
})
