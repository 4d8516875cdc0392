/** A serial line whose bytes come over TCP and nothing else: rate, parity and modem lines are the far end's own. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { FlashproofError } from '../../shared/errors.ts'
import { BufferedLink } from './buffered-link.ts'
import type { LineSettings, LinkWaiting } from './byte-link.ts'
import type { ReceiveBuffer } from './receive-buffer.ts'
import { connectSocket, feedFromSocket, type TcpTarget } from './tcp-link.ts'

/** What was sent gets this long to leave when the link is closed. */
const LEAVE_WITHIN_MS = 1000

/**
 * Opens the connection.
 * @param settings what the far end is believed to have; nothing is set
 * @throws {FlashproofError} network.refused, network.unreachable, network.name-not-found, network.reset; the signal's reason
 */
export async function openRawTcpPort(
  target: TcpTarget & { readonly text: string },
  settings: LineSettings,
  waiting: LinkWaiting,
): Promise<BufferedLink> {
  return new RawTcpPort(target.text, await connectSocket(target, waiting), settings)
}

class RawTcpPort extends BufferedLink {
  readonly canConfigure = false
  readonly modemLines = 'no'
  readonly settings: LineSettings
  readonly #socket: Socket

  constructor(description: string, socket: Socket, settings: LineSettings) {
    super(description, socket)
    this.#socket = socket
    this.settings = settings
    feedFromSocket(socket, this.received)
  }

  write(bytes: Uint8Array, waiting: LinkWaiting): Promise<void> {
    return writeToSocket(this.#socket, this.received, bytes, waiting)
  }

  configure(): Promise<void> {
    return Promise.resolve()
  }

  setLines(): Promise<'unavailable'> {
    return Promise.resolve('unavailable')
  }

  protected release(): Promise<void> {
    return closeSocket(this.#socket, this.received)
  }
}

/**
 * Resolves when the system took the bytes.
 * @throws {FlashproofError} network.timeout, network.reset; the signal's reason
 */
export async function writeToSocket(
  socket: Socket,
  received: ReceiveBuffer,
  bytes: Uint8Array,
  waiting: LinkWaiting,
): Promise<void> {
  waiting.signal?.throwIfAborted()
  const progress = { isTaken: false }
  if (!received.isLost) {
    socket.write(bytes, error => {
      progress.isTaken = !(error instanceof Error)
      received.look('writer')
    })
  }
  await received.until('writer', () => progress.isTaken, `${String(bytes.length)} bytes were not taken`, waiting)
}

/** Lets leave what was sent, for a second at most, and ends the connection. */
export async function closeSocket(socket: Socket, received: ReceiveBuffer): Promise<void> {
  received.lose(new FlashproofError('network.reset', 'the connection was closed', { systemCode: '' }))
  if (socket.destroyed) return
  socket.end()
  await once(socket, 'finish', { signal: AbortSignal.timeout(LEAVE_WITHIN_MS) }).catch(() => undefined)
  socket.destroy()
}
