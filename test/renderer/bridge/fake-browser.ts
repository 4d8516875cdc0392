/** A browser for tests of the bridge: its address, its session storage, its clock and the sockets that were opened. */
import type { BrowserPage, PageSocket } from '../../../src/renderer/bridge/browser-station.ts'

/** A socket whose other end is the test. */
export class FakeSocket extends EventTarget {
  readonly address: string
  readonly sent: unknown[] = []
  readyState: number = WebSocket.CONNECTING

  constructor(address: string) {
    super()
    this.address = address
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }

  close(): void {
    this.end(1000)
  }

  /** The server takes the connection. */
  accept(): void {
    this.readyState = WebSocket.OPEN
    this.dispatchEvent(new Event('open'))
  }

  receive(message: unknown): void {
    this.receiveData(JSON.stringify(message))
  }

  receiveData(data: unknown): void {
    this.dispatchEvent(new MessageEvent('message', { data }))
  }

  end(code: number): void {
    this.readyState = WebSocket.CLOSED
    this.dispatchEvent(new CloseEvent('close', { code }))
  }

  /** The calls that came over it, the oldest first. */
  get calls(): { readonly id: number; readonly name: string }[] {
    return this.sent.filter(
      (message): message is { kind: 'call'; id: number; name: string } =>
        typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'call',
    )
  }
}

export interface FakeBrowser {
  readonly page: BrowserPage
  readonly openSocket: (address: string) => PageSocket
  readonly sockets: readonly FakeSocket[]
  /** The socket that was opened last. */
  newest(): FakeSocket
  /** What stands in the address bar. */
  address(): string
  readonly storage: Map<string, string>
  readonly uploads: { readonly address: string; readonly request: RequestInit }[]
  /** Lets every wait end that is running now. @returns how long each would have been */
  passTime(): readonly number[]
}

export interface FakeBrowserOptions {
  /** What follows `#` in the address. */
  readonly token?: string
  readonly session?: string
  readonly answerUpload?: () => Promise<unknown>
}

export function createFakeBrowser(options: FakeBrowserOptions = {}): FakeBrowser {
  const { token = '', session, answerUpload = () => Promise.reject(new TypeError('Failed to fetch')) } = options
  const storage = new Map(session === undefined ? [] : [['flashproof-session', session]])
  const sockets: FakeSocket[] = []
  const uploads: FakeBrowser['uploads'] = []
  let address = `/${token === '' ? '' : `#${token}`}`
  let waits: { readonly run: () => void; readonly delayMs: number }[] = []
  return {
    sockets,
    storage,
    uploads,
    address: () => address,
    newest() {
      const socket = sockets.at(-1)
      if (socket === undefined) throw new Error('no socket was opened')
      return socket
    },
    openSocket(to) {
      const socket = new FakeSocket(to)
      sockets.push(socket)
      // Events of a plain EventTarget carry what the page reads of them.
      return socket as unknown as PageSocket
    },
    passTime() {
      const due = waits
      waits = []
      for (const wait of due) wait.run()
      return due.map(wait => wait.delayMs)
    },
    page: {
      location: { hash: token === '' ? '' : `#${token}`, host: '127.0.0.1:4711', pathname: '/', protocol: 'http:' },
      history: {
        replaceState(_state, _title, url) {
          address = String(url)
        },
      },
      sessionStorage: {
        getItem: key => storage.get(key) ?? null,
        removeItem(key) {
          storage.delete(key)
        },
        setItem(key, value) {
          storage.set(key, value)
        },
      },
      setTimeout(run, delayMs) {
        waits.push({ run, delayMs })
      },
      async fetch(to, request) {
        uploads.push({ address: to, request })
        const answer = await answerUpload()
        return { json: () => Promise.resolve(answer) }
      },
    },
  }
}
