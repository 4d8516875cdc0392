/**
 * The HTTP server that devices come to: one an address and port in this process, for as many jobs as have a device there.
 * It opens with the first job and closes with the last, listens on one address alone, and serves nobody whom no job
 * expects.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { FlashproofError } from '../../../shared/errors.ts'
import { urlHost } from './local-address.ts'
import { jsonAnswer, readPullRequest, type PullAnswer, type PullRequest } from './pull-request.ts'

/** A job that waits for its device. */
export interface ExpectedDevice {
  readonly deviceId: string
  /** Address that the device came from last; null: it did not come yet. */
  address: string | null
  readonly isHostChecked: boolean
  answer(request: PullRequest): Promise<PullAnswer>
  /** The device came after its release was taken away, and was told so. */
  onFarewell(): void
  /** Somebody came whom no job expects; told once for each. */
  onStranger(text: string): void
}

export interface PullServerLease {
  readonly port: number
  /** Where devices find it, without a path. */
  readonly url: string
  /** Whether this job opened the server. */
  readonly isFirst: boolean
  /** Takes the release away: from now on its device is answered 410. */
  withdraw(): void
  /** Gives the server back; resolves when the port is free again, where this was the last job. */
  close(): Promise<void>
}

/** More is no status of a device. */
const MOST_BODY_BYTES = 64 * 1024
const PIECE_BYTES = 16 * 1024
const MOST_STRANGERS = 100
/** More than a bench of devices opens at a time; what is beyond it is closed at once. */
const MOST_CONNECTIONS = 1024

/** By address and port; `any` stands for the port that the system chose. */
const servers = new Map<string, Promise<PullServer>>()

/**
 * Joins the server at this address, or opens it.
 * @param port null: any, the same one for every job that names none
 * @param preferredPort tried first where `port` is null: where the device was told to ask before
 * @throws {FlashproofError} network.port-busy, target.invalid
 */
export async function openPullServer(
  at: { readonly address: string; readonly port: number | null; readonly preferredPort: number | null },
  device: ExpectedDevice,
): Promise<PullServerLease> {
  const { address, port, preferredPort } = at
  const preferred = `${address} ${String(preferredPort)}`
  for (;;) {
    // Another job may listen where this one's device was told to ask.
    const isShared = port === null && preferredPort !== null && servers.has(preferred)
    const key = isShared ? preferred : `${address} ${port === null ? 'any' : String(port)}`
    const known = servers.get(key)
    const opening = known ?? PullServer.open(address, port, preferredPort)
    if (known === undefined) servers.set(key, opening)
    let server: PullServer
    try {
      server = await opening
    } catch (error) {
      if (servers.get(key) === opening) servers.delete(key)
      throw error
    }
    if (server.isClosing) {
      await server.closed
      if (servers.get(key) === opening) servers.delete(key)
      continue
    }
    // A later order that names the port which the system chose finds the same server.
    const byPort = `${address} ${String(server.port)}`
    if (!servers.has(byPort)) servers.set(byPort, opening)
    server.onClosing = () => {
      for (const [name, one] of servers) if (one === opening) servers.delete(name)
    }
    return server.add(device)
  }
}

class PullServer {
  readonly #server: Server
  readonly #address: string
  readonly #devices = new Set<ExpectedDevice>()
  /** Devices whose release was taken away, each with the address that it came from last. */
  readonly #withdrawn = new Map<string, string | null>()
  readonly #strangers = new Set<string>()
  #closed: Promise<void> | null = null
  onClosing: () => void = () => undefined

  private constructor(server: Server, address: string) {
    this.#server = server
    this.#address = address
  }

  static async open(address: string, port: number | null, preferredPort: number | null): Promise<PullServer> {
    if (port !== null || preferredPort === null) return await PullServer.#listen(address, port ?? 0)
    try {
      return await PullServer.#listen(address, preferredPort)
    } catch {
      return await PullServer.#listen(address, 0)
    }
  }

