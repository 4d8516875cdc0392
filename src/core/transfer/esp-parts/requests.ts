/**
 * Builds each request of `esp-parts` and reads each answer; no loop, no timer. The seed's two endpoints come from its
 * document, the optional ones are described in docs/devices.md. Success is what the body says: the status is 200 in both
 * cases.
 */
import { FlashproofError } from '../../../shared/errors.ts'
import { stripControl } from '../../../shared/units.ts'
import { hmacSha256InPieces } from '../../image/digest-in-pieces.ts'
import type { HttpAnswer, HttpRequest } from '../../links/http-client.ts'
import { encodePath } from './options.ts'

export interface Capabilities {
  readonly chunkBytes: readonly [number, number] | null
  readonly hasHash: boolean
  readonly hasStatus: boolean
  readonly hasSession: boolean
}

export interface SessionHeaders {
  readonly sizeBytes: number
  readonly sha256: string
  readonly chunkBytes: number
}

export interface UploadStatus {
  readonly sha256: string
  readonly sizeBytes: number
  readonly chunkBytes: number
  /** Chunk 0 is the lowest bit of byte 0. */
  readonly have: Uint8Array
  readonly state: 'receiving' | 'stored' | 'booting'
}

export interface FlashHash {
  readonly sha256: string
  readonly sizeBytes: number | null
  readonly nonce: string | null
  readonly hmac: string | null
}

type Draft = Pick<HttpRequest, 'method' | 'path' | 'headers' | 'body'>

const JSON_HEADERS = { 'content-type': 'application/json' }

/** Makes the chunk requests of one session: what they share is built once. */
export function chunkRequests(
  path: string,
  session: SessionHeaders | null,
): (index: number, bytes: Uint8Array) => Draft {
  const start = `/upload/chunk/${encodePath(path)}/`
  const headers = { 'content-type': 'application/octet-stream', ...sessionHeaders(session) }
  return (index, bytes) => ({ method: 'POST', path: start + String(index), headers, body: bytes })
}

export function completeRequest(path: string, totalChunks: number, session: SessionHeaders | null): Draft {
  return {
    method: 'POST',
    path: `/upload/complete/${encodePath(path)}/${String(totalChunks)}`,
    headers: { ...JSON_HEADERS, ...sessionHeaders(session) },
    // The seed's server reads only the number in the path; its client sends both.
    body: Buffer.from(JSON.stringify({ total_chunks: totalChunks })),
  }
}

export const capabilitiesRequest: Draft = { method: 'GET', path: '/upload/capabilities' }

/** A GET of a route that only takes POST: the seed's router answers 405 where the route exists, and nothing happens. */
export const routeProbeRequest: Draft = { method: 'GET', path: '/upload/complete/flashproof-probe/0' }

/** A route that no device has: a server that answers 405 to this one too says it to everything. */
export const controlRequest: Draft = { method: 'GET', path: '/flashproof-probe' }

export function statusRequest(path: string): Draft {
  return { method: 'GET', path: `/upload/status/${encodePath(path)}` }
}

export function hashRequest(path: string, nonce: string): Draft {
  return { method: 'GET', path: `/upload/hash/${encodePath(path)}?nonce=${nonce}` }
}

/** docs/devices.md: HMAC-SHA256 with the nonce's bytes as the key over the whole content. */
export function expectedHmac(nonce: string, content: Uint8Array): Promise<string> {
  return hmacSha256InPieces(Buffer.from(nonce, 'hex'), content)
}

/**
 * Reads the answer to a chunk or a completion.
 * @returns the parsed body of a success
 * @throws {FlashproofError} device.not-speaking and device.unauthorised (final), device.rejected, device.bad-answer and
 *   device.session-lost (worth another try)
 */
export function readSuccess(answer: HttpAnswer, what: string): Readonly<Record<string, unknown>> {
  assertSpeaking(answer, what)
  assertNoPassingFailure(answer, what)
  const body = jsonObject(answer)
  if (body === null) throw badAnswer(answer, what)
  if (body['success'] === true && answer.status < 300) return body
  if (body['success'] === false || answer.status >= 300) {
    const error = typeof body['error'] === 'string' ? stripControl(body['error'], 200) : ''
    if (error === 'session')
      throw new FlashproofError('device.session-lost', `${what}: the device holds another session`)
    throw new FlashproofError('device.rejected', `${what}: the device refused it${error === '' ? '' : `: ${error}`}`, {
      status: answer.status,
      deviceError: error,
    })
  }
  throw badAnswer(answer, what)
}

/** A chunk's answer names the chunk; another number belongs to another request. A missing one is accepted. */
export function assertChunkNumber(body: Readonly<Record<string, unknown>>, index: number): void {
  const number = body['chunk']
  if (number === undefined || number === index) return
  throw new FlashproofError(
    'device.bad-answer',
    `chunk ${String(index)}: the device answered for chunk ${JSON.stringify(number)}`,
    {
      index,
      answeredIndex: number,
    },
  )
}

/**
 * Reads the answer to the capabilities request; null where the device has no such endpoint.
 * @throws {FlashproofError} device.not-speaking when something answers that is no such device (a web page, say),
 *   device.unauthorised, device.rejected for a failure that may pass
 */
