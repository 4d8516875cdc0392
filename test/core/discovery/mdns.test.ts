import { describe, expect, it } from 'vitest'
import type { DeviceWatch } from '../../../src/core/discovery/device-source.ts'
import { isListeningAllowed } from '../../../src/core/discovery/listening.ts'
import { createMdnsSource } from '../../../src/core/discovery/mdns.ts'
import type { Question } from '../../../src/core/discovery/mdns-cache.ts'
import type { InterfaceAddress } from '../../../src/core/discovery/mdns-interface.ts'
import { readPacket, type MdnsListener } from '../../../src/core/discovery/mdns-socket.ts'
import { FakeClock } from '../../fakes/fake-clock.ts'

const wifi = { name: 'wlan0', address: '192.0.2.2', netmask: '255.255.255.0', zone: null }
const cable = { name: 'eth0', address: '198.51.100.2', netmask: '255.255.255.0', zone: null }

/** A computer whose interfaces and sockets the test holds. */
function fakeNetwork() {
  const clock = new FakeClock()
  const network = {
    clock,
    interfaces: [wifi] as InterfaceAddress[],
    listeners: new Map<string, MdnsListener>(),
    asked: [] as { address: string; questions: readonly Question[] }[],
    closed: [] as string[],
    sendFault: null as Error | null,
    openFault: null as Error | null,
    routeVia: null as string | null,
    isBlocked: false,
    watch(): DeviceWatch {
      const source = createMdnsSource({
        isAllowed: () => true,
        interfaces: () => network.interfaces,
        findRoute: () => Promise.resolve(network.routeVia),
        open: (address, listener) => {
          if (network.openFault !== null) return Promise.reject(network.openFault)
          network.listeners.set(address, listener)
          return Promise.resolve({
            query: (questions, done) => {
              if (!network.isBlocked) listener.onQuery()
              network.asked.push({ address, questions })
              done(network.sendFault)
            },
            close: () => {
              network.closed.push(address)
              return Promise.resolve()
            },
          })
        },
      })
      const started = source.watch?.({ home: '', clock, onChanged: () => undefined })
      if (started === undefined) throw new Error('it must be able to watch')
      return started
    },
    hear(address: string, records: object[], referer: string): void {
      network.listeners.get(address)?.onRecords(readPacket({ answers: records, additionals: [] }), referer)
    },
  }
  return network
}

function board(
  name: string,
  address: string,
  changes: { type?: string; ttl?: number; port?: number; txt?: string[] } = {},
) {
  const { type = '_http._tcp', ttl = 120, port = 80, txt = [] } = changes
  const fqdn = `${name}.${type}.local`
  return [
    { type: 'PTR', name: `${type}.local`, ttl, data: fqdn },
    { type: 'SRV', name: fqdn, ttl, data: { target: 'board.local', port } },
    { type: 'TXT', name: fqdn, ttl, data: txt.map(text => Buffer.from(text)) },
    { type: 'A', name: 'board.local', ttl, data: address },
  ]
}

