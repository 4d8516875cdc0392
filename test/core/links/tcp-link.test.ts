import { createServer, connect, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { connectTcp, listenForOne, plainAddress, type TcpLink } from '../../../src/core/links/tcp-link.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const soon = { timeoutMs: 2000 }
const atOnce = { timeoutMs: 30 }

async function serve(handle: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server: Server = createServer(socket => {
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
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function linkTo(handle: (socket: Socket) => void): Promise<TcpLink> {
  const port = await serve(handle)
  const link = await connectTcp({ hostname: '127.0.0.1', port }, soon)
  closers.push(() => {
    link.close()
  })
  return link
}

async function codeOf(calling: Promise<unknown>): Promise<string> {
  try {
    await calling
    return 'no error'
  } catch (error) {
    return error instanceof FlashproofError ? error.code : String(error)
  }
}

const text = (bytes: Uint8Array | null): string => (bytes === null ? 'null' : Buffer.from(bytes).toString())

describe('a TCP connection to a device', () => {
  it('reads exactly what is asked for, however the bytes arrive', async () => {
    const link = await linkTo(socket => {
      socket.write('ab')
      setImmediate(() => socket.write('cdefg'))
    })
    expect(text(await link.read(3, soon))).toBe('abc')
    expect(text(await link.read(3, soon))).toBe('def')
    expect(text(await link.readSome(soon))).toBe('g')
    expect(link.bufferedBytes).toBe(0)
  })

  it('keeps what came when the rest does not come in time', async () => {
    const link = await linkTo(socket => {
      socket.write('ab')
    })
    expect(await codeOf(link.read(3, atOnce))).toBe('network.timeout')
    expect(text(link.takeAll())).toBe('ab')
  })

  it('still gives what a device said before it closed', async () => {
    const link = await linkTo(socket => {
      socket.end('why')
    })
    expect(text(await link.read(3, soon))).toBe('why')
    expect(await link.readSome(soon)).toBeNull()
    expect(await codeOf(link.read(1, soon))).toBe('network.reset')
  })

  it('tells a reset from silence', async () => {
    const link = await linkTo(socket => {
      socket.once('data', () => socket.resetAndDestroy())
    })
    await link.write(Buffer.from('x'), soon)
    expect(await codeOf(link.read(1, soon))).toBe('network.reset')
    expect(await codeOf(link.write(Buffer.from('x'), soon))).toBe('network.reset')
  })

  it('says that nobody listens, and that a name is not known', async () => {
    const port = await serve(() => undefined)
    await closers.pop()?.()
    expect(await codeOf(connectTcp({ hostname: '127.0.0.1', port }, soon))).toBe('network.refused')
    expect(await codeOf(connectTcp({ hostname: 'no-such-board.invalid', port }, soon))).toBe('network.name-not-found')
  })

  it('waits with a write for a device that reads slowly, and ends that wait when the device speaks', async () => {
    let deviceSide: Socket | undefined
    const link = await linkTo(socket => {
      socket.pause()
      deviceSide = socket
    })
    const large = new Uint8Array(32 * 1024 * 1024)
    expect(await codeOf(link.write(large, atOnce))).toBe('network.timeout')
    const writing = link.write(large, soon)
    deviceSide?.write('E')
    expect(await writing).toBe('answered')
    expect(text(link.takeAll())).toBe('E')
  })

  it('says that the network took a write', async () => {
    const link = await linkTo(socket => {
      socket.resume()
    })
    expect(await link.write(Buffer.from('hello'), soon)).toBe('taken')
  })

  it('holds back a device that talks without end', async () => {
    let written = 0
    const link = await linkTo(socket => {
      const more = (): void => {
        while (socket.write(new Uint8Array(4096))) written += 4096
      }
      socket.on('drain', more)
      more()
    })
    await link.read(16, soon)
    expect(await codeOf(link.read(64 * 1024 * 1024, atOnce))).toBe('network.timeout')
    expect(link.bufferedBytes).toBeLessThan(256 * 1024)
    expect(written).toBeLessThan(32 * 1024 * 1024)
  })

  it('ends a wait when it is told to, with the reason that was given', async () => {
    const link = await linkTo(() => undefined)
    const stop = new AbortController()
    const reading = link.read(1, { ...soon, signal: stop.signal })
    stop.abort(new FlashproofError('job.cancelled', 'enough'))
    expect(await codeOf(reading)).toBe('job.cancelled')
    expect(await codeOf(connectTcp({ hostname: '127.0.0.1', port: 1 }, { ...soon, signal: stop.signal }))).toBe(
      'job.cancelled',
    )
  })
})

describe('a port that waits for one device', () => {
  it('hands over the connection of the device that was expected', async () => {
    const open = await listenForOne({ address: '127.0.0.1', port: 0 }, '127.0.0.1')
    closers.push(open.close)
    const device = connect(open.port, '127.0.0.1')
    device.on('error', () => undefined)
    const link = await open.accept(soon)
    expect(link.localAddress).toBe('127.0.0.1')
    device.write('OK')
    expect(text(await link.read(2, soon))).toBe('OK')
    link.close()
  })

  it('turns away everybody else, and every second caller', async () => {
    const open = await listenForOne({ address: '127.0.0.1', port: 0 }, '127.0.0.9')
    closers.push(open.close)
    const stranger = connect(open.port, '127.0.0.1')
    stranger.on('error', () => undefined)
    await new Promise(resolve => stranger.once('close', resolve))
    expect([...open.turnedAway]).toEqual(['127.0.0.1'])
    const invited = connect({ port: open.port, host: '127.0.0.1', localAddress: '127.0.0.9' })
    invited.on('error', () => undefined)
    const link = await open.accept(soon)
    const second = connect({ port: open.port, host: '127.0.0.1', localAddress: '127.0.0.9' })
    second.on('error', () => undefined)
    await new Promise(resolve => second.once('close', resolve))
    link.close()
  })

  it('says when nobody came', async () => {
    const open = await listenForOne({ address: '127.0.0.1', port: 0 }, '127.0.0.1')
    closers.push(open.close)
    expect(await codeOf(open.accept(atOnce))).toBe('network.timeout')
  })

  it('says when the address is not one of this computer', async () => {
    expect(await codeOf(listenForOne({ address: '192.0.2.1', port: 0 }, '127.0.0.1'))).toBe('network.unreachable')
  })
})

describe('addresses', () => {
  it.each([
    ['::ffff:192.168.4.1', '192.168.4.1'],
    ['[FE80::1%eth0]', 'fe80::1'],
    ['127.0.0.1', '127.0.0.1'],
  ])('%s is compared as %s', (given, plain) => {
    expect(plainAddress(given)).toBe(plain)
  })
})
