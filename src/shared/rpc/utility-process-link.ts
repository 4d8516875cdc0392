/**
 * The parent's end of the link to Electron's utility process. Unlike a message port it gives messages as they are, and
 * its end is the `exit` of the process.
 */
import { createCloseSignal, type MessageLink } from './message-link.ts'

/** What the link needs of Electron's `UtilityProcess`. */
export interface UtilityProcessLike {
  postMessage(message: unknown): void
  on(event: 'message', listener: (message: unknown) => void): unknown
  once(event: 'exit', listener: (code: number) => void): unknown
  removeListener(event: 'message', listener: (message: unknown) => void): unknown
  kill(): boolean
}

/** Closing the link ends the process: it has no other parent, and nothing else tells it to go. */
export function createUtilityProcessLink(child: UtilityProcessLike): MessageLink & { close(): void } {
  const closing = createCloseSignal()
  child.once('exit', closing.close)
  return {
    post(message) {
      if (!closing.isClosed()) child.postMessage(message)
    },
    onMessage(listener) {
      child.on('message', listener)
      return () => {
        child.removeListener('message', listener)
      }
    },
    onClose: closing.onClose,
    close() {
      if (!closing.isClosed()) child.kill()
      closing.close()
    },
  }
}
