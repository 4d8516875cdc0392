/** `esphome-ota` and `arduino-ota`: blocks and pieces over TCP, each with its own small answer. */
import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, createServer, type Socket } from 'node:net'
import { buildDemoFirmware } from '../../../src/core/formats/esp-image/demo-firmware.ts'
import type { Dialect, DialectDevice, WireCounts } from './dialect.ts'

const MIB = 1024 * 1024
const BLOCK_BYTES = 8192
const PIECE_BYTES = 1024
const MAGIC = Uint8Array.of(0x6c, 0x26, 0xf7, 0x5c, 0x45)

const common = {
  // Telemetry at the port of the same number counts a boot with every image, so that nobody waits for a restart.
  options: { telemetryUrl: ':/telemetry' },
  image: (sizeBytes: number) => buildDemoFirmware({ sizeBytes, version: '2.0.0', seed: 1 }),
} as const

/** Reads exact numbers of bytes. */
class Reader {
  readonly #pieces: Buffer[] = []
  #sizeBytes = 0
  #wake: () => void = () => undefined
  receivedBytes = 0

  constructor(socket: Socket) {
    socket.on('data', (piece: Buffer) => {
      this.#pieces.push(piece)
      this.#sizeBytes += piece.length
      this.receivedBytes += piece.length
      this.#wake()
    })
    socket.on('error', () => undefined)
  }

  async take(sizeBytes: number): Promise<Buffer> {
    while (this.#sizeBytes < sizeBytes) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    const all = Buffer.concat(this.#pieces.splice(0))
    if (all.length > sizeBytes) this.#pieces.push(all.subarray(sizeBytes))
    this.#sizeBytes = all.length - sizeBytes
    return all.subarray(0, sizeBytes)
  }
}

class Counter {
  requests = 0
  receivedBytes = 0
  boots = 1

  take(): WireCounts {
    const { requests, receivedBytes } = this
    this.requests = 0
    this.receivedBytes = 0
    return { requests, receivedBytes }
  }

  answerTelemetry(socket: Socket): void {
    const body = JSON.stringify({ boot_count: this.boots })
    socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${String(body.length)}\r\nconnection: close\r\n\r\n${body}`)
  }
}

async function listen(port: number, talk: (socket: Socket) => void): Promise<{ port: number; close(): void }> {
  const server = createServer(socket => {
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    talk(socket)
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () => server.close(),
  }
}

async function serveEsphome(socket: Socket, counter: Counter): Promise<void> {
  const reader = new Reader(socket)
  if (((await reader.take(5))[0] ?? 0) !== MAGIC[0]) {
    counter.answerTelemetry(socket)
    return
  }
  const say = (...bytes: number[]): void => {
    counter.requests++
    socket.write(Uint8Array.from(bytes))
  }
  say(0, 2)
  await reader.take(1)
  say(0x40, 0x41)
  const sizeBytes = (await reader.take(4)).readUInt32BE()
  say(0x42)
  await reader.take(32)
  say(0x43)
  for (let left = sizeBytes; left > 0; left -= BLOCK_BYTES) {
    await reader.take(Math.min(left, BLOCK_BYTES))
    say(0x47)
  }
  counter.boots++
  counter.receivedBytes += reader.receivedBytes
  say(0x44, 0x45)
}

const esphomeOta: Dialect = {
  ...common,
  id: 'esphome-ota',
  what: '8 KiB blocks',
  imageBytes: 8 * MIB,
  async startDevice(): Promise<DialectDevice> {
    const counter = new Counter()
    const server = await listen(0, socket => void serveEsphome(socket, counter))
    return {
      target: `tcp://127.0.0.1:${String(server.port)}`,
      takeCounts: () => counter.take(),
      close: () => {
        server.close()
        return Promise.resolve()
      },
    }
  },
  async runBare(target, image, transferring) {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(target).port), noDelay: true })
    const reader = new Reader(socket)
    socket.write(MAGIC)
    await reader.take(2)
    socket.write(Uint8Array.of(2))
    await reader.take(2)
    const size = Buffer.alloc(4)
    size.writeUInt32BE(image.length)
    socket.write(size)
    await reader.take(1)
    socket.write(createHash('md5').update(image).digest('hex'))
    await reader.take(1)
    transferring()
    for (let at = 0; at < image.length; at += BLOCK_BYTES) {
      socket.write(image.subarray(at, at + BLOCK_BYTES))
      await reader.take(1)
    }
    await reader.take(2)
    socket.end(Uint8Array.of(0))
  },
}

const arduinoOta: Dialect = {
  ...common,
  id: 'arduino-ota',
  what: '1 KiB pieces',
  imageBytes: 2 * MIB,
  async startDevice(): Promise<DialectDevice> {
    const counter = new Counter()
    const server = await listen(0, socket => {
      socket.once('data', () => {
        counter.answerTelemetry(socket)
      })
    })
    const udp = createSocket('udp4')
    udp.on('message', (message, from) => {
      const [, port = '', sizeBytes = ''] = message.toString().split(' ')
      counter.requests++
      counter.receivedBytes += message.length
      udp.send('OK', from.port, from.address)
      const socket = connect({ host: '127.0.0.1', port: Number(port), noDelay: true })
      let left = Number(sizeBytes)
      socket.on('error', () => undefined)
      socket.on('data', (piece: Buffer) => {
        left -= piece.length
        counter.requests++
        counter.receivedBytes += piece.length
        if (left > 0) socket.write(String(piece.length))
        else {
          counter.boots++
          socket.end(`${String(piece.length)}OK`)
        }
      })
    })
    await new Promise<void>(resolve => {
      udp.bind(server.port, '127.0.0.1', resolve)
    })
    return {
      target: `udp://127.0.0.1:${String(server.port)}`,
      takeCounts: () => counter.take(),
      close: () => {
        udp.close()
        server.close()
        return Promise.resolve()
      },
    }
  },
  async runBare(target, image, transferring) {
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<Socket>()
    const server = await listen(0, arrive)
    const udp = createSocket('udp4')
    const md5 = createHash('md5').update(image).digest('hex')
    const invitation = `0 ${String(server.port)} ${String(image.length)} ${md5}\n`
    udp.send(invitation, Number(new URL(target).port), '127.0.0.1')
    const socket = await arrived
    let wake: () => void = () => undefined
    let said = ''
    socket.on('data', (piece: Buffer) => {
      said = piece.toString()
      wake()
    })
    transferring()
    for (let at = 0; at < image.length; at += PIECE_BYTES) {
      const answered = new Promise<void>(resolve => {
        wake = resolve
      })
      socket.write(image.subarray(at, at + PIECE_BYTES))
      await answered
    }
    while (!said.endsWith('OK')) {
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
    socket.destroy()
    udp.close()
    server.close()
  },
}

export const otaSocketDialects: readonly Dialect[] = [esphomeOta, arduinoOta]
