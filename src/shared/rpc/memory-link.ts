/** Two ends of a link inside one thread. Messages are handed over as they are, a microtask later. */
import { createCloseSignal, type MessageLink } from './message-link.ts'

export interface MemoryLink extends MessageLink {
  close(): void
}

export function createMemoryLinkPair(): readonly [MemoryLink, MemoryLink] {
  const closing = createCloseSignal()
  const first = new Set<(message: unknown) => void>()
  const second = new Set<(message: unknown) => void>()
  return [createEnd(first, second, closing), createEnd(second, first, closing)]
}

function createEnd(
  own: Set<(message: unknown) => void>,
  other: ReadonlySet<(message: unknown) => void>,
  closing: ReturnType<typeof createCloseSignal>,
): MemoryLink {
  return {
    post(message) {
      if (closing.isClosed()) return
      queueMicrotask(() => {
        if (closing.isClosed()) return
        for (const listener of [...other]) listener(message)
      })
    },
    onMessage(listener) {
      own.add(listener)
      return () => {
        own.delete(listener)
      }
    },
    onClose: closing.onClose,
    close: closing.close,
  }
}
