import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readPcFacts, type FactSources } from '../../../src/core/pc-check/read-facts.ts'
import { FakeClock } from '../../fakes/fake-clock.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'flashproof-pc-'))
  file('home/marker', '')
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function file(path: string, content: string): string {
  const full = join(root, path)
  mkdirSync(dirname(full), { recursive: true })
  writeFileSync(full, content)
  return full
}

function sources(more: Partial<FactSources> = {}): FactSources {
  return {
    home: join(root, 'home'),
    clock: new FakeClock(),
    channels: [],
    installedFile: pathToFileURL(join(root, 'home/marker')),
    platform: 'linux',
    root,
    path: '/usr/bin',
    interfaces: {},
    groupIds: [1000, 20],
    ...more,
  }
}

it('reads ports, groups, programs, sleep and firewall from the tree it is given', async () => {
  file('dev/ttyUSB0', '')
  file('dev/ttyS0', '')
  file('etc/group', 'root:x:0:\ndialout:x:20:an\nan:x:1000:\n')
  file('usr/bin/udevadm', '')
  file('etc/udev/rules.d/60-flashproof-serial.rules', '')
  for (const [location, product] of Object.entries({ '1-1': '7523', '1-2': 'ffff' })) {
    file(`sys/bus/usb/devices/${location}/idVendor`, '1a86\n')
    file(`sys/bus/usb/devices/${location}/idProduct`, `${product}\n`)
  }
  file('proc/1/comm', 'systemd\n')
  file('proc/77/comm', 'ModemManager\n')
  file('proc/self/comm', 'node\n')
  file('etc/systemd/logind.conf', '[Login]\n#IdleAction=ignore\nIdleAction=suspend\n')
  file('etc/ufw/ufw.conf', 'ENABLED=yes\n')
  const facts = await readPcFacts(sources())
  expect(facts.serial).toEqual({
    ports: [{ path: '/dev/ttyUSB0', isUsable: true }],
    groups: ['dialout', 'an'],
    portGroup: 'dialout',
    canList: true,
    hasRule: true,
    adaptersWithoutPort: [{ name: 'CH340', location: '1-1', isTakenByBrltty: true }],
  })
  expect(facts.serialDriver).toEqual({ failure: null })
  expect(facts.programs?.toSorted()).toEqual(['ModemManager', 'systemd'])
  expect(facts.sleep).toEqual({ mayIdleSleep: true, source: 'logind.conf: IdleAction=suspend' })
  expect(facts.firewall).toEqual({ isActive: true, source: 'ufw' })
  expect(facts.home).toMatchObject({ writeFailure: null })
  expect(facts.home.freeBytes).toBeGreaterThan(0)
  expect(facts.builtMs).not.toBeNull()
})

it('says null of all that an empty computer does not tell', async () => {
  const facts = await readPcFacts(sources())
  expect(facts).toMatchObject({ programs: null, sleep: null, firewall: null, interfaces: [] })
  expect(facts.serial).toEqual({
    ports: [],
    groups: null,
    portGroup: null,
    canList: false,
    hasRule: false,
    adaptersWithoutPort: [],
  })
  const loadDriver = (): Promise<never> => Promise.reject(new Error('no native build'))
  expect((await readPcFacts(sources({ loadDriver }))).serialDriver).toEqual({ failure: 'no native build' })
  expect(await readPcFacts(sources({ platform: 'win32' }))).toMatchObject({ serial: null, programs: null })
})

it('tells why a home cannot be written, and leaves nothing behind in one that can', async () => {
  expect((await readPcFacts(sources({ home: join(root, 'none') }))).home).toMatchObject({ writeFailure: 'ENOENT' })
  chmodSync(join(root, 'home'), 0o700)
  expect((await readPcFacts(sources())).home.writeFailure).toBeNull()
})

it('lists outward addresses alone', async () => {
  const address = { netmask: '255.0.0.0', family: 'IPv4', mac: '', cidr: null } as const
  const interfaces = {
    lo: [{ ...address, address: '127.0.0.1', internal: true }],
    wlan0: [{ ...address, address: '192.168.1.20', internal: false }],
  }
  expect((await readPcFacts(sources({ interfaces }))).interfaces).toEqual([
    { name: 'wlan0', addresses: ['192.168.1.20'] },
  ])
})
