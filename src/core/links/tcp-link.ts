/**
 * One TCP connection to a device for protocols of bytes: exact reads with a deadline, writes with back-pressure, a bounded
 * buffer, and failures as codes that tell whether anything may have reached the device. Opened to a device, or taken from
 * it when it connects back.
 */
import { connect, createServer, isIP, type Socket } from 'node:net'
import { FlashproofError, type ErrorCode } from '../../shared/errors.ts'
import { abortReason, ReceiveBuffer, type Waiting } from './receive-buffer.ts'

export type TcpWaiting = Waiting

export interface TcpTarget {
  /** A name or an address; an IPv6 address may stand in brackets. */
  readonly hostname: string
  readonly port: number
}

/** A device that says more than this unasked is stopped by TCP's own flow control. */
const MOST_BUFFERED_BYTES = 16 * 1024

/**
 * Opens a connection.
 * @throws {FlashproofError} network.refused, network.unreachable, network.name-not-found, network.reset; the signal's
 *   reason when it aborts
 */
export async function connectTcp(target: TcpTarget, waiting: TcpWaiting): Promise<TcpLink> {
  return new TcpLink(await connectSocket(target, waiting))
}

/**
 * Opens a connection for a link of another shape.
 * @throws {FlashproofError} as `connectTcp`
 */
export function connectSocket(target: TcpTarget, { timeoutMs, signal }: TcpWaiting): Promise<Socket> {
  const { hostname, port } = target
  const where = `${hostname}:${String(port)}`
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(abortReason(signal))
      return
    }
    const socket = connect({ host: withoutBrackets(hostname), port, noDelay: true })
    const end = (error: Error | null): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      socket.removeListener('error', onError)
      socket.removeListener('connect', onConnect)
      if (error === null) {
        resolve(socket)
        return
      }
      socket.on('error', () => undefined)
      socket.destroy()
      reject(error)
    }
    const onAbort = (): void => {
      end(abortReason(signal))
    }
    const onConnect = (): void => {
      end(null)
    }
    const onError = (error: NodeJS.ErrnoException): void => {
      const code = codeWhileConnecting[error.code ?? ''] ?? 'network.unreachable'
      end(new FlashproofError(code, `${where}: ${error.message}`, { systemCode: error.code ?? '' }))
    }
    const timer = setTimeout(() => {
      const message = `${where}: no connection within ${String(timeoutMs)} ms`
      end(new FlashproofError('network.unreachable', message, { systemCode: 'ETIMEDOUT', timeoutMs }))
    }, timeoutMs)
    signal?.addEventListener('abort', onAbort)
    socket.once('connect', onConnect)
    socket.once('error', onError)
  })
}

const codeWhileConnecting: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: 'network.refused',
  ENOTFOUND: 'network.name-not-found',
  EAI_AGAIN: 'network.name-not-found',
  // It took the call and hung up at once: it has nobody to spare.
  ECONNRESET: 'network.reset',
}

export class TcpLink {
  readonly #socket: Socket
  readonly #received: ReceiveBuffer

  /** @param socket connected, and used by nobody else */
  constructor(socket: Socket) {
    this.#socket = socket
    this.#received = new ReceiveBuffer(MOST_BUFFERED_BYTES, socket)
    feedFromSocket(socket, this.#received)
  }

  /** Bytes that came and were not read yet. */
  get bufferedBytes(): number {
    return this.#received.bufferedBytes
  }

  /** Address of this computer's end of the connection. */
  get localAddress(): string | null {
    return this.#socket.localAddress ?? null
  }

  /**
   * Reads exactly `sizeBytes`, at most 16 KiB.
   * @throws {FlashproofError} network.timeout, network.reset when the device closed before it said so much; the signal's
   *   reason when it aborts. What came stays unread.
   */
  read(sizeBytes: number, waiting: TcpWaiting): Promise<Uint8Array> {
    return this.#received.read(sizeBytes, waiting)
  }

  /**
   * Waits for something and gives all that came, up to 16 KiB; null when the device has ended its side.
   * @throws {FlashproofError} network.timeout, network.reset; the signal's reason when it aborts
   */
  async readSome(waiting: TcpWaiting): Promise<Uint8Array | null> {
    const received = this.#received
    const isOver = (): boolean => received.bufferedBytes > 0 || received.hasEnded
    await received.until('reader', isOver, 'an answer did not come', waiting)
    return received.bufferedBytes === 0 ? null : received.take()
  }

  /** Gives what came so far without waiting; empty when there is nothing. */
  takeAll(): Uint8Array {
    return this.#received.take()
  }

  /**
   * Sends bytes and waits until the network took them.
   * @returns whether it took them, or the device spoke meanwhile, which may be the reason why it takes no more
   * @throws {FlashproofError} network.timeout, network.reset; the signal's reason when it aborts
   */
  async write(bytes: Uint8Array, waiting: TcpWaiting): Promise<'taken' | 'answered'> {
    const received = this.#received
    const spokenBefore = received.bufferedBytes
    const progress = { isTaken: false }
    if (!received.isLost) {
      this.#socket.write(bytes, error => {
        progress.isTaken = !(error instanceof Error)
        received.look('writer')
      })
    }
    const isOver = (): boolean => progress.isTaken || received.bufferedBytes > spokenBefore
    await received.until('writer', isOver, `${String(bytes.length)} bytes were not taken`, waiting)
    return progress.isTaken ? 'taken' : 'answered'
  }

  /** Sends bytes whose answer is waited for next: what goes wrong with them, the wait for the answer tells. */
  send(bytes: Uint8Array): void {
    if (!this.#received.isLost) this.#socket.write(bytes)
  }

  /** Ends the connection at once; a device that still expects bytes takes that as the end of the transfer. */
  close(): void {
    this.#received.lose(resetError('the connection was closed', ''))
    this.#socket.destroy()
  }

  /** Says the end of what is sent, and lets the device close; gives up the connection after `timeoutMs`. */
  async end(timeoutMs: number): Promise<void> {
    const received = this.#received
    if (!received.isLost) {
      this.#socket.end()
      await received.until('reader', () => received.hasEnded, 'no end', { timeoutMs }).catch(() => undefined)
    }
    this.close()
  }
}

