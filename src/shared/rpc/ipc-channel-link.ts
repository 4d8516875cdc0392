/** A link over Node's IPC channel, the same for both ends: `process` in the child, the child process in the parent. */
import { createCloseSignal, type MessageLink } from './message-link.ts'

/** What `process` and `ChildProcess` have in common. */
export interface IpcChannel {
  readonly connected: boolean
  send?(message: unknown, callback: (error: Error | null) => void): boolean
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
  removeListener(event: 'message', listener: (message: unknown) => void): unknown
  disconnect?(): void
}

export interface IpcChannelLink extends MessageLink {
  close(): void
  /** Resolves when everything posted so far was handed to the operating system, or the link is closed. */
  flush(): Promise<void>
}

export function createIpcChannelLink(channel: IpcChannel): IpcChannelLink {
  const closing = createCloseSignal()
  let unsentMessages = 0
  let waiters: (() => void)[] = []
  const release = (): void => {
    const released = waiters
    waiters = []
    for (const waiter of released) waiter()
  }
  channel.on('disconnect', closing.close)
  closing.onClose(release)
  if (!channel.connected) closing.close()

  return {
    post(message) {
      if (closing.isClosed() || !channel.connected) return
      unsentMessages++
      // Without a callback a channel that just broke would raise `error` on the process itself.
      channel.send?.(message, error => {
        unsentMessages--
        if (error !== null) closing.close()
        if (unsentMessages === 0) release()
      })
    },
    onMessage(listener) {
      channel.on('message', listener)
      return () => {
        channel.removeListener('message', listener)
      }
    },
    onClose: closing.onClose,
    close() {
      if (channel.connected) channel.disconnect?.()
      closing.close()
    },
    flush() {
      if (unsentMessages === 0 || closing.isClosed()) return Promise.resolve()
      return new Promise(resolve => {
        waiters.push(resolve)
      })
    },
  }
}
