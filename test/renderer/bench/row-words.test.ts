/** What rows call their devices, whatever the scheme of the address. */
import { expect, it } from 'vitest'
import { doorAddresses } from '../../../src/renderer/bench/pull-door.ts'
import { MOST_PORTS, parsePorts } from '../../../src/renderer/bench/port-list.ts'
import { addressOf, baseNameOf, comesByItself, mediumOf, namesOf } from '../../../src/renderer/bench/row-words.ts'
import { fakeDevice } from '../fake-models.ts'

const at = (target: string): ReturnType<typeof fakeDevice> => fakeDevice({ target, name: null })

it.each([
  ['http://192.168.4.21', '192.168.4.21', 'network'],
  ['http://192.168.4.21:8080', '192.168.4.21:8080', 'network'],
  ['tcp://bedroom.local:3232', 'bedroom.local:3232', 'network'],
  ['udp://192.168.4.24:3232', '192.168.4.24:3232', 'network'],
  ['pull://wlan0:8070/inverter-07', '→ wlan0:8070', 'network'],
  ['pull://192.168.4.2/inverter-07', '→ 192.168.4.2', 'network'],
  ['serial:/dev/ttyUSB0', '/dev/ttyUSB0', 'usb'],
])('shows where %s is as %s and counts it as %s', (target, address, medium) => {
  expect(addressOf(at(target))).toBe(address)
  expect(mediumOf(at(target))).toBe(medium)
})

it('calls a device that comes by itself by the id that it comes with', () => {
  expect(baseNameOf(at('pull://wlan0:8070/inverter-07'))).toBe('inverter-07')
  expect(baseNameOf({ ...at('pull://wlan0:8070/inverter-07'), label: 'Roof east' })).toBe('Roof east')
  expect(baseNameOf(at('udp://192.168.4.24:3232'))).toBe('udp://192.168.4.24:3232')
  expect([comesByItself('pull://wlan0/x'), comesByItself('http://pull/')]).toEqual([true, false])
})

it('tells two devices of one id apart by where they come to', () => {
  const devices = ['pull://eth0/pump', 'pull://wlan0/pump'].map(target => ({ ...at(target), place: null }))
  expect([...namesOf(devices).values()]).toEqual(['pump (pull://eth0/pump)', 'pump (pull://wlan0/pump)'])
})

it('reads where a device must be pointed from the newest such line of its job', () => {
  const line = (code: string, text: string): { code: string; text: string } => ({ code, text })
  const words = 'devices ask http://10.0.0.2:8070/api/manifest, or download http://10.0.0.2:8070/firmware.bin; waiting'
  expect(
    doorAddresses([line('pull.address', 'devices ask http://10.0.0.9:1/old'), line('pull.address', words)]),
  ).toEqual(['http://10.0.0.2:8070/api/manifest', 'http://10.0.0.2:8070/firmware.bin'])
  expect(doorAddresses([line('note.pull-address', 'devices ask http://[fe80::1%25eth0]:80/m')])).toEqual([
    'http://[fe80::1%25eth0]:80/m',
  ])
  expect(doorAddresses([line('chunk.sent', 'http://10.0.0.2/')])).toEqual([])
  expect(doorAddresses([])).toEqual([])
})

it.each([
  ['', []],
  ['8080', [8080]],
  ['80, 8080;5000 80', [80, 8080, 5000]],
  ['0', null],
  ['65536', null],
  ['80, http', null],
  ['-1', null],
  [Array.from({ length: MOST_PORTS + 1 }, (_, index) => index + 1).join(','), null],
] as const)('reads the ports of “%s”', (typed, ports) => {
  expect(parsePorts(typed)).toEqual(ports)
})
