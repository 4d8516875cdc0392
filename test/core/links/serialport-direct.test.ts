import { spawnSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { describe, expect, it } from 'vitest'
import { openSerialPort } from '../../../src/core/links/serial-port.ts'
import { readAndWriteDirectly } from '../../../src/core/links/serialport-direct.ts'
import { ptyDevicesOfThisFile, socat } from './pty-device.ts'

const soon = { timeoutMs: 2000 }

describe('reading and writing without the thread pool', () => {
  const poller = { once: () => undefined }
  const calls = { read: (): undefined => undefined, write: (): undefined => undefined }

  it.each([
    null,
    'text',
    {},
    { fd: null, isOpen: true, poller, ...calls },
    { fd: 3, isOpen: true, poller: {}, ...calls },
    { fd: 3, isOpen: true, poller, read: calls.read },
  ])('leaves a binding alone that looks different: %j', binding => {
    expect(readAndWriteDirectly(binding)).toBe(false)
  })

  it('leaves a port alone on which a call could wait', () => {
    const fd = openSync(import.meta.filename, 'r')
    try {
      const binding = { fd, isOpen: true, poller, ...calls }
      expect(readAndWriteDirectly(binding)).toBe(false)
      expect(binding.read).toBe(calls.read)
    } finally {
      closeSync(fd)
    }
  })
})

describe.skipIf(socat === null || process.platform !== 'linux')('a serial port', () => {
  const startDevice = ptyDevicesOfThisFile()

  it('goes on while every thread of the pool is held up by files', async () => {
    const { path, socket } = await startDevice()
    const link = await openSerialPort({ path, text: path }, { baudRate: 115_200, parity: 'none' }, {})
    socket.on('data', piece => socket.write(piece))
    const folder = mkdtempSync(join(tmpdir(), 'flashproof-port-'))
    const pipe = join(folder, 'nobody-writes-here')
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
    // Opening a pipe waits for somebody at its other end.
    const held = Array.from({ length: Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) }, () => open(pipe, 'r'))
    try {
      for (let round = 0; round < 20; round++) {
        await link.write(Uint8Array.of(round, 0xff), soon)
        expect(Array.from(await link.read(2, soon))).toEqual([round, 0xff])
      }
    } finally {
      const writer = openSync(pipe, constants.O_RDWR)
      for (const handle of await Promise.all(held)) await handle.close()
      closeSync(writer)
      rmSync(folder, { recursive: true })
    }
    await link.close()
  })

  it('leaves time for everything else while a board never falls silent', async () => {
    const { path, socket } = await startDevice()
    const link = await openSerialPort({ path, text: path }, { baudRate: 115_200, parity: 'none' }, {})
    const talk = (): void => {
      while (socket.write(Buffer.alloc(1000, 0x2e)));
      socket.once('drain', talk)
    }
    talk()
    let ticks = 0
    const ticking = setInterval(() => ticks++, 10)
    const endMs = performance.now() + 1000
    while (performance.now() < endMs) {
      await link.readSome(soon)
      // What a monitor does with it.
      for (const busyUntilMs = performance.now() + 1; performance.now() < busyUntilMs;);
    }
    clearInterval(ticking)
    await link.close()
    expect(ticks).toBeGreaterThan(20)
  })
})
