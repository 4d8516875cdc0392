import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { ByteLink, LineSettings } from '../../../src/core/links/byte-link.ts'
import { openByteLink } from '../../../src/core/links/open-byte-link.ts'
import type { SocketEndpoint } from '../../../src/core/discovery/target.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'

const soon = { timeoutMs: 8000, usedFor: 'a test' }
const line: LineSettings = { baudRate: 115_200, parity: 'none' }

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function listen(handle: (socket: Socket) => void): Promise<SocketEndpoint> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    handle(socket)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { kind: 'tcp', text: `tcp://127.0.0.1:${String(port)}`, hostname: '127.0.0.1', port }
}

async function open(endpoint: SocketEndpoint, waiting = soon): Promise<ByteLink> {
  const link = await openByteLink(endpoint, line, waiting)
  closers.push(() => link.close())
  return link
}

async function errorOf(calling: Promise<unknown>): Promise<FlashproofError> {
  try {
    await calling
  } catch (error) {
    if (error instanceof FlashproofError) return error
    throw error
  }
  throw new Error('it went well')
}

describe('a serial line over raw TCP', () => {
  it('passes bytes, and says that rate and lines are not its to set', async () => {
    const link = await open(await listen(socket => socket.pipe(socket)))
    await link.write(Uint8Array.of(1, 255, 3), soon)
    expect(await link.read(3, soon)).toEqual(Buffer.from([1, 255, 3]))
    expect(link).toMatchObject({ canConfigure: false, modemLines: 'no', settings: line })
    await link.configure({ baudRate: 9600 })
    expect(link.settings).toEqual(line)
    expect(await link.setLines({ dtr: true, rts: true })).toBe('unavailable')
  })

  it('reads 64 KiB at once', async () => {
    const link = await open(await listen(socket => socket.write(Buffer.alloc(80 * 1024))))
    expect(await link.read(64 * 1024, soon)).toHaveLength(64 * 1024)
    expect(await link.read(16 * 1024, soon)).toHaveLength(16 * 1024)
  })

  it('lets leave what was written before it is closed', async () => {
    let heardBytes = 0
    const endpoint = await listen(socket => socket.on('data', piece => (heardBytes += piece.length)))
    const link = await open(endpoint)
    await link.write(new Uint8Array(200_000), soon)
    await link.close()
    await expect.poll(() => heardBytes).toBe(200_000)
  })

  it('tells that the far end closed, after what it said', async () => {
    const link = await open(await listen(socket => socket.end('bye')))
    expect(Buffer.from(await link.read(3, soon)).toString()).toBe('bye')
    expect((await errorOf(link.readSome(soon))).code).toBe('network.reset')
  })
})

describe('opening a line', () => {
  it('is refused while another part of this program uses it, and allowed after that', async () => {
    const endpoint = await listen(() => undefined)
    const link = await open(endpoint)
    const error = await errorOf(open(endpoint, { ...soon, usedFor: 'another' }))
    expect(error.code).toBe('serial.port-busy')
    expect(error.message).toContain('is used for a test')
    await link.close()
    await open(endpoint)
  })

  it('leaves the line free when it failed', async () => {
    const endpoint = { ...(await listen(() => undefined)), port: 1, text: 'tcp://127.0.0.1:1' }
    expect((await errorOf(open(endpoint))).code).toBe('network.refused')
    expect((await errorOf(open(endpoint))).code).toBe('network.refused')
  })

  it('refuses a target that carries no line', async () => {
    const endpoint: SocketEndpoint = { kind: 'udp', text: 'udp://127.0.0.1:1', hostname: '127.0.0.1', port: 1 }
    expect((await errorOf(open(endpoint))).code).toBe('target.invalid')
  })

  it('ends with the reason of its signal', async () => {
    const endpoint = await listen(() => undefined)
    const signal = AbortSignal.abort(new FlashproofError('call.aborted', 'enough'))
    expect((await errorOf(openByteLink(endpoint, line, { ...soon, signal }))).code).toBe('call.aborted')
    await open(endpoint)
  })
})