export function readCapabilities(answer: HttpAnswer): Capabilities | null {
  if (answer.status === 404 || answer.status === 405 || answer.status === 501) return null
  if (answer.status === 401 || answer.status === 403) assertSpeaking(answer, 'capabilities')
  assertNoPassingFailure(answer, 'capabilities')
  const body = answer.status >= 200 && answer.status < 300 ? jsonObject(answer) : null
  if (body === null || !['chunk_bytes', 'hash', 'status', 'session'].some(key => Object.hasOwn(body, key))) {
    throw new FlashproofError('device.not-speaking', 'something else answers at this address', {
      status: answer.status,
      contentType: stripControl(answer.contentType, 80),
      answer: textOf(answer),
    })
  }
  const range: unknown = body['chunk_bytes']
  return {
    chunkBytes: isRange(range) ? range : null,
    hasHash: body['hash'] === true,
    hasStatus: body['status'] === true,
    hasSession: body['session'] === true,
  }
}

/**
 * Reads the answer to a status request; null where the device knows of no such upload or has no such endpoint.
 * @throws {FlashproofError} device.bad-answer, device.rejected: what says neither must not pass for “nothing there”
 */
export function readStatus(answer: HttpAnswer): UploadStatus | null {
  if (answer.status === 404 || answer.status === 405 || answer.status === 501) return null
  assertNoPassingFailure(answer, 'status')
  const body = jsonObject(answer)
  if (body?.['success'] === false) return null
  const { sha256, size, chunk_bytes: chunkBytes, have, state } = body ?? {}
  const isState = state === 'receiving' || state === 'stored' || state === 'booting'
  const isWhole = typeof sha256 === 'string' && isPositiveInteger(size) && isPositiveInteger(chunkBytes) && isState
  if (body?.['success'] !== true || !isWhole) throw badAnswer(answer, 'status')
  return {
    sha256: sha256.toLowerCase(),
    sizeBytes: size,
    chunkBytes,
    have: typeof have === 'string' ? Buffer.from(have, 'base64') : new Uint8Array(),
    state,
  }
}

export type HashAnswer =
  | { readonly kind: 'hash'; readonly hash: FlashHash }
  /** The device has the endpoint and says that there is nothing under this name. */
  | { readonly kind: 'absent'; readonly deviceError: string }
  /** The device has no such endpoint. */
  | { readonly kind: 'unsupported' }

/**
 * Reads the answer to a hash request.
 * @throws {FlashproofError} device.bad-answer, device.rejected
 */
export function readHash(answer: HttpAnswer): HashAnswer {
  if (answer.status === 404 || answer.status === 405 || answer.status === 501) {
    const refusal = jsonObject(answer)
    if (refusal?.['success'] !== false) return { kind: 'unsupported' }
  }
  assertNoPassingFailure(answer, 'hash')
  const body = jsonObject(answer)
  if (body?.['success'] === false) {
    return { kind: 'absent', deviceError: stripControl(typeof body['error'] === 'string' ? body['error'] : '', 200) }
  }
  const sha256 = body?.['sha256']
  if (body?.['success'] !== true || typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/i.test(sha256)) {
    throw badAnswer(answer, 'hash')
  }
  const { nonce, hmac, size } = body
  return {
    kind: 'hash',
    hash: {
      sha256: sha256.toLowerCase(),
      sizeBytes: typeof size === 'number' ? size : null,
      nonce: typeof nonce === 'string' ? nonce.toLowerCase() : null,
      hmac: typeof hmac === 'string' ? hmac.toLowerCase() : null,
    },
  }
}

function assertSpeaking(answer: HttpAnswer, what: string): void {
  if (answer.status === 401 || answer.status === 403) {
    throw new FlashproofError('device.unauthorised', `${what}: the device wants credentials`, { status: answer.status })
  }
  // 404, 405 and 501 mean that the routes are not there; a redirect leads to somebody else.
  const isRefusal = [400, 408, 409, 413, 429].includes(answer.status)
  if (answer.status === 501 || (answer.status >= 300 && answer.status < 500 && !isRefusal)) {
    throw new FlashproofError('device.not-speaking', `${what}: the device answered ${String(answer.status)}`, {
      status: answer.status,
      answer: textOf(answer),
    })
  }
}

/** A status by which a server says that the same request may go well later. */
function assertNoPassingFailure(answer: HttpAnswer, what: string): void {
  if (answer.status !== 408 && answer.status !== 429 && answer.status < 500) return
  throw new FlashproofError('device.rejected', `${what}: the device answered ${String(answer.status)}`, {
    status: answer.status,
    answer: textOf(answer),
  })
}

function badAnswer(answer: HttpAnswer, what: string): FlashproofError {
  return new FlashproofError('device.bad-answer', `${what}: the answer is not the JSON of this protocol`, {
    status: answer.status,
    contentType: stripControl(answer.contentType, 80),
    answer: textOf(answer),
  })
}

function sessionHeaders(session: SessionHeaders | null): Record<string, string> {
  if (session === null) return {}
  return {
    'x-flashproof-size': String(session.sizeBytes),
    'x-flashproof-sha256': session.sha256,
    'x-flashproof-chunk': String(session.chunkBytes),
  }
}

function jsonObject(answer: HttpAnswer): Readonly<Record<string, unknown>> | null {
  try {
    const { buffer, byteOffset, byteLength } = answer.body
    const value: unknown = JSON.parse(Buffer.from(buffer, byteOffset, byteLength).toString('utf8'))
    // JSON.parse gives plain data, so an object that is no array is a record of unknown values.
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

/** The first 200 characters, as a person should see them. */
function textOf(answer: HttpAnswer): string {
  return stripControl(Buffer.from(answer.body.subarray(0, 800)).toString('utf8'), 200)
}

function isPositiveInteger(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0
}

function isRange(value: unknown): value is readonly [number, number] {
  if (!Array.isArray(value) || value.length !== 2) return false
  const [minimum, maximum] = value as readonly unknown[]
  const areWhole = Number.isInteger(minimum) && Number.isInteger(maximum)
  return areWhole && Number(minimum) > 0 && Number(maximum) >= Number(minimum)
}
