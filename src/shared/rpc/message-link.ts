/** The only thing the contract needs of a border between two processes, threads or machines. */
export interface MessageLink {
  /** Sends one message; after the link closed it does nothing. Messages arrive whole, once and in order. */
  post(message: unknown): void
  /** Calls `listener` for every message that arrives. @returns stops listening */
  onMessage(listener: (message: unknown) => void): () => void
  /** Calls `listener` once when the link ends, or soon (never inside this call) when it has ended already. @returns stops listening */
  onClose(listener: () => void): () => void
  close?(): void
}

/** The closing half of a link: remembers that it happened and tells everybody once. */
export interface CloseSignal {
  readonly isClosed: () => boolean
  readonly onClose: MessageLink['onClose']
  /** Marks the link as closed; only the first call has an effect. */
  readonly close: () => void
}

export function createCloseSignal(): CloseSignal {
  const listeners = new Set<() => void>()
  let isClosed = false
  return {
    isClosed: () => isClosed,
    onClose(listener) {
      if (isClosed) {
        let isWanted = true
        queueMicrotask(() => {
          if (isWanted) listener()
        })
        return () => {
          isWanted = false
        }
      }
      // A wrapper of its own, so that the same function may listen twice.
      const entry = (): void => {
        listener()
      }
      listeners.add(entry)
      return () => {
        listeners.delete(entry)
      }
    },
    close() {
      if (isClosed) return
      isClosed = true
      const called = [...listeners]
      listeners.clear()
      for (const listener of called) listener()
    },
  }
}