  static async #listen(address: string, port: number): Promise<PullServer> {
    const server = createServer({ maxHeaderSize: 16 * 1024, requestTimeout: 30_000, headersTimeout: 15_000 })
    server.keepAliveTimeout = 15_000
    server.maxConnections = MOST_CONNECTIONS
    const opened = new PullServer(server, address)
    server.on('request', (message, response) => {
      opened.#take(message, response).catch(() => {
        response.destroy()
      })
    })
    server.on('clientError', (_error, socket) => {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      else socket.destroy()
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        reject(listenError(error, address, port))
      })
      server.listen({ host: address, port, exclusive: true }, resolve)
    })
    return opened
  }

  get port(): number {
    // It listens on a port, not on a pipe.
    return (this.#server.address() as AddressInfo).port
  }

  get isClosing(): boolean {
    return this.#closed !== null
  }

  get closed(): Promise<void> {
    return this.#closed ?? Promise.resolve()
  }

  add(device: ExpectedDevice): PullServerLease {
    const isFirst = this.#devices.size === 0
    const port = this.port
    this.#devices.add(device)
    this.#withdrawn.delete(idKey(device.deviceId))
    const withdraw = (): void => {
      this.#withdrawn.set(idKey(device.deviceId), device.address)
    }
    return {
      port,
      url: `http://${urlHost(this.#address)}:${String(port)}`,
      isFirst,
      withdraw,
      close: async () => {
        withdraw()
        this.#devices.delete(device)
        if (this.#devices.size === 0) await this.#close()
      },
    }
  }

  #close(): Promise<void> {
    this.#closed ??= new Promise(resolve => {
      this.onClosing()
      this.#server.close(() => {
        resolve()
      })
      this.#server.closeAllConnections()
    })
    return this.#closed
  }

  async #take(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(message)
    if (body === null) {
      await send(message, response, jsonAnswer(413, { error: 'Too large' }))
      return
    }
    const request = readPullRequest(message, body)
    await send(
      message,
      response,
      request === null ? jsonAnswer(400, { error: 'Bad request' }) : await this.#answer(request),
    )
  }

  async #answer(request: PullRequest): Promise<PullAnswer> {
    const device = this.#deviceOf(request)
    if (device === null) return this.#answerStranger(request)
    const { remoteAddress, headers } = request
    if (device.isHostChecked && !this.#isOurs(headers.host ?? '')) return jsonAnswer(421, { error: 'Unknown host' })
    device.address = remoteAddress
    if (this.#withdrawn.has(idKey(device.deviceId))) {
      const farewell = withdrawnAnswer(request)
      return {
        ...farewell,
        onEnd: () => {
          if (farewell.status === 410) device.onFarewell()
        },
      }
    }
    return await device.answer(request)
  }

  /** By the name that it gives; else by its address, where one job alone can mean it. */
  #deviceOf({ deviceId, remoteAddress }: PullRequest): ExpectedDevice | null {
    const devices = [...this.#devices]
    if (deviceId !== null) {
      const named = (name: string): ExpectedDevice | undefined =>
        devices.find(device => idKey(device.deviceId) === idKey(name))
      // A target that names an address means whoever comes from there, whatever it calls itself.
      return named(deviceId) ?? (this.#withdrawn.has(idKey(deviceId)) ? null : (named(remoteAddress) ?? null))
    }
    // One that is done is not taken for one that did not come yet.
    if (this.#isWithdrawn(remoteAddress)) return null
    const here = devices.filter(device => device.address === remoteAddress)
    const candidates = here.length > 0 ? here : devices.filter(device => device.address === null)
    return candidates.length === 1 ? (candidates[0] ?? null) : null
  }

  #answerStranger(request: PullRequest): PullAnswer {
    const { deviceId, remoteAddress, path } = request
    const isWithdrawn = deviceId === null ? this.#isWithdrawn(remoteAddress) : this.#withdrawn.has(idKey(deviceId))
    if (isWithdrawn) return withdrawnAnswer(request)
    const who =
      deviceId === null ? `${remoteAddress}, without a Device-ID` : `${remoteAddress}, Device-ID “${deviceId}”`
    if (!this.#strangers.has(who) && this.#strangers.size < MOST_STRANGERS) {
      this.#strangers.add(who)
      for (const device of this.#devices) device.onStranger(`${who}, asked for ${path}; no job expects it`)
    }
    if (path.endsWith('/manifest')) return jsonAnswer(200, '{}')
    if (path.endsWith('/rollback-status')) return jsonAnswer(200, { rollback_required: false, reason: '' })
    return jsonAnswer(409, { error: 'No firmware assigned' })
  }

  #isWithdrawn(address: string): boolean {
    return [...this.#withdrawn.values()].includes(address)
  }

  #isOurs(host: string): boolean {
    const own = `${urlHost(this.#address)}:${String(this.port)}`
    return host.toLowerCase() === own.toLowerCase() || (this.port === 80 && host === urlHost(this.#address))
  }
}

function withdrawnAnswer({ path }: PullRequest): PullAnswer {
  if (path.endsWith('/manifest')) return jsonAnswer(200, '{}')
  if (path.endsWith('/status')) return jsonAnswer(200, { status: 'success' })
  return jsonAnswer(410, { error: 'Release withdrawn' })
}

function idKey(deviceId: string): string {
  return `id ${deviceId.toLowerCase()}`
}

async function readBody(message: IncomingMessage): Promise<string | null> {
  const { 'content-length': length, 'transfer-encoding': encoding } = message.headers
  if ((length === undefined || length === '0') && encoding === undefined) return ''
  const pieces: Buffer[] = []
  let sizeBytes = 0
  for await (const piece of message) {
    // A stream of bytes without an encoding gives buffers.
    const bytes = piece as Buffer
    sizeBytes += bytes.length
    if (sizeBytes > MOST_BODY_BYTES) return null
    pieces.push(bytes)
  }
  return Buffer.concat(pieces).toString('utf8')
}

/** Resolves when the answer left or the connection broke. */
async function send(message: IncomingMessage, response: ServerResponse, answer: PullAnswer): Promise<void> {
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body
  let hasEnded = false
  const end = (isWhole: boolean): void => {
    if (hasEnded) return
    hasEnded = true
    answer.onEnd?.(isWhole)
  }
  response.once('finish', () => {
    end(true)
  })
  response.once('close', () => {
    end(response.writableFinished)
  })
  if (response.destroyed) {
    end(false)
    return
  }
  response.writeHead(answer.status, {
    'Content-Type': answer.contentType ?? 'application/json',
    'Content-Length': String(body.length),
    ...answer.headers,
    // A body that was refused may still be on its way.
    ...(answer.status === 413 ? { Connection: 'close' } : {}),
  })
  if (message.method === 'HEAD' || answer.onSent === undefined) {
    response.end(message.method === 'HEAD' ? undefined : body)
    return
  }
  for (let at = 0; at < body.length; at += PIECE_BYTES) {
    const piece = body.subarray(at, at + PIECE_BYTES)
    if (!(await hasTaken(response, piece))) return
    answer.onSent(at + piece.length)
  }
  response.end()
}

/** Resolves when the network took the piece, or the connection is gone. */
function hasTaken(response: ServerResponse, piece: Uint8Array): Promise<boolean> {
  return new Promise(resolve => {
    const onClose = (): void => {
      resolve(false)
    }
    response.once('close', onClose)
    response.write(piece, error => {
      response.off('close', onClose)
      resolve(!(error instanceof Error))
    })
  })
}

function listenError(error: NodeJS.ErrnoException, address: string, port: number): FlashproofError {
  const details = { address, port, systemCode: error.code ?? '' }
  if (error.code === 'EADDRINUSE' || error.code === 'EACCES') {
    return new FlashproofError('network.port-busy', `port ${String(port)} of ${address}: ${error.message}`, details)
  }
  return new FlashproofError('target.invalid', `cannot listen on ${address}: ${error.message}`, details)
}
