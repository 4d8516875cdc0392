/** The desktop app: the preload's three functions, used as a message link. */
import type { FirmwareSummary } from '../../shared/contract/index.ts'
import { FlashproofError, fromWireError, type WireError } from '../../shared/errors.ts'
import { createClient } from '../../shared/rpc/client.ts'
import type { MessageLink } from '../../shared/rpc/message-link.ts'
import type { Station } from './bridge.ts'

/** What the preload puts on the window. */
export interface DesktopBridge {
  call(envelope: unknown): void
  /** @returns stops listening */
  subscribe(listener: (envelope: unknown) => void): () => void
  adoptFile(file: File): Promise<{ readonly firmware: FirmwareSummary } | { readonly error: WireError }>
}

export function connectDesktop(bridge: DesktopBridge): Station {
  const link: MessageLink = {
    post: message => {
      bridge.call(message)
    },
    onMessage: listener => bridge.subscribe(listener),
    // The window dies with its host, so nobody is left to be told.
    onClose: () => () => undefined,
  }
  return {
    client: createClient(link, { caller: 'page' }),
    async openFile(file) {
      const answer = await bridge.adoptFile(file)
      if ('error' in answer) throw fromWireError(answer.error)
      return answer.firmware
    },
    giveElf: () => Promise.reject(new FlashproofError('host.unsupported', 'this app asks for the file itself')),
    onLinkState(listener) {
      listener('open')
      return () => undefined
    },
  }
}
