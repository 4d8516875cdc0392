/** ser2net, which others wrote, serves a terminal over RFC 2217 to our client, on this computer alone. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { openByteLink } from '../../src/core/links/open-byte-link.ts'
import type { ByteLink } from '../../src/core/links/byte-link.ts'
import { hasErrorCode } from '../../src/shared/errors.ts'
import { ptyDevicesOfThisFile, socat, type PtyDevice } from '../core/links/pty-device.ts'
import { requireTool } from './tools.ts'

const ser2net = requireTool('ser2net')
const soon = { timeoutMs: 8000 }
const START_TRIES = 100

describe.skipIf(ser2net === null || socat === null)('ser2net', () => {
  const startDevice = ptyDevicesOfThisFile()
  const closers: (() => unknown)[] = []
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close()
  })

  /** @param accepter what stands before `tcp` in its configuration: `telnet(rfc2217),` or nothing for raw bytes */
  async function serve(device: PtyDevice, accepter: string): Promise<number> {
    const folder = mkdtempSync(join(tmpdir(), 'flashproof-ser2net-'))
    const port = await freePort()
    const path = join(folder, 'ser2net.yaml')
    const place = `${accepter}tcp(nodelay),127.0.0.1,${String(port)}`
    writeFileSync(
      path,
      `connection: &board\n  accepter: ${place}\n  connector: serialdev,${device.path},115200n81,local\n`,
    )
    const server = spawn(ser2net ?? 'ser2net', ['-n', '-d', '-c', path], { stdio: 'ignore' })
    closers.push(async () => {
      await end(server)
      rmSync(folder, { recursive: true })
    })
    return port
  }

  async function open(kind: 'tcp' | 'rfc2217', port: number, timeoutMs = 8000): Promise<ByteLink> {
    const target = { kind, text: `${kind}://127.0.0.1:${String(port)}`, hostname: '127.0.0.1', port }
    for (let attempt = 1; ; attempt++) {
      try {
        const link = await openByteLink(target, { baudRate: 115_200, parity: 'none' }, { timeoutMs, usedFor: 'a test' })
        closers.push(() => link.close())
        return link
      } catch (error) {
        if (!hasErrorCode(error, 'network.refused') || attempt === START_TRIES) throw error
        await new Promise(resolve => setTimeout(resolve, 50))
      }
    }
  }

  async function passesEveryByte(link: ByteLink, { socket }: PtyDevice): Promise<void> {
    const bytes = Buffer.from(Uint8Array.from({ length: 1024 }, (_, at) => at))
    const heard: Buffer[] = []
    socket.on('data', piece => heard.push(piece))
    await link.write(bytes, soon)
    await expect.poll(() => Buffer.concat(heard), { timeout: soon.timeoutMs }).toHaveLength(bytes.length)
    expect(Buffer.concat(heard)).toEqual(bytes)
    socket.write(bytes)
    expect(Buffer.from(await link.read(bytes.length, soon))).toEqual(bytes)
  }

  it('takes rate and parity from us, says that a terminal has no lines by saying nothing, and passes every byte', async () => {
    const device = await startDevice()
    const link = await open('rfc2217', await serve(device, 'telnet(rfc2217),'))
    await link.configure({ baudRate: 921_600, parity: 'even' })
    await link.configure({ parity: 'odd' })
    await link.configure({ baudRate: 460_800, parity: 'none' })
    expect(link.settings).toEqual({ baudRate: 460_800, parity: 'none' })
    expect(link.modemLines).toBe('no')
    await passesEveryByte(link, device)
  })

  it('passes every byte raw, and is no port over RFC 2217 then', async () => {
    const device = await startDevice()
    const port = await serve(device, '')
    const link = await open('tcp', port)
    await passesEveryByte(link, device)
    await link.close()
    await expect(open('rfc2217', port, 300)).rejects.toMatchObject({ code: 'serial.not-rfc2217' })
  })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
