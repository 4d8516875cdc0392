import { describe, expect, it } from 'vitest'
import { lockDownContents, lockDownSession, type GuardedSession } from '../../src/main/lock-down.ts'

type Listener = (event: { url: string; preventDefault(): void }) => void

function guardedContents() {
  const listeners = new Map<string, Listener>()
  let open: ((details: { url: string }) => { action: string }) | null = null
  const refused: string[] = []
  const contents = {
    on: (event: string, listener: Listener) => listeners.set(event, listener),
    setWindowOpenHandler(handler: (details: { url: string }) => { action: 'deny' }) {
      open = handler
    },
  }
  lockDownContents(contents, what => refused.push(what))
  const isPrevented = (event: string, url: string): boolean => {
    let isStopped = false
    listeners.get(event)?.({
      url,
      preventDefault() {
        isStopped = true
      },
    })
    return isStopped
  }
  return { isPrevented, open: (url: string) => open?.({ url }), refused }
}

describe('a window', () => {
  it.each(['will-navigate', 'will-frame-navigate', 'will-redirect'])('refuses other addresses at %s', event => {
    const { isPrevented, refused } = guardedContents()
    expect(isPrevented(event, 'https://example.invalid/path?secret=1')).toBe(true)
    expect(isPrevented(event, 'file:///etc/passwd')).toBe(true)
    expect(isPrevented(event, 'data:text/html,x')).toBe(true)
    expect(isPrevented(event, 'app://flashproof.invalid/')).toBe(true)
    expect(refused[0]).toBe('a navigation to https://example.invalid/path')
  })

  it('lets the page load itself again', () => {
    expect(guardedContents().isPrevented('will-navigate', 'app://flashproof/index.html')).toBe(false)
  })

  it('opens no second window and takes in no webview', () => {
    const { open, isPrevented, refused } = guardedContents()
    expect(open('app://flashproof/index.html')).toEqual({ action: 'deny' })
    expect(open('https://example.invalid/')).toEqual({ action: 'deny' })
    expect(isPrevented('will-attach-webview', '')).toBe(true)
    expect(refused).toHaveLength(3)
  })
})

describe('a session', () => {
  function guardedSession() {
    const refused: string[] = []
    const seen: {
      request?: Parameters<GuardedSession['setPermissionRequestHandler']>[0]
      check?: Parameters<GuardedSession['setPermissionCheckHandler']>[0]
      device?: () => boolean
      download?: (event: { preventDefault(): void }) => void
      filter?: { urls: string[] }
      before?: (details: { url: string }, callback: (response: { cancel: boolean }) => void) => void
    } = {}
    const session: GuardedSession = {
      setPermissionRequestHandler: handler => (seen.request = handler),
      setPermissionCheckHandler: handler => (seen.check = handler),
      setDevicePermissionHandler: handler => (seen.device = handler),
      on: (_event, listener) => (seen.download = listener),
      webRequest: {
        onBeforeRequest(filter, listener) {
          seen.filter = filter
          seen.before = listener
        },
      },
    }
    lockDownSession(session, what => refused.push(what))
    return { seen, refused }
  }
  const own = { requestingUrl: 'app://flashproof/index.html', isMainFrame: true }

  it.each([
    'geolocation',
    'media',
    'notifications',
    'serial',
    'usb',
    'hid',
    'clipboard-read',
    'openExternal',
    'unknown',
  ])('grants nobody %s', permission => {
    const { seen, refused } = guardedSession()
    const answers: boolean[] = []
    seen.request?.(null, permission, isGranted => answers.push(isGranted), own)
    expect(answers).toEqual([false])
    expect(seen.check?.(null, permission, 'app://flashproof', own)).toBe(false)
    expect(refused).toEqual([`the permission “${permission}”`])
  })

  it('lets the page itself copy text, and nothing inside it', () => {
    const { seen } = guardedSession()
    const check = (details: { requestingUrl?: string; isMainFrame: boolean }) =>
      seen.check?.(null, 'clipboard-sanitized-write', '', details)
    expect(check(own)).toBe(true)
    expect(check({ ...own, isMainFrame: false })).toBe(false)
    expect(check({ requestingUrl: 'https://example.invalid/', isMainFrame: true })).toBe(false)
    expect(check({ isMainFrame: true })).toBe(false)
  })

  it('gives no device, downloads nothing and asks nobody on the network', () => {
    const { seen } = guardedSession()
    expect(seen.device?.()).toBe(false)
    let isStopped = false
    seen.download?.({
      preventDefault() {
        isStopped = true
      },
    })
    expect(isStopped).toBe(true)
    const answers: boolean[] = []
    seen.before?.({ url: 'https://example.invalid/' }, ({ cancel }) => answers.push(cancel))
    expect(answers).toEqual([true])
    expect(seen.filter?.urls).toEqual(expect.arrayContaining(['http://*/*', 'https://*/*', 'ws://*/*', 'file:///*']))
  })
})
