/** The worker's link to whoever started it: Electron's utility process port, or the IPC channel of a fork. */
import { FlashproofError } from '../shared/errors.ts'
import { createIpcChannelLink } from '../shared/rpc/ipc-channel-link.ts'
import { createMessagePortLink, type EmitterPort } from '../shared/rpc/message-port-link.ts'
import type { MessageLink } from '../shared/rpc/message-link.ts'

export interface LinkToParent extends MessageLink {
  /** Resolves when everything posted so far has left this process: wait for it before `process.exit`. */
  flush(): Promise<void>
}

/**
 * Connects to the parent. Its end closes the link, and the worker must then end itself, or it would keep ports and locks.
 * @throws {FlashproofError} usage.unknown-command when nobody started this process as a worker
 */
export function connectToParent(): LinkToParent {
  ignoreTerminalSignals()
  const port = electronParentPort()
  if (port !== null) {
    const link = createMessagePortLink(port)
    return { ...link, flush: () => new Promise(resolve => setImmediate(resolve)) }
  }
  if (process.send === undefined) {
    throw new FlashproofError('usage.unknown-command', 'the background process is started by Flashproof, not by hand')
  }
  // A service manager ends the whole process group so; Electron ends its utility process so, which is right there.
  process.on('SIGTERM', () => undefined)
  return createIpcChannelLink(process)
}

/**
 * Ctrl-C and a closing terminal reach the whole process group. What they mean is the parent's decision: it cancels, or its
 * end closes the link.
 */
function ignoreTerminalSignals(): void {
  process.on('SIGINT', () => undefined)
  process.on('SIGHUP', () => undefined)
}

/** `process.parentPort` exists only inside Electron's utility process, whatever Electron's types say of every process. */
function electronParentPort(): EmitterPort | null {
  const { parentPort } = process as unknown as { readonly parentPort?: EmitterPort }
  return parentPort ?? null
}
