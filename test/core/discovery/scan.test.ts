import { describe, expect, it } from 'vitest'
import { scanAddresses, type ScanProgress, type ScanWorld } from '../../../src/core/discovery/scan.ts'
import { MAXIMUM_HOSTS, ownNetworks, parseScanRange } from '../../../src/core/discovery/scan-range.ts'
import { FakeClock, settle } from '../../fakes/fake-clock.ts'

const nobody = { ownNetworks: [], isPublicAllowed: false }

describe('a range to search', () => {
  it('leaves out the address of the network and the one of everybody', () => {
    const { addresses } = parseScanRange('192.168.4.77/24', nobody)
    expect(addresses).toHaveLength(254)
    expect([addresses[0], addresses.at(-1)]).toEqual(['192.168.4.1', '192.168.4.254'])
    expect(parseScanRange('10.0.0.8', nobody).addresses).toEqual(['10.0.0.8'])
    expect(parseScanRange('10.0.0.8/31', nobody).addresses).toEqual(['10.0.0.8', '10.0.0.9'])
  })

  it.each(['', '192.168.4', '192.168.4.0/33', '192.168.4.300', 'fe80::/64', '192.168.4.0/24/8', 'kitchen.local'])(
    'is refused when it is %o',
    text => {
      expect(() => parseScanRange(text, nobody)).toThrow(expect.objectContaining({ code: 'scan.range-invalid' }))
    },
  )

  it('may hold a /20 and not more', () => {
    expect(parseScanRange('10.0.0.0/20', nobody).addresses).toHaveLength(MAXIMUM_HOSTS - 2)
    expect(() => parseScanRange('10.0.0.0/19', nobody)).toThrow(
      expect.objectContaining({
        code: 'scan.range-too-large',
        details: expect.objectContaining({ count: 8192 }) as unknown,
      }),
    )
  })

  it('must be private, or of this computer, or explicitly meant', () => {
    for (const text of ['8.8.8.0/24', '172.32.0.0/24', '100.64.0.0/24']) {
      expect(() => parseScanRange(text, nobody)).toThrow(expect.objectContaining({ code: 'scan.range-public' }))
    }
    const own = ownNetworks([
      { address: '203.0.113.77', netmask: '255.255.255.0' },
      { address: null, netmask: null },
    ])
    expect(own).toEqual(['203.0.113.77/24'])
    expect(parseScanRange('203.0.113.0/28', { ownNetworks: own, isPublicAllowed: false }).addresses).toHaveLength(14)
    expect(() => parseScanRange('203.0.112.0/23', { ownNetworks: own, isPublicAllowed: false })).toThrow(
      expect.objectContaining({ code: 'scan.range-public' }),
    )
    expect(parseScanRange('8.8.8.8', { ownNetworks: [], isPublicAllowed: true }).addresses).toEqual(['8.8.8.8'])
  })
})

function fakeScan(changes: Partial<ScanWorld> = {}) {
  const clock = new FakeClock()
  const end = new AbortController()
  const connects: { address: string; port: number; atMs: number }[] = []
  const asked: string[] = []
  const progress: ScanProgress[] = []
  const world: ScanWorld = {
    clock,
    signal: end.signal,
    addresses: Array.from({ length: 20 }, (_, index) => `10.0.0.${String(index + 1)}`),
    ports: [
      { scheme: 'http', port: 80 },
      { scheme: 'tcp', port: 3232 },
    ],
    ratePerSecond: 10,
    canConnect: (address, port) => {
      connects.push({ address, port, atMs: clock.monotonicMs() })
      return Promise.resolve(address.endsWith('.7') || (address.endsWith('.9') && port === 3232))
    },
    ask: target => {
      asked.push(target)
      return Promise.resolve()
    },
    onProgress: now => progress.push(now),
    ...changes,
  }
  return { clock, end, connects, asked, progress, ended: scanAddresses(world) }
}

describe('a search', () => {
  it('tries every address at the rate that was asked for, and asks only where something listens', async () => {
    const { clock, connects, asked, progress, ended } = fakeScan()
    await clock.advance(950)
    expect(new Set(connects.map(({ address }) => address)).size).toBe(10)
    await clock.advance(1_000)
    expect(await ended).toEqual({ asked: 20, total: 20, answering: 2 })
    expect(connects).toHaveLength(40)
    expect(asked).toEqual(['http://10.0.0.7', 'tcp://10.0.0.7:3232', 'tcp://10.0.0.9:3232'])
    expect(progress[0]).toEqual({ asked: 0, total: 20, answering: 0 })
  })

  it('asks one address one thing at a time, and several addresses at once', async () => {
    let [now, most] = [0, 0]
    const perHost = new Map<string, number>()
    const waiting: (() => void)[] = []
    const { clock, ended } = fakeScan({
      canConnect: () => Promise.resolve(true),
      ask: async target => {
        const host = /\d+\.\d+\.\d+\.\d+/.exec(target)?.[0] ?? ''
        expect(perHost.get(host) ?? 0).toBe(0)
        perHost.set(host, 1)
        most = Math.max(most, ++now)
        await new Promise<void>(resolve => waiting.push(resolve))
        now--
        perHost.set(host, 0)
      },
    })
    await clock.advance(3_000)
    expect(most).toBe(8)
    while (waiting.length > 0) {
      for (const go of waiting.splice(0)) go()
      await settle()
    }
    await ended
    expect(most).toBe(8)
  })

  it('ends with the first fault of an answer, and leaves no other one behind', async () => {
    const { clock, connects, ended } = fakeScan({
      canConnect: () => Promise.resolve(true),
      ask: target => Promise.reject(new Error(target)),
    })
    const failed = expect(ended).rejects.toThrow('http://10.0.0.1')
    await clock.advance(5_000)
    await failed
    expect(connects.length).toBeLessThanOrEqual(4)
  })

  it('does not knock where a job speaks', async () => {
    const { clock, connects, ended } = fakeScan({ isBusy: target => target === 'http://10.0.0.7' })
    await clock.advance(5_000)
    expect((await ended).asked).toBe(20)
    expect(connects.some(({ address }) => address === '10.0.0.7')).toBe(false)
  })

  it('ends at once when it is cancelled, and tries nobody afterwards', async () => {
    const { clock, end, connects, ended } = fakeScan()
    await clock.advance(450)
    const before = connects.length
    end.abort(new Error('enough'))
    await expect(ended).rejects.toThrow('enough')
    await clock.advance(5_000)
    expect(connects).toHaveLength(before)
    expect(clock.sleeperCount).toBe(0)
  })
})