describe('boards that announce themselves', () => {
  it('are asked for at once, soon again, then once a minute, and counted', async () => {
    const network = fakeNetwork()
    const live = network.watch()
    await network.clock.advance(100)
    expect(network.asked).toHaveLength(1)
    expect(network.asked[0]?.questions.map(question => question.name)).toContain('_arduino._tcp.local')
    await network.clock.advance(10_000)
    expect(network.asked).toHaveLength(4)
    await network.clock.advance(60_000)
    expect(network.asked).toHaveLength(5)
    expect(live.channels()).toMatchObject([
      { id: 'mdns:wlan0:192.0.2.2', name: 'Wi-Fi (wlan0)', state: 'listening', queriesSent: 5, answersHeard: 0 },
    ])
    expect(live.channels()[0]?.diagnosis?.en).toMatch(/Nothing answered 5 queries/)
    await live.close()
    expect(network.closed).toEqual([wifi.address])
    expect(network.clock.sleeperCount).toBe(0)
  })

  it('tell who they are and what they run, all services of a host in one row', async () => {
    const network = fakeNetwork()
    const live = network.watch()
    await network.clock.advance(100)
    const txt = [
      'mac=A0B7650F12CD',
      'platform=ESP32',
      'board=esp32dev',
      'project_name=shop.thermostat',
      'project_version=2.1.4',
    ]
    network.hear(
      wifi.address,
      board('kitchen', '192.0.2.9', { type: '_esphomelib._tcp', port: 6053, txt }),
      '192.0.2.9',
    )
    network.hear(wifi.address, board('Kitchen v1.2', '192.0.2.9', { port: 8080 }), '192.0.2.9')
    expect(live.devices()).toMatchObject([
      {
        key: 'mac:a0:b7:65:0f:12:cd',
        target: 'http://192.0.2.9:8080',
        name: 'Kitchen v1.2',
        identity: { mac: 'a0:b7:65:0f:12:cd', chip: 'ESP32', board: 'esp32dev' },
        appName: 'shop.thermostat',
        appVersion: '2.1.4',
        place: 'wlan0',
        present: true,
      },
    ])
    expect(live.channels()).toMatchObject([{ answersHeard: 2, diagnosis: null }])
    await live.close()
  })

  it('are followed to a new address', async () => {
    const network = fakeNetwork()
    const live = network.watch()
    await network.clock.advance(100)
    network.hear(wifi.address, board('kitchen', '192.0.2.9'), '192.0.2.9')
    network.hear(wifi.address, board('kitchen', '192.0.2.77'), '192.0.2.77')
    expect(live.devices()).toMatchObject([{ target: 'http://192.0.2.77' }])
    await live.close()
  })

  it('are asked for what their first answer left out, and reached where it came from until then', async () => {
    const network = fakeNetwork()
    const live = network.watch()
    await network.clock.advance(100)
    const [pointer, service] = board('kitchen', '192.0.2.9')
    network.hear(wifi.address, [pointer ?? {}], '192.0.2.9')
    expect(live.devices()).toEqual([])
    await network.clock.advance(300)
    expect(network.asked.at(-1)?.questions).toContainEqual({ name: 'kitchen._http._tcp.local', type: 'SRV' })
    network.hear(wifi.address, [pointer ?? {}, service ?? {}], '192.0.2.9')
    expect(live.devices()).toMatchObject([{ target: 'http://192.0.2.9' }])
    await network.clock.advance(300)
    expect(network.asked.at(-1)?.questions).toEqual([
      { name: 'kitchen._http._tcp.local', type: 'TXT' },
      { name: 'board.local', type: 'A' },
    ])
    await live.close()
  })

  it('are away after their goodbye, then gone; back when they announce themselves again', async () => {
    const network = fakeNetwork()
    const live = network.watch()
    await network.clock.advance(100)
    network.hear(wifi.address, board('kitchen', '192.0.2.9'), '192.0.2.9')
    network.hear(wifi.address, board('kitchen', '192.0.2.9', { ttl: 0 }), '192.0.2.9')
    expect(live.devices()).toMatchObject([{ present: false }])
    network.hear(wifi.address, board('kitchen', '192.0.2.9'), '192.0.2.9')
    expect(live.devices()).toMatchObject([{ present: true }])
    network.hear(wifi.address, board('kitchen', '192.0.2.9', { ttl: 0 }), '192.0.2.9')
    await network.clock.advance(61_000)
    expect(live.devices()).toEqual([])
    await live.close()
  })

  it('that went silent are uncertain, whatever lifetime they announced, and leave after ten minutes', async () => {
    const network = fakeNetwork()
    const live = network.watch()
    await network.clock.advance(100)
    network.hear(wifi.address, board('kitchen', '192.0.2.9', { ttl: 4500 }), '192.0.2.9')
    await network.clock.advance(200_000)
    expect(live.devices()).toMatchObject([{ present: null }])
    await network.clock.advance(500_000)
    expect(live.devices()).toEqual([])
    await live.close()
  })

  it('belong to the interface of their network, though every socket hears them', async () => {
    const network = fakeNetwork()
    network.interfaces = [wifi, cable]
    const live = network.watch()
    await network.clock.advance(100)
    for (const { address } of [wifi, cable]) network.hear(address, board('k', '198.51.100.9'), '198.51.100.9')
    expect(live.devices()).toMatchObject([{ place: 'eth0' }])
    expect(live.channels().map(channel => channel.answersHeard)).toEqual([0, 1])
    await live.close()
  })

  it('bring no control characters, no endless names, and no unknown services into the list', async () => {
    const network = fakeNetwork()
    const live = network.watch()
    await network.clock.advance(100)
    network.hear(wifi.address, board(`evil\u001b[2J${'x'.repeat(300)}`, '192.0.2.9'), '192.0.2.9')
    network.hear(wifi.address, board('printer', '192.0.2.10', { type: '_ipp._tcp' }), '192.0.2.10')
    network.listeners
      .get(wifi.address)
      ?.onRecords(readPacket({ answers: [null, { type: 'SRV' }], additionals: 'x' }), 'x')
    const devices = live.devices()
    expect(devices).toHaveLength(1)
    expect(devices[0]?.name?.length).toBeLessThanOrEqual(64)
    expect(devices[0]?.name).not.toContain('\u001b')
    await live.close()
  })
})

