/**
 * The browser mode: one WebSocket to the server on this computer. The address's one-time token buys a session key that
 * outlives reloads of this tab; a lost link is tried again, and subscriptions move to the new one.
 */
import type { EventName, FirmwareSummary } from '../../shared/contract/index.ts'
import { FlashproofError, fromWireError, type WireError } from '../../shared/errors.ts'
import { createClient, type Client, type EventListener } from '../../shared/rpc/client.ts'
import { createCloseSignal, type MessageLink } from '../../shared/rpc/message-link.ts'
import type { LinkState, Station } from './bridge.ts'

const SESSION_KEY = 'flashproof-session'
const RETRY_MS = 1_000
/** The server closes with this when neither token nor session is good. */
const CLOSED_UNAUTHORISED = 4401

/** What of the browser's window and its socket this needs. */
export interface BrowserPage {
  readonly location: Pick<Location, 'hash' | 'host' | 'pathname' | 'protocol'>
  readonly history: Pick<History, 'replaceState'>
  readonly sessionStorage: Pick<Storage, 'getItem' | 'removeItem' | 'setItem'>
  setTimeout(run: () => void, delayMs: number): unknown
  fetch(address: string, request: RequestInit): Promise<Pick<Response, 'json'>>
}

export type PageSocket = Pick<WebSocket, 'addEventListener' | 'close' | 'readyState' | 'removeEventListener' | 'send'>

export function connectBrowser(
  page: BrowserPage,
  openSocket: (address: string) => PageSocket = address => new WebSocket(address),
): Station {
  const token = page.location.hash.slice(1)
  // A token in the address bar would be used up and would end in bookmarks.
  if (token !== '') page.history.replaceState(null, '', page.location.pathname)
  return new BrowserStation(page, openSocket, token === '' ? null : token).station
}

class BrowserStation {
  readonly station: Station
  readonly #page: BrowserPage
  readonly #openSocket: (address: string) => PageSocket
  readonly #subscriptions = new Set<Subscription>()
  readonly #stateListeners = new Set<(state: LinkState) => void>()
  readonly #waiting: (() => void)[] = []
  #token: string | null
  #client: Client | null = null
  #state: LinkState = 'connecting'

  constructor(page: BrowserPage, openSocket: (address: string) => PageSocket, token: string | null) {
    this.#page = page
    this.#openSocket = openSocket
    this.#token = token
    this.station = {
      client: {
        call: async (name, request, options) => {
          const client = await this.#whenConnected()
          return await client.call(name, request, options)
        },
        subscribe: (name, listener) => this.#subscribe(name, listener),
      },
      openFile: file => this.#openFirmware(file),
      giveElf: async (target, file) => {
        await this.#upload(`/elf?target=${encodeURIComponent(target)}&name=${encodeURIComponent(file.name)}`, file)
      },
      onLinkState: listener => {
        this.#stateListeners.add(listener)
        listener(this.#state)
        return () => {
          this.#stateListeners.delete(listener)
        }
      },
    }
    this.#connect()
  }

  #connect(): void {
    const { protocol, host } = this.#page.location
    const socket = this.#openSocket(`${protocol === 'https:' ? 'wss' : 'ws'}://${host}/station`)
    let client: Client | null = null
    const closing = createCloseSignal()
    const link = createSocketLink(socket, closing)
    socket.addEventListener('open', () => {
      socket.send(JSON.stringify(this.#credentials()))
    })
    socket.addEventListener('message', event => {
      if (client !== null) return
      const session = sessionOf(event.data)
      if (session === null) return
      this.#page.sessionStorage.setItem(SESSION_KEY, session)
      this.#token = null
      client = createClient(link, { caller: 'page' })
      this.#becomeOpen(client)
    })
    socket.addEventListener('close', event => {
      closing.close()
      this.#client = null
      if (event.code === CLOSED_UNAUTHORISED) {
        if (this.#token !== null && this.#storedSession() !== null) {
          // The address was used already (its tab was opened twice): this tab's own session may still be good.
          this.#token = null
          this.#connect()
          return
        }
        this.#page.sessionStorage.removeItem(SESSION_KEY)
        this.#enter('refused')
        this.#releaseWaiting()
        return
      }
      this.#enter('lost')
      this.#page.setTimeout(() => {
        this.#connect()
      }, RETRY_MS)
    })
  }

