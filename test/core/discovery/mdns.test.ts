import { describe, expect, it } from 'vitest'
import type { DeviceWatch } from '../../../src/core/discovery/device-source.ts'
import { isListeningAllowed } from '../../../src/core/discovery/listening.ts'
import { createMdnsSource } from '../../../src/core/discovery/mdns.ts'
import type { Question } from '../../../src/core/discovery/mdns-cache.ts'
import type { InterfaceAddress } from '../../../src/core/discovery/mdns-interface.ts'
import { readPacket, type MdnsListener } from '../../../src/core/discovery/mdns-socket.ts'
import { FakeClock } from '../../fakes/fake-clock.ts'

const wifi: InterfaceAddress = { name: 'wlan0', address: '192.0.2.2', netmask: '255.255.255.0' }
const cable: InterfaceAddress = { name: 'eth0', address: '198.51.100.2', netmask: '255.255.255.0' }

/** A computer whose interfaces and sockets the test holds. */
function fakeNetwork() {
  const clock = new FakeClock()
  const network = {
    clock,
    interfaces: [wifi],
    listeners: new Map<string, MdnsListener>(),
    asked: [] as { address: string; questions: readonly Question[] }[],
    closed: [] as string[],
    sendFault: null as Error | null,
    openFault: null as Error | null,
    watch(): DeviceWatch {
      const source = createMdnsSource({
        isAllowed: () => true,
        interfaces: () => network.interfaces,
        open: (address, listener) => {
          if (network.openFault !== null) return Promise.reject(network.openFault)
          network.listeners.set(address, listener)
          return Promise.resolve({
            query: (questions, done) => {
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
    expect(network.asked.at(-1)?.questions).toEqual([{ name: 'board.local', type: 'A' }])
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
    for (const { address } of network.interfaces) network.hear(address, board('k', '198.51.100.9'), '198.51.100.9')
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

describe('interfaces', () => {
  it('are followed as they come and go', async () => {
    const network = fakeNetwork()
    const live = network.watch()
    await network.clock.advance(100)
    network.hear(wifi.address, board('kitchen', '192.0.2.9'), '192.0.2.9')
    network.interfaces = [cable]
    await network.clock.advance(3_000)
    expect(live.channels().map(channel => channel.name)).toEqual(['Ethernet (eth0)'])
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
