/**
 * Asks a device over UDP and waits for its answer: one socket for the whole conversation, because a device answers the
 * port that the question came from, and only datagrams of that device count.
 */
import { lookup } from 'node:dns/promises'
import { createSocket, type Socket } from 'node:dgram'
import { isIP } from 'node:net'
import { FlashproofError } from '../../shared/errors.ts'

export interface UdpAsking {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/** Longer datagrams are none of a device's answers. */
const LONGEST_ANSWER_BYTES = 1500
const MOST_WAITING = 16

/**
 * Opens a conversation with one device.
 * @throws {FlashproofError} network.name-not-found, network.unreachable
 */
export async function openUdpExchange(hostname: string, port: number): Promise<UdpExchange> {
  const bare = hostname.replace(/^\[|\]$/g, '')
  let address = bare
  if (isIP(bare) === 0) {
    try {
      ;({ address } = await lookup(bare))
    } catch (cause) {
      throw new FlashproofError('network.name-not-found', `${hostname}: the name is not known`, {}, { cause })
    }
  }
  const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4')
  // Connected, so that the system picks the interface that faces the device, drops what others send, and tells a closed port.
  await new Promise<void>((resolve, reject) => {
    const fail = (error: unknown): void => {
      socket.close()
      const message = `${hostname}: ${error instanceof Error ? error.message : String(error)}`
      reject(new FlashproofError('network.unreachable', message, {}))
    }
    socket.once('error', fail)
    socket.connect(port, address, () => {
      socket.removeListener('error', fail)
      resolve()
    })
  })
  return new UdpExchange(socket, address)
}

export class UdpExchange {
  readonly #socket: Socket
  /** Address of the device, settled once for the whole conversation. */
  readonly address: string
  #answers: Uint8Array[] = []
  #isRefused = false
  #isClosed = false
  #wake: (() => void) | null = null

  constructor(socket: Socket, address: string) {
    this.#socket = socket
    this.address = address
    socket.on('message', message => {
      if (message.length > LONGEST_ANSWER_BYTES || this.#answers.length >= MOST_WAITING) return
      this.#answers.push(message)
      this.#wake?.()
    })
    // The device's system said that nobody listens on that port.
    socket.on('error', () => {
      this.#isRefused = true
      this.#wake?.()
    })
  }

  /** Address of this computer on the interface that faces the device. */
  get localAddress(): string {
    return this.#socket.address().address
  }

  /** Sends one datagram; what was answered before is forgotten. */
  send(datagram: Uint8Array): void {
    this.#answers = []
    this.#isRefused = false
    this.#socket.send(datagram, error => {
      if (error === null) return
      this.#isRefused = true
      this.#wake?.()
    })
  }

  /**
   * Waits for the next datagram of the device.
   * @throws {FlashproofError} network.timeout, network.refused when nobody listens there; the signal's reason when it aborts
   */
  receive({ timeoutMs, signal }: UdpAsking): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const end = (error: Error | null, answer?: Uint8Array): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        this.#wake = null
        if (answer !== undefined) resolve(answer)
        else reject(error ?? new FlashproofError('internal.unexpected', 'nothing was received'))
      }
      const look = (): void => {
        const answer = this.#answers.shift()
        if (answer !== undefined) end(null, answer)
        else if (this.#isRefused) {
          // Told once: a device that restarts listens again later.
          this.#isRefused = false
          end(new FlashproofError('network.refused', 'nobody listens on that UDP port'))
        } else if (this.#isClosed) end(new FlashproofError('call.aborted', 'the conversation was closed'))
      }
      const onAbort = (): void => {
        end(signal?.reason instanceof Error ? signal.reason : new FlashproofError('call.aborted', 'cancelled'))
      }
      const timer = setTimeout(() => {
        end(new FlashproofError('network.timeout', `no answer within ${String(timeoutMs)} ms`, { timeoutMs }))
      }, timeoutMs)
      if (signal?.aborted === true) {
        onAbort()
        return
      }
      signal?.addEventListener('abort', onAbort)
      this.#wake = look
      look()
    })
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#wake?.()
    this.#socket.close()
  }
}