describe('what boards announce, record by record', () => {
  it('is asked for again at 80, 85, 90 and 95 % of its lifetime, and uncertain when that ran out', async () => {
    const network = fakeNetwork()
    const live = network.watch()
    await network.clock.advance(100)
    network.hear(wifi.address, board('kitchen', '192.0.2.9', { ttl: 100, txt: ['mac=A0B7650F12CD'] }), '192.0.2.9')
    const heardMs = network.clock.monotonicMs()
    const askedAt: number[] = []
    for (let second = 1; second <= 102; second++) {
      const before = network.asked.length
      await network.clock.advance(1_000)
      const asked = network.asked.slice(before).flatMap(({ questions }) => questions)
      if (asked.some(({ name, type }) => name === 'board.local' && type === 'A')) {
        askedAt.push((network.clock.monotonicMs() - heardMs) / 1_000)
        expect(asked).toContainEqual({ name: 'kitchen._http._tcp.local', type: 'SRV' })
        expect(asked).toContainEqual({ name: 'kitchen._http._tcp.local', type: 'TXT' })
      }
      expect(live.devices()).toMatchObject([{ present: second < 100 ? true : null }])
    }
    // Lifetimes are looked through once a second.
    expect(askedAt).toEqual([81, 86, 91, 96])
    await live.close()
  })

  it('may be spread over packets in any order, with dots in the name and capital letters on the wire', async () => {
    const network = fakeNetwork()
    const live = network.watch()
    await network.clock.advance(100)
    const name = 'Pump v1.5 (hall 2.1)'
    for (const record of board(name, '192.0.2.9', { type: '_HTTP._tcp', txt: ['mac=A0B7650F12CD'] }).toReversed()) {
      network.hear(wifi.address, [record], '192.0.2.250')
    }
    expect(live.devices()).toMatchObject([
      { name, key: 'mac:a0:b7:65:0f:12:cd', target: 'http://192.0.2.9', services: ['_http._tcp'] },
    ])
    await live.close()
  })

  it('stays one row under a new name', async () => {
    const network = fakeNetwork()
    const live = network.watch()
    await network.clock.advance(100)
    const txt = ['mac=A0B7650F12CD']
    network.hear(wifi.address, board('kitchen', '192.0.2.9', { txt }), '192.0.2.9')
    network.hear(wifi.address, board('kitchen', '192.0.2.9', { ttl: 0, txt }), '192.0.2.9')
    network.hear(wifi.address, board('cellar', '192.0.2.9', { txt }), '192.0.2.9')
    expect(live.devices()).toMatchObject([{ name: 'cellar', key: 'mac:a0:b7:65:0f:12:cd', present: true }])
    await live.close()
  })

  it('is asked for anew when its packets come from elsewhere than it said', async () => {
    const network = fakeNetwork()
    const live = network.watch()
    await network.clock.advance(100)
    network.hear(wifi.address, board('kitchen', '192.0.2.9', { txt: ['a=b'] }), '192.0.2.9')
    await network.clock.advance(300)
    const before = network.asked.length
    network.hear(wifi.address, board('kitchen', '192.0.2.9').slice(0, 2), '192.0.2.77')
    await network.clock.advance(300)
    expect(network.asked.slice(before).flatMap(({ questions }) => questions)).toEqual([
      { name: 'board.local', type: 'A' },
    ])
    await live.close()
  })

  it('that is never said in full is not asked for after every packet', async () => {
    const network = fakeNetwork()
    const live = network.watch()
    await network.clock.advance(11_000)
    const before = network.asked.length
    for (let packet = 0; packet < 30; packet++) {
      network.hear(wifi.address, board('kitchen', '192.0.2.9').slice(0, 1), '192.0.2.9')
      await network.clock.advance(300)
    }
    expect(network.asked.length - before).toBeLessThanOrEqual(5)
    await live.close()
  })

  it('is kept for a thousand services, and no more', async () => {
    const network = fakeNetwork()
    const live = network.watch()
    await network.clock.advance(100)
    for (let index = 0; index < 1_200; index++) {
      const host = `host${String(index)}.local`
      const records = board(`n${String(index)}`, '192.0.2.9').map(record =>
        record.type === 'SRV' ? { ...record, data: { target: host, port: 80 } } : { ...record },
      )
      network.hear(wifi.address, records, '192.0.2.9')
    }
    expect(live.devices()).toHaveLength(1_000)
    await live.close()
  })
})

