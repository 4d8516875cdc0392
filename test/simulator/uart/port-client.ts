/** A client of virtual serial ports for tests: raw TCP bytes, and telnet written out by hand where a test wants the port's settings. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect } from 'vitest'

export interface PortClient {
  readonly socket: Socket
  /** All that came and was not taken. */
  readonly received: () => Buffer
  send(...bytes: readonly number[]): void
  sendAll(bytes: Uint8Array): void
  /** Waits for so many bytes and takes them. */
  take(count: number): Promise<number[]>
  isClosed(): boolean
}

const soon = { timeout: 10_000, interval: 2 }

/** Connects to `tcp://…` or `rfc2217://…`; of the latter it gives the telnet stream as it is. */
export async function openClient(target: string): Promise<PortClient> {
  const { hostname, port } = new URL(target.replace(/^[a-z0-9]+:/, 'http:'))
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  let received = Buffer.alloc(0)
  let isClosed = false
  socket.on('data', piece => {
    received = Buffer.concat([received, piece])
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    isClosed = true
  })
  await once(socket, 'connect')
  return {
    socket,
    received: () => received,
    send: (...bytes) => void socket.write(Uint8Array.from(bytes)),
    sendAll: bytes => void socket.write(bytes),
    isClosed: () => isClosed,
    take: async count => {
      await expect.poll(() => received.length, soon).toBeGreaterThanOrEqual(count)
      const taken = [...received.subarray(0, count)]
      received = received.subarray(count)
      return taken
    },
  }
}

/** A subnegotiation of the port's settings. */
export function setting(command: number, ...value: readonly number[]): number[] {
  return [255, 250, 44, command, ...value.flatMap(byte => (byte === 255 ? [255, 255] : [byte])), 255, 240]
}

/** A rate as four bytes. */
export function baudBytes(baudRate: number): number[] {
  return [baudRate >>> 24, (baudRate >>> 16) & 255, (baudRate >>> 8) & 255, baudRate & 255]
}
