/**
 * One TCP connection to a device for protocols of bytes: exact reads with a deadline, writes with back-pressure, a bounded
 * buffer, and failures as codes that tell whether anything may have reached the device. Opened to a device, or taken from
 * it when it connects back.
 */
import { connect, createServer, isIP, type Socket } from 'node:net'
import { FlashproofError, type ErrorCode } from '../../shared/errors.ts'

export interface TcpWaiting {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

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
export function connectTcp(target: TcpTarget, { timeoutMs, signal }: TcpWaiting): Promise<TcpLink> {
  const { hostname, port } = target
  const where = `${hostname}:${String(port)}`
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(asError(signal.reason))
      return
    }
    const socket = connect({ host: withoutBrackets(hostname), port, noDelay: true })
    const end = (error: Error | null): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      socket.removeListener('error', onError)
      socket.removeListener('connect', onConnect)
      if (error === null) {
        resolve(new TcpLink(socket))
        return
      }
      socket.on('error', () => undefined)
      socket.destroy()
      reject(error)
    }
    const onAbort = (): void => {
      end(asError(signal?.reason))
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

const roles = ['reader', 'writer'] as const
type Role = (typeof roles)[number]

/** One wait of each role at a time. */
interface Wait {
  readonly isThere: () => boolean
  readonly complaint: string
  readonly timeoutMs: number
  readonly untilMs: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class TcpLink {
  readonly #socket: Socket
  #chunks: Uint8Array[] = []
  #bufferedBytes = 0
  /** Why nothing more will come; null while the connection stands. */
  #loss: FlashproofError | null = null
  /** The device sent its end: what it had to say is all here. */
  #hasEnded = false
  readonly #waits: Record<Role, Wait | null> = { reader: null, writer: null }
  #timer: NodeJS.Timeout | null = null
  #timerAtMs = 0
  #heeded: AbortSignal | undefined

  /** @param socket connected, and used by nobody else */
  constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (piece: Uint8Array) => {
      this.#chunks.push(piece)
      this.#bufferedBytes += piece.length
      if (this.#bufferedBytes > MOST_BUFFERED_BYTES) socket.pause()
      this.#wake()
    })
    socket.on('end', () => {
      this.#hasEnded = true
      this.#wake()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#lose(`the connection broke: ${error.message}`, error.code ?? '')
    })
    socket.on('close', () => {
      this.#lose('the connection is closed', '')
    })
  }

  /** Bytes that came and were not read yet. */
  get bufferedBytes(): number {
    return this.#bufferedBytes
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
  async read(sizeBytes: number, waiting: TcpWaiting): Promise<Uint8Array> {
    await this.#until(() => this.#bufferedBytes >= sizeBytes, `${String(sizeBytes)} bytes`, waiting)
    return this.#take(sizeBytes)
  }

  /**
   * Waits for something and gives all that came, up to 16 KiB; null when the device has ended its side.
   * @throws {FlashproofError} network.timeout, network.reset; the signal's reason when it aborts
   */
  async readSome(waiting: TcpWaiting): Promise<Uint8Array | null> {
    await this.#until(() => this.#bufferedBytes > 0 || this.#hasEnded, 'an answer', waiting)
    return this.#bufferedBytes === 0 ? null : this.#take(this.#bufferedBytes)
  }

  /** Gives what came so far without waiting; empty when there is nothing. */
  takeAll(): Uint8Array {
    return this.#take(this.#bufferedBytes)
  }

  /**
   * Sends bytes and waits until the network took them.
   * @returns whether it took them, or the device spoke meanwhile, which may be the reason why it takes no more
   * @throws {FlashproofError} network.timeout, network.reset; the signal's reason when it aborts
   */
  async write(bytes: Uint8Array, waiting: TcpWaiting): Promise<'taken' | 'answered'> {
    const spokenBefore = this.#bufferedBytes
    const progress = { isTaken: false }
    if (this.#loss === null) {
      this.#socket.write(bytes, error => {
        progress.isTaken = !(error instanceof Error)
        this.#look('writer')
      })
    }
    const isOver = (): boolean => progress.isTaken || this.#bufferedBytes > spokenBefore
    await this.#waitFor('writer', isOver, waiting, `${String(bytes.length)} bytes were not taken`)
    return progress.isTaken ? 'taken' : 'answered'
  }

  /** Sends bytes whose answer is waited for next: what goes wrong with them, the wait for the answer tells. */
  send(bytes: Uint8Array): void {
    if (this.#loss === null) this.#socket.write(bytes)
  }

  /** Ends the connection at once; a device that still expects bytes takes that as the end of the transfer. */
  close(): void {
    this.#lose('the connection was closed', '')
    this.#socket.destroy()
  }

  /** Says the end of what is sent, and lets the device close; gives up the connection after `timeoutMs`. */
  async end(timeoutMs: number): Promise<void> {
    if (this.#loss === null) {
      this.#socket.end()
      const isOver = (): boolean => this.#hasEnded
      await this.#waitFor('reader', isOver, { timeoutMs }, 'no end').catch(() => undefined)
    }
    this.close()
  }

  #until(isThere: () => boolean, what: string, waiting: TcpWaiting): Promise<void> {
    return this.#waitFor('reader', isThere, waiting, `${what} did not come`)
  }

  /**
   * One small answer after each block is the usual case, so a wait costs no timer of its own: one timer and one listener
   * serve all of them.
   */
  #waitFor(role: Role, isThere: () => boolean, waiting: TcpWaiting, complaint: string): Promise<void> {
    const { timeoutMs, signal } = waiting
    if (signal?.aborted === true) return Promise.reject(asError(signal.reason))
    // What came before a loss still counts: a device says why, and then closes.
    if (isThere()) return Promise.resolve()
    const loss = this.#lossFor(role)
    if (loss !== null) return Promise.reject(loss)
    this.#heed(signal)
    return new Promise((resolve, reject) => {
      this.#waits[role] = { isThere, complaint, timeoutMs, untilMs: performance.now() + timeoutMs, resolve, reject }
      this.#watchClock(timeoutMs)
    })
  }

  #lossFor(role: Role): FlashproofError | null {
    if (this.#loss !== null || role === 'writer' || !this.#hasEnded) return this.#loss
    return new FlashproofError('network.reset', 'the device ended the connection', { systemCode: 'EOF' })
  }

  /** Looks whether a wait is over. */
  #look(role: Role): void {
    const wait = this.#waits[role]
    if (wait === null) return
    const isThere = wait.isThere()
    const loss = isThere ? null : this.#lossFor(role)
    if (isThere || loss !== null) this.#end(role, loss)
  }

  #end(role: Role, error: Error | null): void {
    const wait = this.#waits[role]
    this.#waits[role] = null
    if (error === null) wait?.resolve()
    else wait?.reject(error)
  }

  /** Listens to the signal of the waits, which is the same for a whole job. */
  #heed(signal: AbortSignal | undefined): void {
    if (this.#heeded === signal) return
    this.#heeded?.removeEventListener('abort', this.#onAbort)
    this.#heeded = signal
    signal?.addEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (): void => {
    const reason = asError(this.#heeded?.reason)
    for (const role of roles) this.#end(role, reason)
  }

  /** Sets the timer, unless it goes off before that anyhow and looks then who has waited long enough. */
  #watchClock(inMs: number): void {
    const atMs = performance.now() + inMs
    if (this.#timer !== null && this.#timerAtMs <= atMs) return
    clearTimeout(this.#timer ?? undefined)
    this.#timerAtMs = atMs
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#endOverdue()
    }, inMs)
  }

  #endOverdue(): void {
    for (const role of roles) {
      const wait = this.#waits[role]
      if (wait === null) continue
      const restMs = wait.untilMs - performance.now()
      if (restMs > 0) {
        this.#watchClock(Math.max(1, restMs))
        continue
      }
      const { complaint, timeoutMs } = wait
      const message = `${complaint} within ${String(timeoutMs)} ms`
      this.#end(role, new FlashproofError('network.timeout', message, { timeoutMs }))
    }
  }

  #take(sizeBytes: number): Uint8Array {
    const [first] = this.#chunks
    const all = first !== undefined && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks)
    this.#chunks = sizeBytes < all.length ? [all.subarray(sizeBytes)] : []
    this.#bufferedBytes = all.length - sizeBytes
    if (this.#bufferedBytes <= MOST_BUFFERED_BYTES) this.#socket.resume()
    return all.subarray(0, sizeBytes)
  }

  #lose(message: string, systemCode: string): void {
    this.#loss ??= new FlashproofError('network.reset', message, { systemCode })
    this.#wake()
    clearTimeout(this.#timer ?? undefined)
    this.#timer = null
    this.#heed(undefined)
  }

  #wake(): void {
    for (const role of roles) this.#look(role)
  }
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
        end(asError(signal?.reason))
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

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new FlashproofError('call.aborted', 'the connection was cancelled')
}