describe('IPv6', () => {
  const both = { ...wifi, zone: 'wlan0' }
  const ipv6Only = { name: 'eth1', address: null, netmask: null, zone: 'eth1' }

  it('has a socket of its own, and a board that has both is reached over IPv4', async () => {
    const network = fakeNetwork()
    network.interfaces = [both]
    const live = network.watch()
    await network.clock.advance(100)
    expect([...network.listeners.keys()]).toEqual([wifi.address, '::%wlan0'])
    const records = board('kitchen', '192.0.2.9', { txt: ['a=b'] })
    const ipv6 = { type: 'AAAA', name: 'board.local', ttl: 120, data: 'fe80::9' }
    network.hear('::%wlan0', [...records, ipv6], 'fe80::9%wlan0')
    expect(live.devices()).toMatchObject([{ target: 'http://192.0.2.9' }])
    await network.clock.advance(121_000)
    network.hear('::%wlan0', [...records.slice(0, 3), ipv6], 'fe80::9%wlan0')
    expect(live.devices()).toMatchObject([{ target: 'http://[fe80::9%25wlan0]' }])
    await live.close()
    expect(network.closed.toSorted()).toEqual([wifi.address, '::%wlan0'].toSorted())
  })

  it('finds boards where there is no IPv4, and says nothing of adapters that nobody set up', async () => {
    const network = fakeNetwork()
    network.interfaces = [wifi, { ...ipv6Only, isUnconfigured: true }]
    const live = network.watch()
    await network.clock.advance(100_000)
    expect(live.channels().map(({ name }) => name)).toEqual(['Wi-Fi (wlan0)'])
    const records = board('kitchen', '192.0.2.9').slice(0, 3)
    network.hear(
      '::%eth1',
      [...records, { type: 'AAAA', name: 'board.local', ttl: 120, data: '2001:db8::9' }],
      'fe80::9%eth1',
    )
    network.hear(wifi.address, records, 'fe80::9%eth1')
    expect(live.devices()).toMatchObject([{ target: 'http://[2001:db8::9]', place: 'eth1' }])
    expect(live.channels()).toMatchObject([{ answersHeard: 0 }, { name: 'Ethernet (eth1)', answersHeard: 1 }])
    await live.close()
  })

  it('that comes to an interface later is listened on too', async () => {
    const network = fakeNetwork()
    const live = network.watch()
    await network.clock.advance(100)
    network.hear(wifi.address, board('kitchen', '192.0.2.9'), '192.0.2.9')
    network.interfaces = [both]
    await network.clock.advance(3_000)
    expect([...network.listeners.keys()]).toEqual([wifi.address, '::%wlan0'])
    expect(live.devices()).toHaveLength(1)
    expect(live.channels()).toHaveLength(1)
    await live.close()
  })
})

