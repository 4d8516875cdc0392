/** Refuses what no page of this program needs: other addresses, other windows, permissions, downloads, the network. */
import { isPageAddress } from './page-address.ts'

interface Refusable {
  preventDefault(): void
}

interface NavigationDetails extends Refusable {
  readonly url: string
}

/** What is needed of Electron's `WebContents`. */
export interface GuardedContents {
  on(
    event: 'will-navigate' | 'will-frame-navigate' | 'will-redirect',
    listener: (details: NavigationDetails) => void,
  ): unknown
  on(event: 'will-attach-webview', listener: (event: Refusable) => void): unknown
  setWindowOpenHandler(handler: (details: { readonly url: string }) => { action: 'deny' }): void
}

/** What is needed of Electron's `Session`. */
export interface GuardedSession {
  setPermissionRequestHandler(
    handler: (
      contents: unknown,
      permission: string,
      callback: (isGranted: boolean) => void,
      details: RequestDetails,
    ) => void,
  ): void
  setPermissionCheckHandler(
    handler: (contents: unknown, permission: string, origin: string, details: CheckDetails) => boolean,
  ): void
  setDevicePermissionHandler(handler: () => boolean): void
  on(event: 'will-download', listener: (event: Refusable) => void): unknown
  readonly webRequest: {
    onBeforeRequest(
      filter: { urls: string[] },
      listener: (details: { readonly url: string }, callback: (response: { cancel: boolean }) => void) => void,
    ): void
  }
}

interface RequestDetails {
  readonly requestingUrl?: string
  readonly isMainFrame: boolean
}

interface CheckDetails {
  readonly requestingUrl?: string
  readonly isMainFrame: boolean
}

/** Everything that would leave this computer or read its disk; the page's own scheme is not among them. */
const FOREIGN_ADDRESSES = ['http://*/*', 'https://*/*', 'ws://*/*', 'wss://*/*', 'ftp://*/*', 'file:///*']

/** @param onRefused is told what was refused, for the log */
export function lockDownContents(contents: GuardedContents, onRefused: (what: string) => void): void {
  const refuseForeign = (details: NavigationDetails): void => {
    // A page may load itself again.
    if (isPageAddress(details.url)) return
    details.preventDefault()
    onRefused(`a navigation to ${withoutQuery(details.url)}`)
  }
  contents.on('will-navigate', refuseForeign)
  contents.on('will-frame-navigate', refuseForeign)
  contents.on('will-redirect', refuseForeign)
  contents.on('will-attach-webview', event => {
    event.preventDefault()
    onRefused('a webview')
  })
  contents.setWindowOpenHandler(({ url }) => {
    onRefused(`a new window for ${withoutQuery(url)}`)
    return { action: 'deny' }
  })
}

export function lockDownSession(session: GuardedSession, onRefused: (what: string) => void): void {
  session.setPermissionRequestHandler((_contents, permission, callback, details) => {
    const isGranted = isGrantable(permission, details)
    if (!isGranted) onRefused(`the permission “${permission}”`)
    callback(isGranted)
  })
  session.setPermissionCheckHandler((_contents, permission, _origin, details) => isGrantable(permission, details))
  session.setDevicePermissionHandler(() => false)
  // Files are saved through the save dialog alone.
  session.on('will-download', event => {
    event.preventDefault()
    onRefused('a download')
  })
  session.webRequest.onBeforeRequest({ urls: FOREIGN_ADDRESSES }, ({ url }, callback) => {
    onRefused(`a request to ${withoutQuery(url)}`)
    callback({ cancel: true })
  })
}

/** “Copy” puts text on the clipboard; that is all a page is ever allowed, and only the page itself. */
function isGrantable(permission: string, { requestingUrl, isMainFrame }: CheckDetails): boolean {
  return permission === 'clipboard-sanitized-write' && isMainFrame && isPageAddress(requestingUrl ?? '')
}

/** What stands behind `?` or `#` may be a secret, and data addresses are long. */
function withoutQuery(address: string): string {
  return (/^[^?#]*/.exec(address)?.[0] ?? '').slice(0, 200)
}
