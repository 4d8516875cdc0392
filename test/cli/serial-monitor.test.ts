import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { startCli } from './cli-process.ts'

const elf = fileURLToPath(new URL('../core/telemetry/backtrace/fixtures/dwarf5.elf', import.meta.url))

let folder = ''
let board: Server
let clients: Socket[]
let received = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flashproof-serial-monitor-'))
  clients = []
  received = ''
  board = createServer(socket => {
    clients.push(socket)
    socket.on('error', () => undefined)
    socket.setEncoding('utf8').on('data', (text: string) => {
      received += text
    })
    socket.write(
      'rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\nI (30) app_init: App version:      v1.2.3\r\n',
    )
  }).listen(0, '127.0.0.1')
  await once(board, 'listening')
})
afterEach(async () => {
  for (const client of clients) client.destroy()
  board.close()
  await rm(folder, { recursive: true, force: true })
})

function target(): string {
  // A TCP server's address is no path.
  return `tcp://127.0.0.1:${String((board.address() as AddressInfo).port)}`
}

function say(...lines: readonly string[]): void {
  for (const client of clients) client.write(lines.map(line => `${line}\r\n`).join(''))
}

it('prints lines, events, figures and crashes as JSON, sends what is piped in, and follows a board that goes away', async () => {
  const elfSha256 = createHash('sha256')
    .update(await readFile(elf))
    .digest('hex')
  const logFile = join(folder, 'board.log')
  const words = [
    'monitor',
    target(),
    '--json',
    '--elf',
    elf,
    '--log-file',
    logFile,
    '--send',
    'first',
    '--line-end',
    'crlf',
  ]
  const run = startCli(words, { home: join(folder, 'home'), input: 'status\n' })
  await run.until(/"field":"version"/)
  await run.until(/"from":"sent","level":null}\n[^]*"text":"status"/)
  expect(received).toBe('first\r\nstatus\r\n')
  say('\u001b[0;32mI (1200) app: Free heap: 182,344 bytes\u001b[0m')
  await run.until(/"heapFreeBytes":182344/)
  say("Guru Meditation Error: Core  0 panic'ed (LoadProhibited).", 'Backtrace: 0x400d0000:0x3ffb1f70')
  say(`ELF file SHA256: ${elfSha256.slice(0, 16)}`, 'Rebooting...')
  await run.until(/"kind":"crash"/)
  clients[0]?.destroy()
  await run.until(/"kind":"lost"[^]*"kind":"opened"/)
  run.signal('SIGINT')
  const { exitCode, out } = await run.result
  expect(exitCode).toBe(0)
  const rows = out
    .trim()
    .split('\n')
    .map(row => JSON.parse(row) as Readonly<Record<string, unknown>>)
  expect(rows).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ schema: 1, type: 'device-event', kind: 'opened', target: target() }),
      expect.objectContaining({ type: 'device-event', kind: 'reset', reason: 'POWERON_RESET' }),
      expect.objectContaining({ type: 'device-event', kind: 'app', field: 'version', value: 'v1.2.3' }),
      expect.objectContaining({
        type: 'device-log',
        from: 'board',
        level: 'info',
        text: 'I (1200) app: Free heap: 182,344 bytes',
      }),
      expect.objectContaining({ type: 'telemetry', source: 'serial-log', appVersion: 'v1.2.3', bootCount: 1 }),
      expect.objectContaining({
        kind: 'crash',
        decoding: expect.objectContaining({
          build: 'same',
          places: [expect.objectContaining({ name: '#0', function: 'pump::Motor::start', line: 7 })],
        }),
      }),
    ]),
  )
  const log = await readFile(logFile, 'utf8')
  expect(log).toMatch(/^\S+ < I \(1200\) app: Free heap: 182,344 bytes$/m)
  expect(log).toMatch(/^\S+ > status$/m)
  expect(log).toMatch(/^\S+ - #0 0x400D0000 pump::Motor::start \S*main\.cpp:7$/m)
}, 60_000)

it('says in words what happens, decodes nothing with the ELF file of another build, and prints no control characters', async () => {
  const run = startCli(['monitor', target(), '--elf', elf, '--reset'], { home: join(folder, 'home') })
  await run.until(/App version: {6}v1\.2\.3/)
  await run.until(/The board was not restarted/)
  say(
    'title \u001b]0;hacked\u0007',
    'abort() was called at PC 0x400d0000 on core 0',
    'Backtrace: 0x400d0000:0x3ffb1f70',
  )
  say('ELF file SHA256: 0123456789abcdef', 'Rebooting...')
  await run.until(/of another build/)
  run.signal('SIGINT')
  const { exitCode, out } = await run.result
  expect(exitCode).toBe(0)
  expect(out).toContain('-- The board started: POWERON_RESET, SPI_FAST_FLASH_BOOT')
  expect(out).toContain('-- Crash: abort() was called (core 0)')
  expect(out).not.toContain('pump::')
  expect(out).toContain('title ·]0;hacked·')
  expect(/[\u0000-\u0009\u000b-\u001f\u007f]/.test(out)).toBe(false)
}, 60_000)
