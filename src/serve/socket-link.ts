/** A WebSocket as a message link: JSON in text frames, and an end for a page that does not keep up. */
import type { WebSocket } from 'ws'
import { createCloseSignal, type MessageLink } from '../shared/rpc/message-link.ts'
import type { Timing } from '../shared/rpc/timing.ts'

/** What a page may owe before it counts as fallen behind. */
const MOST_WAITING_BYTES = 16 * 1024 * 1024
/** Answers are never left out, so a page may owe more of them; but one that only asks and never reads is cut off. */
const ANSWERS_FACTOR = 8
/** So long it may take to read what is on the way to it. */
const DRAIN_DEADLINE_MS = 10_000
const DRAIN_CHECK_MS = 100

/** Private codes of the WebSocket protocol; the page connects again after all of them but the first. */
export const closeCodes = { unauthorised: 4401, tooLate: 4408, fellBehind: 4409 } as const
const NOT_TEXT = 1003
const NOT_JSON = 1007

export interface SocketLinkOptions {
  readonly timing: Timing
  readonly mostWaitingBytes?: number
}

/**
 * A page that fell behind gets no more events: when it has read what waits, or after ten seconds, the socket is closed, the
 * page connects again and loads the whole state. So nothing is lost unseen, and what waits stays bounded.
 */
export function createSocketLink(socket: WebSocket, options: SocketLinkOptions): MessageLink & { close(): void } {
  const { timing, mostWaitingBytes = MOST_WAITING_BYTES } = options
  const closing = createCloseSignal()
  const listeners = new Set<(message: unknown) => void>()
  let hasFallenBehind = false
  socket.on('close', closing.close)
  // A broken frame or connection: `close` follows.
  socket.on('error', () => undefined)
  socket.on('message', (data, isBinary) => {
    const frame = readFrame(data, isBinary)
    if ('closeCode' in frame) socket.close(frame.closeCode, frame.reason)
    else for (const listener of [...listeners]) listener(frame.message)
  })

  return {
    post(message) {
      if (socket.readyState !== socket.OPEN) return
      if (isPlainEvent(message) && socket.bufferedAmount > mostWaitingBytes && !hasFallenBehind) {
        hasFallenBehind = true
        void closeWhenDrained(socket, timing)
      }
      if (hasFallenBehind && isPlainEvent(message)) return
      if (socket.bufferedAmount > mostWaitingBytes * ANSWERS_FACTOR) {
        socket.terminate()
        return
      }
      socket.send(JSON.stringify(message))
    },
    onMessage(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    onClose: closing.onClose,
    close() {
      socket.close()
    },
  }
}

type Frame = { readonly message: unknown } | { readonly closeCode: number; readonly reason: string }

/** Reads one frame; what is no JSON text tells the code to close with. */
export function readFrame(data: unknown, isBinary: boolean): Frame {
  if (isBinary || !Buffer.isBuffer(data)) return { closeCode: NOT_TEXT, reason: 'text frames only' }
  try {
    return { message: JSON.parse(data.toString('utf8')) }
  } catch {
    return { closeCode: NOT_JSON, reason: 'not JSON' }
  }
}

/** Events that carry a batch number limit themselves: the next one leaves after the page took the last. */
function isPlainEvent(message: unknown): boolean {
  return (
    typeof message === 'object' &&
    message !== null &&
    'kind' in message &&
    message.kind === 'event' &&
    !('batch' in message)
  )
}

async function closeWhenDrained(socket: WebSocket, timing: Timing): Promise<void> {
  const endMs = timing.monotonicMs() + DRAIN_DEADLINE_MS
  while (socket.readyState === socket.OPEN && socket.bufferedAmount > 0 && timing.monotonicMs() < endMs) {
    await timing.delay(DRAIN_CHECK_MS)
  }
  if (socket.bufferedAmount === 0) socket.close(closeCodes.fellBehind, 'the page fell behind')
  else socket.terminate()
}