/** Puts what a connected socket says into a buffer, and its end and its loss as network.reset. */
export function feedFromSocket(socket: Socket, received: ReceiveBuffer, onData?: (piece: Uint8Array) => void): void {
  socket.setNoDelay(true)
  socket.on('data', (piece: Uint8Array) => {
    if (onData === undefined) received.push(piece)
    else onData(piece)
  })
  socket.on('end', () => {
    received.end(resetError('the device ended the connection', 'EOF'))
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    received.lose(resetError(`the connection broke: ${error.message}`, error.code ?? ''))
  })
  socket.on('close', () => {
    received.lose(resetError('the connection is closed', ''))
  })
}

function resetError(message: string, systemCode: string): FlashproofError {
  return new FlashproofError('network.reset', message, { systemCode })
}

/** A port of this computer that waits for one device. */
export interface OpenPort {
  readonly port: number
  /**
   * Waits for the device to connect; every other caller is turned away.
   * @throws {FlashproofError} network.timeout; the signal's reason when it aborts
   */
  accept(waiting: TcpWaiting): Promise<TcpLink>
  /** Addresses that knocked and were turned away. */
  readonly turnedAway: ReadonlySet<string>
  close(): void
}

/**
 * Opens a port on one interface for one device alone.
 * @param place the address to listen on, never all interfaces; port 0 takes any free one
 * @param onlyFrom the address that may connect
 * @throws {FlashproofError} network.port-busy, network.unreachable for an address that this computer does not have
 */
export function listenForOne(place: { address: string; port: number }, onlyFrom: string): Promise<OpenPort> {
  const turnedAway = new Set<string>()
  let accepted: TcpLink | null = null
  let isHandedOver = false
  let wake: (() => void) | null = null
  const server = createServer(socket => {
    const from = plainAddress(socket.remoteAddress ?? '')
    if (from !== plainAddress(onlyFrom) || accepted !== null) {
      turnedAway.add(from)
      socket.on('error', () => undefined)
      socket.destroy()
      return
    }
    accepted = new TcpLink(socket)
    wake?.()
  })
  const close = (): void => {
    server.close()
    // A device that connected and that nobody waited for any more.
    if (!isHandedOver) accepted?.close()
  }
  const accept = ({ timeoutMs, signal }: TcpWaiting): Promise<TcpLink> =>
    new Promise((resolve, reject) => {
      const end = (error: Error | null): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        wake = null
        if (error !== null) reject(error)
        else if (accepted !== null) {
          isHandedOver = true
          resolve(accepted)
        }
      }
      const onAbort = (): void => {
        end(abortReason(signal))
      }
      const timer = setTimeout(() => {
        const message = `nothing connected to port ${String(portOf(server.address()))} within ${String(timeoutMs)} ms`
        end(new FlashproofError('network.timeout', message, { timeoutMs }))
      }, timeoutMs)
      if (signal?.aborted === true) {
        onAbort()
        return
      }
      signal?.addEventListener('abort', onAbort)
      wake = () => {
        end(null)
      }
      if (accepted !== null) wake()
    })
  return new Promise((resolve, reject) => {
    // Stays: a connection that cannot be taken is told here too, and concerns nobody.
    server.on('error', (error: NodeJS.ErrnoException) => {
      const where = `${place.address}:${String(place.port)}`
      const message = `this computer cannot listen on ${where}: ${error.message}`
      const isTaken = error.code === 'EADDRINUSE' || error.code === 'EACCES'
      reject(
        new FlashproofError(isTaken ? 'network.port-busy' : 'network.unreachable', message, {
          systemCode: error.code ?? '',
        }),
      )
    })
    server.listen(place.port, place.address, () => {
      resolve({ port: portOf(server.address()), accept, turnedAway, close })
    })
  })
}

/** An address as both sides of a comparison write it: no brackets, no zone, no IPv4 inside IPv6. */
export function plainAddress(address: string): string {
  const bare = withoutBrackets(address).toLowerCase().replace(/%.*$/, '')
  const mapped = bare.startsWith('::ffff:') ? bare.slice('::ffff:'.length) : bare
  return isIP(mapped) === 4 ? mapped : bare
}

function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}

function portOf(address: unknown): number {
  return typeof address === 'object' && address !== null && 'port' in address ? Number(address.port) : 0
}
