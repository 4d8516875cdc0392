import { afterEach, describe, expect, it } from 'vitest'
import { addressOfInterface } from '../../../src/simulator/announcing/announcer.ts'
import { serviceOf } from '../../../src/simulator/announcing/services.ts'
import { startFleet, type Fleet } from '../../../src/simulator/fleet.ts'
import { parseDeviceSpec } from '../../../src/simulator/device-spec.ts'

const device = { name: 'Kitchen 1', mac: '02:4f:50:00:00:01', chip: 'ESP32', faults: [] }

describe('what virtual devices announce', () => {
  it('is what the real ones do, and for firmware of our own what it speaks', () => {
    expect(serviceOf({ ...device, target: 'http://10.77.0.1:4711', protocol: 'esp-parts' })).toEqual({
      instance: 'Kitchen 1',
      type: '_http._tcp',
      host: 'kitchen-1',
      address: '10.77.0.1',
      port: 4711,
      txt: ['fwproto=esp-parts', 'mac=024f50000001', 'platform=ESP32'],
    })
    expect(serviceOf({ ...device, target: 'http://10.77.0.1:4711', protocol: 'elegant-ota' })?.txt).toEqual([])
    expect(serviceOf({ ...device, target: 'udp://10.77.0.1:3232', protocol: 'arduino-ota' })).toMatchObject({
      type: '_arduino._tcp',
      port: 3232,
    })
  })

  it('is nothing for a device that nobody on the network can reach, or that calls by itself', () => {
    expect(serviceOf({ ...device, target: 'http://127.0.0.1:4711', protocol: 'esp-parts' })).toBeNull()
    expect(serviceOf({ ...device, target: 'pull://10.77.0.1:4711/x', protocol: 'fota-pull' })).toBeNull()
  })

  it('wants an interface that there is', () => {
    expect(addressOfInterface('127.0.0.1')).toBe('127.0.0.1')
    expect(() => addressOfInterface('no-such0')).toThrow(expect.objectContaining({ code: 'option.invalid' }))
  })
})

describe('the MACs of two fleets', () => {
  const fleets: Fleet[] = []
  afterEach(async () => {
    await Promise.all(fleets.splice(0).map(fleet => fleet.close()))
  })
  const macsOf = async (fleetId: string | null): Promise<string[]> => {
    const fleet = await startFleet(parseDeviceSpec('2'), { flashDir: null, seed: 1, fleetId })
    fleets.push(fleet)
    return fleet.announced.map(({ mac }) => mac)
  }

  it('differ, though the boards have the same names; those of one fleet stay', async () => {
    const [one, other, again] = [await macsOf('one'), await macsOf('other'), await macsOf('one')]
    expect(new Set([...one, ...other]).size).toBe(4)
    expect(again).toEqual(one)
    for (const mac of one) expect(mac).toMatch(/^02:4f:50(:[0-9a-f]{2}){3}$/)
  })

  it('come from the seed where a seed alone was given', async () => {
    expect(await macsOf(null)).toEqual(await macsOf(null))
  })
})
