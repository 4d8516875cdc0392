import { spawn } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startVirtualYmodem } from '../../src/simulator/ymodem/virtual-ymodem.ts'
import { closedAfterEach } from '../simulator/started-devices.ts'
import { requireTool } from './tools.ts'

const sb = requireTool('sb')
const sx = requireTool('sx')
const socat = requireTool('socat')
const started = closedAfterEach()
const content = Uint8Array.from({ length: 70_001 }, (_byte, index) => (index * 13 + (index >> 8)) & 0xff)

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flashproof-lrzsz-'))
  writeFileSync(join(folder, 'app.bin'), content)
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** Runs a sender with the terminal as its standard input and output. */
function sendOver(target: string, program: string, commandArguments: readonly string[]): Promise<number | null> {
  const terminal = openSync(target.slice('serial:'.length), constants.O_RDWR | constants.O_NOCTTY)
  const child = spawn(program, commandArguments, {
    cwd: folder,
    stdio: [terminal, terminal, 'ignore'],
    timeout: 30_000,
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', exitCode => {
      closeSync(terminal)
      resolve(exitCode)
    })
  })
}

describe.skipIf(sb === null || sx === null || socat === null)('virtual bootloaders with the senders of lrzsz', () => {
  it.each([
    { name: 'sb -k', program: sb, switches: ['-k'] },
    { name: 'sb', program: sb, switches: [] },
  ])('take a file of $name, byte for byte', async ({ program, switches }) => {
    const device = started(await startVirtualYmodem({ carrier: 'pty', pollMs: 100, eraseMs: 0, programMs: 0 }))
    expect(await sendOver(device.target, program ?? '', [...switches, 'app.bin'])).toBe(0)
    await expect.poll(() => device.state(), { timeout: 10_000 }).toBe('application')
    expect(device.stored()).toEqual(content)
  })

  it.each([
    { hasChecksum: false, switches: ['-k'], blockBytes: 1024 },
    { hasChecksum: true, switches: [], blockBytes: 128 },
  ])('take a file of sx with its padding (8-bit sum: $hasChecksum)', async ({ hasChecksum, switches, blockBytes }) => {
    const options = { carrier: 'pty', protocol: 'xmodem', hasChecksum, pollMs: 300, eraseMs: 0, programMs: 0 } as const
    const device = started(await startVirtualYmodem(options))
    expect(await sendOver(device.target, sx ?? '', [...switches, 'app.bin'])).toBe(0)
    await expect.poll(() => device.state(), { timeout: 10_000 }).toBe('application')
    const stored = device.stored() ?? new Uint8Array()
    expect(stored.subarray(0, content.length)).toEqual(content)
    const padding = stored.subarray(content.length)
    expect(padding.length).toBeLessThan(blockBytes)
    expect(padding.every(byte => byte === 0x1a)).toBe(true)
  })
})
