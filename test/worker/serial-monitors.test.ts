import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { CrashDecoding, DeviceEvent, MonitorEntry, TelemetrySample } from '../../src/shared/contract/models.ts'
import { isEndpoint, parseTarget, type SocketEndpoint } from '../../src/core/discovery/target.ts'
import { openByteLink } from '../../src/core/links/open-byte-link.ts'
import { Monitors } from '../../src/worker/monitors.ts'

let server: Server
let boards: Socket[]
let monitors: Monitors
let entries: MonitorEntry[]
let samples: TelemetrySample[]
let texts: string[]
let decode: (elfPath: string) => Promise<CrashDecoding>

beforeEach(async () => {
  boards = []
  entries = []
  samples = []
  texts = []
  decode = () => Promise.reject(new Error('not asked for'))
  server = createServer(socket => {
    socket.on('error', () => undefined)
    boards.push(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  monitors = new Monitors({
    emit: (name, payload) => {
      if (name === 'monitor.heard' && 'entries' in payload) entries.push(...payload.entries)
      if (name === 'monitor.logged' && 'text' in payload) texts.push(payload.text)
    },
    onSample: (_target, sample) => samples.push(sample),
    isTransferring: () => false,
    decodeCrash: ({ elfPath }) => decode(elfPath),
  })
})
afterEach(async () => {
  await monitors.stopAll()
  for (const board of boards) board.destroy()
  server.close()
})

function endpoint(): SocketEndpoint {
  // A TCP server's address is no path.
  const target = parseTarget(`tcp://127.0.0.1:${String((server.address() as AddressInfo).port)}`)
  if (!isEndpoint(target) || target.kind !== 'tcp') throw new Error('no line')
  return target
}

const events = (): DeviceEvent[] => entries.flatMap(entry => (entry.type === 'event' ? [entry.event] : []))
const kinds = (): string[] => events().map(({ kind }) => kind)
const lines = (): string[] => entries.flatMap(entry => (entry.type === 'line' ? [entry.line.text] : []))

async function untilOpen(): Promise<void> {
  await vi.waitFor(() => {
    expect(kinds().at(-1)).toBe('opened')
    expect(boards.length).toBeGreaterThan(0)
  })
}

it('gives its line to a job and comes back afterwards', async () => {
  const id = monitors.start(endpoint())
  await untilOpen()
  const job = await openByteLink(
    endpoint(),
    { baudRate: 115_200, parity: 'none' },
    { timeoutMs: 5000, usedFor: 'writing app.bin' },
  )
  await vi.waitFor(() => {
    expect(events().at(-1)).toMatchObject({ kind: 'lent', usedFor: 'writing app.bin' })
  })
  await expect(monitors.send(id, 'x', '\n')).rejects.toMatchObject({ code: 'serial.port-busy' })
  await job.close()
  await vi.waitFor(
    () => {
      expect(kinds()).toEqual(['opened', 'lent', 'opened'])
    },
    { timeout: 10_000 },
  )
})

it('keeps what was heard for whoever comes later, over several monitors of one line', async () => {
  expect(monitors.history(endpoint())).toEqual([])
  const first = monitors.start(endpoint(), { intervalMs: 100 })
  await untilOpen()
  boards[0]?.write('one\r\nFree heap: 5000\r\n')
  await vi.waitFor(() => {
    expect(lines()).toEqual(['one', 'Free heap: 5000'])
    expect(samples).toMatchObject([{ heapFreeBytes: 5000 }])
  })
  monitors.stop(first)
  // The one before still closes its line: the next waits for it and finds no port in use.
  const second = monitors.start(endpoint())
  expect(second).not.toBe(first)
  await vi.waitFor(() => {
    expect(boards).toHaveLength(2)
  })
  boards[1]?.write('two\r\n')
  await vi.waitFor(() => {
    expect(lines()).toEqual(['one', 'Free heap: 5000', 'two'])
  })
  expect(kinds()).toEqual(['opened', 'opened'])
  const kept = monitors.history(endpoint())
  expect(kept.map(entry => (entry.type === 'line' ? entry.line.text : entry.event.kind))).toEqual([
    'opened',
    'one',
    'Free heap: 5000',
    'opened',
    'two',
  ])
})

it('writes lines and crashes into a file, with places or with the reason why there are none', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'flashproof-monitors-'))
  const elfPath = new URL('../core/telemetry/backtrace/fixtures/dwarf4.elf', import.meta.url).pathname
  const place = {
    address: 0x400d0000,
    role: 'frame',
    name: '#0',
    function: 'loop',
    offset: 2,
    file: 'a.c',
    line: 7,
  } as const
  decode = () => Promise.resolve({ build: 'unknown', elfSha256: 'ab', places: [place] })
  const id = monitors.start(endpoint())
  const path = join(folder, 'board.log')
  await monitors.attach(id, { logFile: { path }, elfPath })
  await expect(monitors.attach(id, { elfPath: path })).rejects.toMatchObject({ name: 'FlashproofError' })
  await untilOpen()
  boards[0]?.write('Backtrace: 0x400d0000:0x3ffb1f70\r\nRebooting...\r\n')
  await vi.waitFor(() => {
    expect(events().at(-1)).toMatchObject({ kind: 'crash', decoding: { places: [place] }, decodingError: null })
  })
  decode = () => Promise.reject(new Error('broken'))
  boards[0]?.write('Backtrace: 0x400d0000:0x3ffb1f70\r\nRebooting...\r\n')
  await vi.waitFor(() => {
    expect(events().at(-1)).toMatchObject({ kind: 'crash', decoding: null, decodingError: { message: 'broken' } })
  })
  await monitors.send(id, 'status', '\n')
  await monitors.stopAll()
  const log = await readFile(path, 'utf8')
  expect(log).toMatch(
    / - the line is open\n[^]* < Backtrace: 0x400d0000:0x3ffb1f70\n[^]* - #0 0x400D0000 loop a\.c:7\n/,
  )
  expect(log).toMatch(/ > status\n/)
  await rm(folder, { recursive: true })
})

it('refuses to send where there is no line, and to a monitor that ended', async () => {
  const http = parseTarget('http://127.0.0.1:9')
  if (!isEndpoint(http)) throw new Error('no endpoint')
  const id = monitors.start(http)
  await expect(monitors.send(id, 'x', '\n')).rejects.toMatchObject({ code: 'protocol.endpoint-not-accepted' })
  await expect(monitors.send('m-gone', 'x', '\n')).rejects.toMatchObject({ code: 'target.unknown' })
  await expect(monitors.restart('m-gone')).rejects.toMatchObject({ code: 'target.unknown' })
  const udp = parseTarget('udp://127.0.0.1:9')
  if (!isEndpoint(udp)) throw new Error('no endpoint')
  expect(() => monitors.start(udp)).toThrow(expect.objectContaining({ code: 'protocol.endpoint-not-accepted' }))
})
