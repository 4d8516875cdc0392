/** A plain espota client for looking at a virtual device from outside; it knows nothing of Flashproof's own. */
import { createHash, pbkdf2Sync } from 'node:crypto'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'

export const digest = (algorithm: string, text: string | Uint8Array): string =>
  createHash(algorithm).update(text).digest('hex')

/** The answer to a challenge, written from the description of the protocol. */
export function respond(hash: string, nonce: string, cnonce: string): string {
  if (nonce.length === 32) return digest('md5', `${hash}:${nonce}:${cnonce}`)
  const key = pbkdf2Sync(hash, `${nonce}:${cnonce}`, 10_000, 32, 'sha256').toString('hex')
  return digest('sha256', `${key}:${nonce}:${cnonce}`)
}

export class Espota {
  readonly udp: UdpSocket = createSocket('udp4')
  readonly #server = createServer()
  readonly #devicePort: number
  readonly #inbox: string[] = []
  #wake: () => void = () => undefined
  readonly #connected: Promise<Socket>
  #connectedSocket: Socket | null = null

  constructor(target: string) {
    this.#devicePort = Number(new URL(target).port)
    this.udp.on('message', message => {
      this.#inbox.push(message.toString())
      this.#wake()
    })
    this.#connected = once(this.#server, 'connection').then(([socket]: Socket[]) => {
      if (socket === undefined) throw new Error('no connection')
      socket.on('error', () => undefined)
      this.#connectedSocket = socket
      return socket
    })
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    // A TCP server has an AddressInfo.
    return (this.#server.address() as AddressInfo).port
  }

  send(text: string, from: UdpSocket = this.udp): void {
    from.send(text, this.#devicePort, '127.0.0.1')
  }

  /** The next datagram; null when none comes. */
  async hear(timeoutMs = 1000): Promise<string | null> {
    if (this.#inbox.length === 0) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, timeoutMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return this.#inbox.shift() ?? null
  }

  async invite(image: Uint8Array, md5 = digest('md5', image)): Promise<string | null> {
    const port = await this.listen()
    this.send(`0 ${String(port)} ${String(image.length)} ${md5}\n`)
    return this.hear()
  }

  /** Sends the image in pieces of 1024 bytes, each after an answer to the one before; gives all that the device wrote. */
  async transfer(image: Uint8Array): Promise<string> {
    const socket = await this.#connected
    let heard = ''
    let wake = (): void => undefined
    const state = { isEnded: false }
    const somethingNew = (): Promise<void> => new Promise(resolve => (wake = resolve))
    socket.on('data', piece => {
      heard += piece.toString()
      wake()
    })
    socket.on('close', () => {
      state.isEnded = true
      wake()
    })
    for (let offset = 0; offset < image.length && !state.isEnded; offset += 1024) {
      const answered = somethingNew()
      socket.write(image.subarray(offset, offset + 1024))
      await answered
    }
    while (!state.isEnded) await somethingNew()
    return heard
  }

  get connection(): Promise<Socket> {
    return this.#connected
  }

  close(): void {
    this.#connectedSocket?.destroy()
    this.#server.close()
    this.udp.close()
  }
}
