/** Links over anything shaped like a message port: MessageChannel of Node or a browser, ports of Electron. */
import { createCloseSignal, type MessageLink } from './message-link.ts'

/** A port of the web's kind: listeners get an event that carries `data`. */
export interface EventTargetPort {
  postMessage(message: unknown): void
  addEventListener(type: 'message' | 'close', listener: (event: { readonly data?: unknown }) => void): void
  removeEventListener(type: 'message' | 'close', listener: (event: { readonly data?: unknown }) => void): void
  start?(): void
  close?(): void
}

/** A port of Electron's kind (`process.parentPort`, `MessagePortMain`): an emitter whose messages are `{data}`. */
export interface EmitterPort {
  postMessage(message: unknown): void
  on(event: 'message' | 'close', listener: (event: { readonly data?: unknown }) => void): unknown
  removeListener(event: 'message' | 'close', listener: (event: { readonly data?: unknown }) => void): unknown
  start?(): void
  close?(): void
}

export function createMessagePortLink(port: EventTargetPort | EmitterPort): MessageLink & { close(): void } {
  const closing = createCloseSignal()
  listen(port, 'close', closing.close)
  return {
    post(message) {
      if (!closing.isClosed()) port.postMessage(message)
    },
    onMessage(listener) {
      const stop = listen(port, 'message', event => {
        listener(event.data)
      })
      port.start?.()
      return stop
    },
    onClose: closing.onClose,
    close() {
      port.close?.()
      closing.close()
    },
  }
}

function listen(
  port: EventTargetPort | EmitterPort,
  type: 'message' | 'close',
  listener: (event: { readonly data?: unknown }) => void,
): () => void {
  if ('addEventListener' in port) {
    port.addEventListener(type, listener)
    return () => {
      port.removeEventListener(type, listener)
    }
  }
  port.on(type, listener)
  return () => {
    port.removeListener(type, listener)
  }
}
