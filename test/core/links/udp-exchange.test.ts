import { createSocket, type Socket } from 'node:dgram'
import { afterEach, describe, expect, it } from 'vitest'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { openUdpExchange, type UdpExchange } from '../../../src/core/links/udp-exchange.ts'

const closers: (() => unknown)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

interface Device {
  readonly port: number
  readonly heard: string[]
}

async function device(answer: (socket: Socket, question: string, port: number) => void): Promise<Device> {
  const heard: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (message, from) => {
    heard.push(message.toString())
    answer(socket, message.toString(), from.port)
  })
  await new Promise<void>(resolve => {
    socket.bind(0, '127.0.0.1', resolve)
  })
  closers.push(() => socket.close())
  return { port: socket.address().port, heard }
}

async function exchangeWith(port: number): Promise<UdpExchange> {
  const exchange = await openUdpExchange('127.0.0.1', port)
  closers.push(() => {
    exchange.close()
  })
  return exchange
}

async function codeOf(calling: Promise<unknown>): Promise<string> {
  try {
    await calling
    return 'no error'
  } catch (error) {
    return error instanceof FlashproofError ? error.code : String(error)
  }
}

const soon = { timeoutMs: 2000 }

describe('asking a device over UDP', () => {
  it('gives the answer, and the address of the interface that faces the device', async () => {
    const { port, heard } = await device((socket, question, from) => {
      socket.send(`${question}!`, from, '127.0.0.1')
    })
    const exchange = await exchangeWith(port)
    exchange.send(Buffer.from('who'))
    expect(Buffer.from(await exchange.receive(soon)).toString()).toBe('who!')
    expect(heard).toEqual(['who'])
    expect(exchange.localAddress).toBe('127.0.0.1')
    expect(exchange.address).toBe('127.0.0.1')
  })

  it('asks every question from the same port, because some devices answer no other', async () => {
    const ports: number[] = []
    const { port } = await device((socket, _question, from) => {
      ports.push(from)
      socket.send('OK', from, '127.0.0.1')
    })
    const exchange = await exchangeWith(port)
    exchange.send(Buffer.from('1'))
    await exchange.receive(soon)
    exchange.send(Buffer.from('2'))
    await exchange.receive(soon)
    expect(ports[0]).toBe(ports[1])
  })

  it('hears nobody but the device', async () => {
    let stranger: Socket | undefined
    const { port } = await device((_socket, _question, from) => {
      stranger = createSocket('udp4')
      stranger.send('OK', from, '127.0.0.1')
    })
    const exchange = await exchangeWith(port)
    exchange.send(Buffer.from('who'))
    expect(await codeOf(exchange.receive({ timeoutMs: 60 }))).toBe('network.timeout')
    stranger?.close()
  })

  it('forgets late answers to the question before', async () => {
    const { port } = await device((socket, question, from) => {
      socket.send(`to ${question}`, from, '127.0.0.1')
    })
    const exchange = await exchangeWith(port)
    exchange.send(Buffer.from('1'))
    await exchange.receive(soon)
    exchange.send(Buffer.from('2'))
    expect(Buffer.from(await exchange.receive(soon)).toString()).toBe('to 2')
  })

  it('says that nobody listens, that a name is not known, and stops when it is told to', async () => {
    const closed = createSocket('udp4')
    await new Promise<void>(resolve => {
      closed.bind(0, '127.0.0.1', resolve)
    })
    const { port } = closed.address()
    await new Promise<void>(resolve => closed.close(resolve))
    const exchange = await exchangeWith(port)
    exchange.send(Buffer.from('who'))
    expect(await codeOf(exchange.receive(soon))).toBe('network.refused')
    expect(await codeOf(openUdpExchange('no-such-board.invalid', 3232))).toBe('network.name-not-found')
    const stop = new AbortController()
    const waiting = exchange.receive({ ...soon, signal: stop.signal })
    stop.abort(new FlashproofError('job.cancelled', 'enough'))
    expect(await codeOf(waiting)).toBe('job.cancelled')
  })
})