describe('interfaces', () => {
  it('are followed as they come and go', async () => {
    const network = fakeNetwork()
    const live = network.watch()
    await network.clock.advance(100)
    network.hear(wifi.address, board('kitchen', '192.0.2.9'), '192.0.2.9')
    network.interfaces = [cable]
    await network.clock.advance(3_000)
    expect(live.channels()).toMatchObject([
      { name: 'Ethernet (eth0)', state: 'listening' },
      { name: 'Wi-Fi (wlan0)', state: 'failed', answersHeard: 1 },
    ])
    expect(live.channels()[1]?.diagnosis?.en).toMatch(/left this network at .*192\.0\.2\.2 is gone/)
    expect(live.devices()).toEqual([])
    expect(network.closed).toEqual([wifi.address])
    await live.close()
  })

  it.each([
    ['EADDRINUSE', /5353/],
    ['ENETUNREACH', /VPN/],
    ['ENODEV', /adapter/],
  ])('that fail with %s are shown with what to do, and heal by themselves', async (code, sentence) => {
    const network = fakeNetwork()
    network.sendFault = Object.assign(new Error(`send ${code}`), { code })
    const live = network.watch()
    await network.clock.advance(100)
    expect(live.channels()).toMatchObject([{ state: 'failed', queriesSent: 0 }])
    expect(live.channels()[0]?.diagnosis?.en).toMatch(sentence)
    network.sendFault = null
    await network.clock.advance(2_000)
    expect(live.channels()).toMatchObject([{ state: 'listening', diagnosis: null }])
    await live.close()
  })

  it('that refuse multicast are shown, and not sent on where the system says so beforehand', async () => {
    const network = fakeNetwork()
    network.interfaces = [wifi, { ...cable, refusal: new Error('it is turned off') }]
    const live = network.watch()
    await network.clock.advance(100)
    network.listeners.get(wifi.address)?.onJoined(Object.assign(new Error('addMembership ENODEV'), { code: 'ENODEV' }))
    expect(network.listeners.has(cable.address)).toBe(false)
    expect(live.channels()).toMatchObject([
      { state: 'failed', lastError: 'addMembership ENODEV' },
      { state: 'failed', queriesSent: 0 },
    ])
    expect(live.channels()[0]?.diagnosis?.en).toMatch(/refuses multicast \(ENODEV\)/)
    expect(live.channels()[1]?.diagnosis?.en).toMatch(/refuses multicast \(it is turned off\)/)
    network.listeners.get(wifi.address)?.onJoined(null)
    expect(live.channels()[0]).toMatchObject({ state: 'listening' })
    await live.close()
  })

  it('whose route a VPN owns say so, even where boards are heard', async () => {
    const network = fakeNetwork()
    network.routeVia = 'tun0 (10.8.0.2)'
    const live = network.watch()
    await network.clock.advance(100)
    network.hear(wifi.address, board('kitchen', '192.0.2.9'), '192.0.2.9')
    expect(live.channels()[0]?.diagnosis?.en).toMatch(/leaves by tun0 \(10\.8\.0\.2\): a VPN owns the route/)
    await live.close()
  })

  it('on which not even the own queries come back have their UDP port 5353 blocked', async () => {
    const network = fakeNetwork()
    network.isBlocked = true
    const live = network.watch()
    await network.clock.advance(5_000)
    expect(live.channels()[0]?.diagnosis?.en).toMatch(/not even this computer’s own came back.*firewall/)
    await live.close()
  })

  it('whose address changed since boards were heard say that this may be another Wi-Fi', async () => {
    const network = fakeNetwork()
    const live = network.watch()
    await network.clock.advance(100)
    network.hear(wifi.address, board('kitchen', '192.0.2.9'), '192.0.2.9')
    network.interfaces = [{ ...wifi, address: '203.0.113.5' }]
    await network.clock.advance(10_000)
    expect(live.channels()).toHaveLength(1)
    expect(live.channels()[0]?.diagnosis?.en).toMatch(/changed from 192\.0\.2\.2 to 203\.0\.113\.5/)
    await live.close()
  })

  it('that cannot be opened are tried again', async () => {
    const network = fakeNetwork()
    network.openFault = new Error('no such device')
    const live = network.watch()
    await network.clock.advance(100)
    expect(live.channels()).toMatchObject([{ state: 'failed' }])
    network.openFault = null
    await network.clock.advance(1_000)
    expect(live.channels()).toMatchObject([{ state: 'listening', queriesSent: 1 }])
    await live.close()
  })

  it('are left alone where listening is off', async () => {
    expect(isListeningAllowed({ FLASHPROOF_DISCOVERY: 'OFF' })).toBe(false)
    expect(isListeningAllowed({})).toBe(true)
    const source = createMdnsSource({ isAllowed: () => false, open: () => Promise.reject(new Error('opened')) })
    const live = source.watch?.({ home: '', clock: new FakeClock(), onChanged: () => undefined })
    expect(live?.channels()).toMatchObject([{ state: 'off' }])
    const signal = new AbortController().signal
    expect(await source.list({ home: '', waitMs: 1_000, signal })).toEqual([])
  })
})
