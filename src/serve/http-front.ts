/** The HTTP side of the browser mode: the page, uploads, downloads; everything else is refused. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { FirmwareSummary } from '../shared/contract/index.ts'
import { asFlashproofError, FlashproofError, toWireError, type ErrorCode } from '../shared/errors.ts'
import type { Downloads } from './downloads.ts'
import { securityHeaders, type RequestGuard } from './request-guard.ts'
import type { StaticFile } from './static-files.ts'

export interface HttpFrontOptions {
  readonly port: number
  readonly guard: RequestGuard
  readonly files: ReadonlyMap<string, StaticFile>
  readonly downloads: Downloads
  /** Takes a file over. @throws {FlashproofError} */
  readonly upload: (request: IncomingMessage, about: UploadRequest) => Promise<{ readonly firmware?: FirmwareSummary }>
}

export interface UploadRequest {
  /** What the request named. */
  readonly session: string
  readonly name: string
  /** The serial line whose crashes are decoded with this ELF file; null for a firmware file. */
  readonly crashesOf: string | null
}

/** Errors whose status tells a program more than “unprocessable”. */
const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
  'contract.forbidden': 401,
  'control.not-held': 403,
  'file.too-large': 413,
  'file.disk-full': 507,
  'worker.not-ready': 503,
  'worker.gave-up': 503,
  'worker.exited': 503,
  'internal.unexpected': 500,
}

/** Answers one request. Never rejects. */
export function createHttpFront(
  options: HttpFrontOptions,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const headers = securityHeaders(options.port)
  return async (request, response) => {
    try {
      for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value)
      await answer(request, response, options)
    } catch (thrown) {
      refuse(request, response, thrown)
    }
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, options: HttpFrontOptions): Promise<void> {
  const { guard, files, downloads } = options
  if (!guard.isOurs(request)) {
    end(request, response, 403, 'this address is not served here\n')
    return
  }
  const url = parseUrl(request.url)
  if (url?.pathname === '/firmware' || url?.pathname === '/elf') {
    await takeUpload(request, response, url, options)
    return
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    end(request, response, 405, 'method not allowed\n')
    return
  }
  const isHead = request.method === 'HEAD'
  if (url !== null && (await downloads.answer(url.pathname, response, isHead))) return
  const file = files.get(url?.pathname ?? '')
  if (file === undefined) end(request, response, 404, 'not found\n')
  else sendFile(request, response, file, isHead)
}

function parseUrl(text: string | undefined): URL | null {
  // A path alone: what brings a host of its own is a request to a proxy, or tries to look like one.
  if (text?.startsWith('/') !== true || text.startsWith('//')) return null
  return URL.canParse(text, 'http://page') ? new URL(text, 'http://page') : null
}

function sendFile(request: IncomingMessage, response: ServerResponse, file: StaticFile, isHead: boolean): void {
  const compressed = /\bbr\b/.test(String(request.headers['accept-encoding'] ?? '')) ? file.compressed : null
  const body = compressed ?? file.content
  const headers: OutgoingHttpHeaders = {
    'content-type': file.mediaType,
    'cache-control': file.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    etag: file.entityTag,
    vary: 'accept-encoding',
  }
  if (request.headers['if-none-match'] === file.entityTag) {
    response.writeHead(304, headers).end()
    return
  }
  if (compressed !== null) headers['content-encoding'] = 'br'
  response.writeHead(200, { ...headers, 'content-length': body.length })
  response.end(isHead ? undefined : body)
}

async function takeUpload(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  { guard, upload }: HttpFrontOptions,
): Promise<void> {
  if (request.method !== 'POST') {
    response.setHeader('allow', 'POST')
    end(request, response, 405, 'method not allowed\n')
    return
  }
  const session = request.headers['x-flashproof-session']
  if (!guard.isFromOurPage(request) || typeof session !== 'string') {
    throw new FlashproofError('contract.forbidden', 'only the page of this station may hand over files')
  }
  const about = {
    session,
    name: url.searchParams.get('name') ?? '',
    crashesOf: url.pathname === '/elf' ? (url.searchParams.get('target') ?? '') : null,
  }
  sendJson(request, response, 200, await upload(request, about))
}

function refuse(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const error = asFlashproofError(thrown)
  const { code, message, details } = toWireError(error)
  // A stack is for the log, not for a page.
  sendJson(request, response, statuses[code] ?? 422, {
    error: { code, message, details: { ...details, stack: undefined } },
  })
}

function sendJson(request: IncomingMessage, response: ServerResponse, status: number, content: object): void {
  response.setHeader('cache-control', 'no-store')
  response.setHeader('content-type', 'application/json; charset=utf-8')
  closeUnlessRead(request, response)
  response.writeHead(status).end(JSON.stringify(content))
}

function end(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.setHeader('cache-control', 'no-store')
  closeUnlessRead(request, response)
  response.writeHead(status).end(text)
}

/** A body that nobody reads would otherwise be taken for the next request, or keep coming: Node ends such a connection. */
function closeUnlessRead(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete || request.method === 'GET' || request.method === 'HEAD') return
  response.setHeader('connection', 'close')
  request.resume()
}
