import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { rememberedSource } from '../../src/core/discovery/remembered.ts'
import type { EventOf } from '../../src/shared/contract/events.ts'
import { openBench, type Bench } from '../fakes/bench.ts'

type Scanned = EventOf<'discovery.scanned'>

let bench: Bench
let scanned: Scanned[]
let onScanned: () => void

beforeEach(async () => {
  scanned = []
  onScanned = () => undefined
  bench = await openBench({
    deviceSources: [rememberedSource],
    emit: (name, payload) => {
      if (name !== 'discovery.scanned') return
      // The name says which payload it is.
      scanned.push(payload as Scanned)
      onScanned()
    },
  })
})
afterEach(async () => {
  await bench.close()
})

function ended(): Promise<Scanned> {
  return new Promise(resolve => {
    onScanned = () => {
      const last = scanned.at(-1)
      if (last !== undefined && last.state !== 'running') resolve(last)
    }
    onScanned()
  })
}

/** A web server that is no board; counts who asks it for what. */
async function startWebServer(answer: (path: string) => string) {
  const paths: string[] = []
  const server = createServer((request, response) => {
    paths.push(`${request.method ?? ''} ${request.url ?? ''}`)
    response.end(answer(request.url ?? ''))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  // It listens on TCP.
  const { port } = server.address() as AddressInfo
  return {
    port,
    paths,
    close: () =>
      new Promise<void>(resolve => {
        server.closeAllConnections()
        server.close(() => {
          resolve()
        })
      }),
  }
}

describe('a search', () => {
  it('finds the boards among what answers, remembers them, and writes nothing to anybody', async () => {
    const board = await bench.board()
    const other = await startWebServer(() => '<html>a printer</html>')
    try {
      const { devices } = bench.station
      const httpPorts = [Number(new URL(board.target).port), other.port]
      expect(devices.scans.start({ cidr: '127.0.0.1', httpPorts })).toMatchObject({ hosts: 1 })
      expect(await ended()).toMatchObject({ state: 'ended', asked: 1, total: 1, answering: 1, found: 1, error: null })
      expect(scanned.flatMap(event => event.devices)).toMatchObject([
        { target: board.target, protocols: ['esp-parts'], identity: { mac: board.identity.mac } },
      ])
      expect(await devices.list(0, new AbortController().signal)).toMatchObject([{ target: board.target }])
      expect(board.flash.leftovers()).toBe(0)
      expect(board.stats.chunkBodyBytes).toBe(0)
      expect(other.paths.length).toBeGreaterThan(0)
      expect(other.paths.filter(path => !path.startsWith('GET ') || path.startsWith('GET /ota/start'))).toEqual([])
    } finally {
      await other.close()
    }
  })

  it('says what a Shelly is', async () => {
    const shelly = await startWebServer(path =>
      path === '/shelly' ? JSON.stringify({ type: 'SHSW-25', mac: '98CDAC1E2F3A', fw: '20230913' }) : 'not here',
    )
    try {
      bench.station.devices.scans.start({ cidr: '127.0.0.1', httpPorts: [shelly.port] })
      await ended()
      expect(scanned.flatMap(event => event.devices)).toMatchObject([
        {
          key: 'mac:98:cd:ac:1e:2f:3a',
          protocols: [],
          notes: [{ en: expect.stringMatching(/^Shelly SHSW-25 20230913: it fetches/) as unknown }],
        },
      ])
    } finally {
      await shelly.close()
    }
  })

  it('is one at a time, ends at once when it is cancelled, and makes room for the next', async () => {
    const { scans } = bench.station.devices
    const { scanId, hosts } = scans.start({ cidr: '127.0.0.0/20', httpPorts: [9], ratePerSecond: 1 })
    expect(hosts).toBe(4094)
    expect(() => scans.start({ cidr: '127.0.0.1' })).toThrow(
      expect.objectContaining({ code: 'scan.running', details: { scanId } }),
    )
    scans.cancel('another')
    scans.cancel(scanId)
    expect(await ended()).toMatchObject({ scanId, state: 'cancelled', total: 4094 })
    onScanned = () => undefined
    scanned = []
    scans.start({ cidr: '127.0.0.1', httpPorts: [9] })
    expect(await ended()).toMatchObject({ state: 'ended', answering: 0, found: 0 })
  })

  it('of a range that is not ours is refused before anything is sent', () => {
    const { scans } = bench.station.devices
    expect(() => scans.start({ cidr: '203.0.113.0/24' })).toThrow(
      expect.objectContaining({ code: 'scan.range-public' }),
    )
    expect(scanned).toEqual([])
  })
})

describe('devices as a file', () => {
  it('go out with their labels and come in again, on another station too', async () => {
    const { devices } = bench.station
    const lines = [
      'target,mac,label,protocols',
      "http://192.0.2.1,02:00:00:00:00:01,'=1+1,esp-parts",
      'http://192.0.2.2,,,',
    ]
    expect(devices.importCsv(lines.join('\r\n'))).toEqual({ devices: 2 })
    const first = await devices.list(0, new AbortController().signal)
    expect(first).toMatchObject([
      { target: 'http://192.0.2.1', key: 'mac:02:00:00:00:00:01', label: '=1+1', protocols: ['esp-parts'] },
      { target: 'http://192.0.2.2', label: null },
    ])
    const { csv, devices: count } = devices.exportCsv()
    expect(count).toBe(2)
    devices.forget('mac:02:00:00:00:00:01')
    devices.forget('http://192.0.2.2')
    devices.importCsv(csv)
    expect(await devices.list(0, new AbortController().signal)).toEqual(first)
  })

  it('keep what is known beside, and nothing at all comes in from a file with a wrong line', async () => {
    const { devices } = bench.station
    devices.importCsv('target,name,mac\nhttp://192.0.2.1,kitchen,02:00:00:00:00:01')
    devices.importCsv('target,chip,label\nhttp://192.0.2.1,ESP32,oven')
    const known = await devices.list(0, new AbortController().signal)
    expect(known).toMatchObject([
      { name: 'kitchen', identity: { chip: 'ESP32' }, key: 'mac:02:00:00:00:00:01', label: 'oven' },
    ])
    expect(() => devices.importCsv('target\nhttp://192.0.2.7\nnowhere')).toThrow(
      expect.objectContaining({ code: 'devices-file.invalid' }),
    )
    expect(await devices.list(0, new AbortController().signal)).toEqual(known)
  })
})