  #credentials(): object {
    return this.#token === null ? { session: this.#storedSession() ?? '' } : { token: this.#token }
  }

  #storedSession(): string | null {
    return this.#page.sessionStorage.getItem(SESSION_KEY)
  }

  #becomeOpen(client: Client): void {
    this.#client = client
    for (const subscription of this.#subscriptions) subscription.attach(client)
    this.#enter('open')
    this.#releaseWaiting()
  }

  #releaseWaiting(): void {
    for (const resume of this.#waiting.splice(0)) resume()
  }

  /** @throws {FlashproofError} worker.not-ready while the server is away */
  async #whenConnected(): Promise<Client> {
    if (this.#client === null && this.#state === 'connecting') {
      await new Promise<void>(resolve => {
        this.#waiting.push(resolve)
      })
    }
    if (this.#client !== null) return this.#client
    throw new FlashproofError('worker.not-ready', 'this page has lost its server')
  }

  #subscribe<Name extends EventName>(name: Name, listener: EventListener<Name>): () => void {
    const subscription = createSubscription(name, listener)
    this.#subscriptions.add(subscription)
    if (this.#client !== null) subscription.attach(this.#client)
    return () => {
      this.#subscriptions.delete(subscription)
      subscription.detach()
    }
  }

  async #openFirmware(file: File): Promise<FirmwareSummary> {
    const { firmware } = await this.#upload(`/firmware?name=${encodeURIComponent(file.name)}`, file)
    if (firmware !== undefined) return firmware
    throw new FlashproofError('host.file-refused', 'the server did not take the file')
  }

  async #upload(address: string, file: File): Promise<UploadAnswer> {
    await this.#whenConnected()
    const answer = await this.#post(address, file)
    if (answer.error !== undefined) throw fromWireError(answer.error)
    return answer
  }

  /** @throws {FlashproofError} host.file-refused when the server went away meanwhile, or answers nothing that can be read */
  async #post(address: string, file: File): Promise<UploadAnswer> {
    try {
      const response = await this.#page.fetch(address, {
        method: 'POST',
        headers: { 'x-flashproof-session': this.#storedSession() ?? '', 'content-type': 'application/octet-stream' },
        body: file,
      })
      // Made by the server of this very build.
      return (await response.json()) as UploadAnswer
    } catch (cause) {
      throw new FlashproofError(
        'host.file-refused',
        'the file did not reach the server',
        { name: file.name },
        { cause },
      )
    }
  }

  #enter(state: LinkState): void {
    this.#state = state
    for (const listener of [...this.#stateListeners]) listener(state)
  }
}

interface UploadAnswer {
  readonly firmware?: FirmwareSummary
  readonly error?: WireError
}

interface Subscription {
  readonly attach: (client: Client) => void
  readonly detach: () => void
}

function createSubscription<Name extends EventName>(name: Name, listener: EventListener<Name>): Subscription {
  let stop: (() => void) | null = null
  return {
    attach(client) {
      stop = client.subscribe(name, listener)
    },
    detach() {
      stop?.()
    },
  }
}

function createSocketLink(socket: PageSocket, closing: ReturnType<typeof createCloseSignal>): MessageLink {
  return {
    post(message) {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
    },
    onMessage(listener) {
      const onMessage = (event: MessageEvent): void => {
        const message = parseFrame(event.data)
        if (message !== null) listener(message)
      }
      socket.addEventListener('message', onMessage)
      return () => {
        socket.removeEventListener('message', onMessage)
      }
    },
    onClose: closing.onClose,
    close() {
      socket.close()
    },
  }
}

function sessionOf(data: unknown): string | null {
  const frame = parseFrame(data)
  if (typeof frame !== 'object' || frame === null || !('kind' in frame) || frame.kind !== 'welcome') return null
  return 'session' in frame && typeof frame.session === 'string' ? frame.session : null
}

function parseFrame(data: unknown): unknown {
  if (typeof data !== 'string') return null
  try {
    return JSON.parse(data)
  } catch {
    return null
  }
}
