import { describe, expect, it } from 'vitest'
import { checkPc } from '../../../src/core/pc-check/check-pc.ts'
import type { PcFacts } from '../../../src/core/pc-check/facts.ts'
import { PcCheckItem } from '../../../src/shared/contract/models.ts'

const good: PcFacts = {
  platform: 'linux',
  home: { path: '/home/an/.flashproof', freeBytes: 50e9, writeFailure: null },
  serial: {
    ports: [{ path: '/dev/ttyUSB0', isUsable: true }],
    groups: ['an', 'dialout'],
    portGroup: 'dialout',
    canList: true,
    hasRule: false,
    adaptersWithoutPort: [],
  },
  serialDriver: { failure: null },
  programs: ['systemd', 'node'],
  interfaces: [{ name: 'wlan0', addresses: ['192.168.1.20'] }],
  channels: [
    {
      id: 'mdns:wlan0',
      source: 'mdns',
      name: 'wlan0',
      state: 'listening',
      queriesSent: 3,
      answersHeard: 2,
      lastHeardAt: null,
      diagnosis: null,
    },
  ],
  sleep: { mayIdleSleep: false, source: 'logind.conf: IdleAction=ignore' },
  firewall: { isActive: false, source: 'ufw' },
  nowMs: Date.UTC(2026, 10, 21),
  builtMs: Date.UTC(2026, 9, 1),
}

function item(facts: PcFacts, id: string): PcCheckItem {
  const found = checkPc(facts).find(each => each.id === id)
  if (found === undefined) throw new Error(`no item ${id}`)
  return PcCheckItem.parse(found)
}

const serial = { ports: [], groups: [], portGroup: 'dialout', canList: true, hasRule: false, adaptersWithoutPort: [] }
const ch340 = { name: 'CH340', location: '1-1.4', isTakenByBrltty: true }

const silent: PcFacts = {
  ...good,
  platform: 'win32',
  home: { ...good.home, freeBytes: null },
  serial: null,
  programs: null,
  interfaces: [],
  channels: [],
  sleep: null,
  firewall: null,
  builtMs: null,
}

describe('checking this PC', () => {
  it('finds nothing on a sound bench, and then has nothing to copy for IT', () => {
    for (const found of checkPc(good)) expect(found, found.id).toMatchObject({ state: 'ok', copyForIt: null })
  })

  it.each(['linux', 'win32', 'darwin'] as const)('says plainly on %s what cannot be read', platform => {
    const states = new Map(checkPc({ ...silent, platform }).map(found => [found.id, found.state]))
    for (const id of [
      'disk',
      'serial-adapters',
      'serial-rights',
      'serial-programs',
      'discovery',
      'firewall',
      'sleep',
      'clock',
    ]) {
      expect(states.get(id), id).toBe('unknown')
    }
  })

  it('speaks both languages wherever there is prose', () => {
    for (const facts of [good, silent]) {
      for (const { title, text, id } of checkPc(facts)) {
        expect(title.vi, id).not.toBe(title.en)
        expect(text.vi.length, id).toBeGreaterThan(0)
        expect(text.en.length, id).toBeGreaterThan(0)
      }
    }
  })

  it.each([
    ['disk', { home: { ...good.home, freeBytes: 10e6 } }, 'problem', /free/],
    ['disk', { home: { ...good.home, freeBytes: 500e6 } }, 'warning', /at least/],
    ['home', { home: { ...good.home, writeFailure: 'EROFS' } }, 'problem', /EROFS/],
    ['serial-driver', { serialDriver: { failure: 'no native build' } }, 'problem', /no native build/],
    ['serial-driver', { serial: { ...serial, canList: false } }, 'warning', /udevadm/],
    [
      'serial-rights',
      { serial: { ...serial, ports: [{ path: '/dev/ttyUSB0', isUsable: false }], groups: [], portGroup: 'uucp' } },
      'problem',
      /usermod -aG uucp/,
    ],
    ['serial-rights', { serial: { ...serial, ports: [], groups: ['an'] } }, 'unknown', /dialout/],
    ['serial-adapters', { serial: { ...serial, adaptersWithoutPort: [ch340] } }, 'problem', /ch341/],
    [
      'serial-adapters',
      { serial: { ...serial, adaptersWithoutPort: [ch340] }, programs: ['brltty'] },
      'problem',
      /apt remove brltty/,
    ],
    ['serial-programs', { programs: ['modemmanager', 'brltty'] }, 'warning', /ModemManager, brltty/],
    ['network', { interfaces: [{ name: 'tun0', addresses: ['10.8.0.2'] }] }, 'warning', /split tunnel/],
    ['discovery', { channels: [{ ...good.channels[0], state: 'failed', answersHeard: 0 }] }, 'warning', /5353/],
    ['firewall', { firewall: { isActive: true, source: 'ufw' } }, 'warning', /5353/],
    ['sleep', { sleep: { mayIdleSleep: true, source: 'logind' } }, 'warning', /Idle sleep/],
    ['clock', { nowMs: Date.UTC(1970, 0, 1) }, 'problem', /NTP/],
  ] as const)('%s: tells what is wrong and what IT can do', (id, change, state, forIt) => {
    // The rows are parts of the facts; the compiler sees them as one union of all their shapes.
    const found = item({ ...good, ...(change as Partial<PcFacts>) }, id)
    expect(found.state).toBe(state)
    expect(found.copyForIt).toMatch(forIt)
  })

  it('has nothing against a ModemManager that the udev rule keeps away', () => {
    const facts = { ...good, serial: { ...serial, hasRule: true }, programs: ['ModemManager'] }
    expect(item(facts, 'serial-programs')).toMatchObject({ state: 'ok', copyForIt: null })
  })
})
