/**
 * The one router of what pages send: checks who sends, and gives every load of a page a message link of its own, which
 * ends when the page is reloaded, navigated away from, crashed or closed.
 */
import { FlashproofError, toWireError, type WireError } from '../shared/errors.ts'
import type { FirmwareSummary } from '../shared/contract/index.ts'
import { createCloseSignal, type MessageLink } from '../shared/rpc/message-link.ts'
import { isOurPage, type SendingFrame } from './sender-check.ts'

export const CALL_CHANNEL = 'station:call'
export const EVENT_CHANNEL = 'station:event'
export const ADOPT_CHANNEL = 'station:adopt'

/** What is needed of Electron's `WebContents`. */
export interface PageContents {
  readonly id: number
  isDestroyed(): boolean
  send(channel: string, message: unknown): void
  on(
    event: 'did-start-navigation',
    listener: (details: { readonly isMainFrame: boolean; readonly isSameDocument: boolean }) => void,
  ): unknown
  on(event: 'did-navigate' | 'render-process-gone' | 'destroyed', listener: () => void): unknown
}

/** What is needed of the event of a message. */
export interface SendingEvent {
  readonly sender: { readonly id: number }
  readonly senderFrame: SendingFrame | null
}

/** What is needed of Electron's `ipcMain`. */
export interface PageMessages {
  on(channel: string, listener: (event: SendingEvent, message: unknown) => void): unknown
  handle(channel: string, listener: (event: SendingEvent, argument: unknown) => Promise<unknown>): void
}

export interface PageLinksOptions {
  readonly messages: PageMessages
  /** Serves one load of a page until its link closes. */
  readonly openPage: (link: MessageLink) => void
  /** Opens a file that was dropped into the page. @throws {FlashproofError} what is wrong with it */
  readonly openFile: (path: string) => Promise<FirmwareSummary>
  /** Is told of messages that were refused, for the log. */
  readonly onRefused: (what: string) => void
}

export type AdoptAnswer = { readonly firmware: FirmwareSummary } | { readonly error: WireError }

interface PageLink extends MessageLink {
  deliver(message: unknown): void
  close(): void
}

/** Starts to listen for messages of pages. @returns lets a window's page in */
export function createPageLinks(options: PageLinksOptions): { attach(contents: PageContents): void } {
  const { messages, onRefused } = options
  const pages = new Map<number, ReturnType<typeof servePage>>()

  messages.on(CALL_CHANNEL, ({ sender, senderFrame }, message) => {
    const page = pages.get(sender.id)
    if (page === undefined || !isOurPage(senderFrame)) onRefused(`a call from ${addressOf(senderFrame)}`)
    else page.deliver(message)
  })

  messages.handle(ADOPT_CHANNEL, async ({ sender, senderFrame }, path): Promise<AdoptAnswer> => {
    try {
      if (!pages.has(sender.id) || !isOurPage(senderFrame)) {
        onRefused(`a file from ${addressOf(senderFrame)}`)
        throw new FlashproofError('contract.forbidden', 'only the window’s own page may hand over a file')
      }
      // A file that a script made has no path.
      if (typeof path !== 'string' || path === '') {
        throw new FlashproofError('host.file-refused', 'what was dropped is no file on this computer')
      }
      return { firmware: await options.openFile(path) }
    } catch (thrown) {
      return { error: toWireError(thrown) }
    }
  })

  return {
    attach(contents) {
      const page = servePage(contents, link => {
        options.openPage(link)
      })
      pages.set(contents.id, page)
      contents.on('destroyed', () => {
        page.end()
        pages.delete(contents.id)
      })
    },
  }
}

/** Gives each load of the page in `contents` a link. */
function servePage(
  contents: PageContents,
  open: (link: MessageLink) => void,
): { deliver(message: unknown): void; end(): void } {
  let current: PageLink | null = null
  const end = (): void => {
    current?.close()
    current = null
  }
  const begin = (): PageLink => {
    end()
    const link = createPageLink(contents)
    current = link
    open(link)
    return link
  }
  contents.on('did-start-navigation', details => {
    if (details.isMainFrame && !details.isSameDocument) end()
  })
  contents.on('did-navigate', () => {
    begin()
  })
  contents.on('render-process-gone', end)
  return {
    deliver(message) {
      const link = current ?? begin()
      link.deliver(message)
    },
    end,
  }
}

function createPageLink(contents: PageContents): PageLink {
  const closing = createCloseSignal()
  const listeners = new Set<(message: unknown) => void>()
  return {
    post(message) {
      if (!closing.isClosed() && !contents.isDestroyed()) contents.send(EVENT_CHANNEL, message)
    },
    onMessage(listener) {
      const entry = (message: unknown): void => {
        listener(message)
      }
      listeners.add(entry)
      return () => {
        listeners.delete(entry)
      }
    },
    onClose: closing.onClose,
    deliver(message) {
      for (const listener of [...listeners]) listener(message)
    },
    close: closing.close,
  }
}

function addressOf(frame: SendingFrame | null): string {
  return frame === null
    ? 'a frame that is gone'
    : `${frame.parent === null ? '' : 'a frame inside a page, '}${frame.url.slice(0, 200)}`
}
