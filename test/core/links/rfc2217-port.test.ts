import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { ByteLink, LineSettings } from '../../../src/core/links/byte-link.ts'
import { openRfc2217Port, orderOfLines } from '../../../src/core/links/rfc2217-port.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'

const soon = { timeoutMs: 8000 }
const line: LineSettings = { baudRate: 115_200, parity: 'none' }

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const IAC = 255
/** What clients ask at first, and a server agrees to: DO comPort, DO and WILL binary, DO and WILL no go-ahead. */
const agreement = Buffer.from('fffd2cfffd00fffb00fffd03fffb03', 'hex')

interface Script {
  readonly greeting?: Buffer
  /** Appended to each rate that is answered. */
  readonly afterRate?: Buffer
  /** The answer to a command of the port, by its number and value; undefined: none. The same value back is the usual one. */
  readonly answer?: (command: number, value: number) => number | undefined
}

interface Server {
  readonly port: number
  /** `command value`, in order, with the number of the segment that it came in. */
  readonly asked: string[]
  readonly data: number[]
  readonly sockets: Socket[]
}

/** A server that takes the client’s bytes apart by the letter of RFC 854 and RFC 2217, one command after another. */
async function serve({
  greeting = agreement,
  afterRate,
  answer = (_command, value) => value,
}: Script = {}): Promise<Server> {
  const served: Server & { port: number } = { port: 0, asked: [], data: [], sockets: [] }
  const server = createServer({ noDelay: true }, socket => {
    served.sockets.push(socket)
    socket.on('error', () => undefined)
    socket.write(greeting)
    socket.on('data', piece => {
      for (let at = 0; at < piece.length; at++) {
        if (piece[at] !== IAC) served.data.push(piece[at] ?? 0)
        else if (piece[at + 1] === IAC) served.data.push(piece[++at] ?? 0)
        else if (piece[at + 1] === 250) {
          const end = piece.indexOf(Buffer.from([IAC, 240]), at)
          const command = piece[at + 3] ?? 0
          const value = Buffer.from(piece.subarray(at + 4, end))
          at = end + 1
          const number = value.readUIntBE(0, value.length)
          served.asked.push(`${String(command)} ${String(number)}`)
          const answered = answer(command, number)
          if (answered === undefined) continue
          value.writeUIntBE(answered, 0, value.length)
          const tail = command === 1 && afterRate !== undefined ? afterRate : Buffer.alloc(0)
          socket.write(
            Buffer.concat([Buffer.from([IAC, 250, 44, command + 100]), value, tail, Buffer.from([IAC, 240])]),
          )
        } else at += 2
      }
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    for (const socket of served.sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  served.port = typeof address === 'object' && address !== null ? address.port : 0
  return served
}

async function open({ port }: Server, settings = line, timeoutMs = soon.timeoutMs): Promise<ByteLink> {
  const target = { hostname: '127.0.0.1', port, text: `rfc2217://127.0.0.1:${String(port)}` }
  const link = await openRfc2217Port(target, settings, { timeoutMs })
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

function stoppable(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController()
  const abort = (): void => {
    controller.abort(new FlashproofError('call.aborted', 'enough'))
  }
  return { signal: controller.signal, abort }
}

describe('a serial port over RFC 2217', () => {
  it('is opened with its line set and both modem lines released, RTS first', async () => {
    const server = await serve()
    const link = await open(server, { baudRate: 921_600, parity: 'even' })
    // Rate, even parity, 8 bits, 1 stop bit, no flow control; RTS off, DTR off.
    expect(server.asked).toEqual(['1 921600', '3 3', '2 8', '4 1', '5 1', '5 12', '5 9'])
    expect(link.modemLines).toBe('yes')
    expect(link.settings).toEqual({ baudRate: 921_600, parity: 'even' })
  })

  it('passes every byte as it is, both ways', async () => {
    const server = await serve()
    const link = await open(server)
    const bytes = Uint8Array.from({ length: 512 }, (_, at) => at)
    await link.write(bytes, soon)
    await expect.poll(() => server.data).toEqual([...bytes])
    const [socket] = server.sockets
    for (const byte of bytes) socket?.write(byte === IAC ? Buffer.from([IAC, IAC]) : Buffer.from([byte]))
    expect(await link.read(512, soon)).toEqual(Buffer.from(bytes))
  })

  it('changes the rate in place, and drops what came with the old one', async () => {
    const server = await serve()
    const link = await open(server)
    server.sockets[0]?.write('garbage')
    await expect.poll(() => link.bufferedBytes).toBe(7)
    server.asked.length = 0
    await link.configure({ baudRate: 460_800 })
    expect(server.asked).toEqual(['12 1', '1 460800', '3 1'])
    expect(link.bufferedBytes).toBe(0)
    expect(link.settings).toEqual({ baudRate: 460_800, parity: 'none' })
  })

  it('takes the rate that the hardware could make, and refuses another one', async () => {
    const server = await serve({ answer: (command, value) => (command === 1 ? Math.min(value - 384, 500_000) : value) })
    const link = await open(server)
    const error = await errorOf(link.configure({ baudRate: 921_600 }))
    expect(error.code).toBe('serial.failed')
    expect(error.message).toContain('the server set 500000 baud')
    expect(link.settings.baudRate).toBe(115_200)
  })

  it('refuses a server that does not set the parity', async () => {
    const server = await serve({ answer: (command, value) => (command === 3 ? 1 : value) })
    const error = await errorOf(open(server, { baudRate: 115_200, parity: 'even' }))
    expect(error.code).toBe('serial.failed')
    expect(error.message).toContain('asked for 115200 baud, parity even; the server set 115200 baud, parity none')
  })

  it('releases the lines that were left asserted before it closes', async () => {
    const server = await serve()
    const link = await open(server)
    expect(await link.setLines({ dtr: true, rts: false })).toBe('set')
    server.asked.length = 0
    await link.close()
    expect(server.asked).toEqual(['5 9', '5 12'])
    await link.close()
    expect((await errorOf(link.read(1, soon))).code).toBe('network.reset')
  })

  it('reports lines that the server did not set, and asks no more', async () => {
    const server = await serve({ answer: (command, value) => (command === 5 && value === 8 ? 9 : value) })
    const link = await open(server)
    expect(await link.setLines({ dtr: true, rts: true })).toBe('unavailable')
    expect(link.modemLines).toBe('no')
    const askedBefore = server.asked.length
    expect(await link.setLines({ dtr: false, rts: false })).toBe('unavailable')
    expect(server.asked).toHaveLength(askedBefore)
  })

  it('understands sredird, which answers lines with “no flow control” and rates with four bytes too many', async () => {
    const server = await serve({ afterRate: Buffer.alloc(4), answer: (command, value) => (command === 5 ? 1 : value) })
    const link = await open(server)
    expect(await link.setLines({ dtr: true, rts: false })).toBe('set')
    expect(link.modemLines).toBe('yes')
  })

  it('takes silence about the lines for a port without them', async () => {
    const server = await serve({ answer: (command, value) => (command === 5 && value > 1 ? undefined : value) })
    const link = await open(server)
    expect(link.modemLines).toBe('no')
  })

  it('holds back what is written while the server asks for that', async () => {
    const server = await serve()
    const link = await open(server)
    const [socket] = server.sockets
    socket?.write(Buffer.from([IAC, 250, 44, 108, IAC, 240, 0x2e]))
    await link.read(1, soon)
    expect((await errorOf(link.write(Uint8Array.of(1), { timeoutMs: 30 }))).code).toBe('network.timeout')
    socket?.write(Buffer.from([IAC, 250, 44, 109, IAC, 240]))
    await link.write(Uint8Array.of(2), soon)
    await expect.poll(() => server.data).toEqual([2])
  })

  it.each([
    ['that says nothing', Buffer.alloc(0)],
    ['that refuses control', Buffer.from('fffe2cfffd00fffb00', 'hex')],
    ['that would change bytes', Buffer.from('fffd2cfffe00fffb00', 'hex')],
    ['that is none', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('tells a server %s from a broken board', async (_what, greeting) => {
    const error = await errorOf(open(await serve({ greeting }), line, 200))
    expect(error.code).toBe('serial.not-rfc2217')
  })

  it('answers each option of the server once', async () => {
    const server = await serve({ greeting: Buffer.concat([agreement, Buffer.from('fffb01fffb01fffd18fffd18', 'hex')]) })
    await open(server)
    const received: Buffer[] = []
    server.sockets[0]?.on('data', piece => received.push(piece))
    server.sockets[0]?.write(Buffer.from('fffb01fffd18fffb05', 'hex'))
    // DONT status, and no second word about echo and the terminal’s type.
    await expect.poll(() => Buffer.concat(received).toString('hex')).toBe('fffe05')
  })

  it('ends the opening with the reason of its signal, whatever the server does', async () => {
    const server = await serve({ answer: () => undefined })
    const { signal, abort } = stoppable()
    const target = { hostname: '127.0.0.1', port: server.port, text: 'rfc2217://127.0.0.1' }
    const opening = errorOf(openRfc2217Port(target, line, { ...soon, signal }))
    await expect.poll(() => server.asked).toContain('1 115200')
    abort()
    expect((await opening).code).toBe('call.aborted')
  })

  it('tells a connection that ends in the middle of a command', async () => {
    const server = await serve({ answer: (_command, value) => (value === 2_000_000 ? undefined : value) })
    const link = await open(server)
    const configuring = errorOf(link.configure({ baudRate: 2_000_000 }))
    await expect.poll(() => server.asked).toContain('1 2000000')
    server.sockets[0]?.destroy()
    expect((await configuring).code).toBe('network.reset')
    expect((await errorOf(link.read(1, soon))).code).toBe('network.reset')
  })
})

describe('the order of two lines that change together', () => {
  it.each([
    // In reset (EN low by RTS) to IO0 low: DTR before RTS lets go.
    ['01', '10', 'dtr rts'],
    ['10', '01', 'rts dtr'],
    // RTS alone would be a reset.
    ['00', '11', 'dtr rts'],
    ['11', '00', 'rts dtr'],
    ['11', '01', 'dtr rts'],
    ['11', '10', 'rts dtr'],
    ['00', '01', 'rts dtr'],
    ['01', '00', 'rts dtr'],
    ['10', '00', 'dtr rts'],
  ])('from (DTR, RTS) %s to %s: %s', (from, to, order) => {
    const lines = (text: string): { dtr: boolean; rts: boolean } => ({
      dtr: text.startsWith('1'),
      rts: text[1] === '1',
    })
    expect(orderOfLines(lines(from), lines(to)).join(' ')).toBe(order)
  })
})
