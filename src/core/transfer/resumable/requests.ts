/**
 * Builds each request of `resumable` and reads each answer; no loop, no timer. The wire form is that of Resumable.js
 * (`ResumableChunk`), the answers are those of its sample servers and of the seed's Flask server. A status alone is no
 * success: the Node sample answers 200 to everything.
 */
import { FlashproofError } from '../../../shared/errors.ts'
import { stripControl } from '../../../shared/units.ts'
import type { HttpAnswer, HttpRequest } from '../../links/http-client.ts'
import { multipartBody } from '../../links/multipart.ts'

export interface UploadPlan {
  readonly path: string
  readonly identifier: string
  readonly fileName: string
  readonly sizeBytes: number
  readonly chunkBytes: number
  readonly totalChunks: number
  readonly mode: 'multipart' | 'octet'
  readonly retriesServerErrors: boolean
}

export interface Chunk {
  /** From 0; on the wire it counts from 1. */
  readonly index: number
  readonly sizeBytes: number
}

type Parameter = readonly [name: string, value: string]
type Draft = Pick<HttpRequest, 'method' | 'path' | 'headers' | 'body'>

/** What a browser says of a file that it does not know; the seed's server refuses empty parameters. */
const MIME_TYPE = 'application/octet-stream'

/** The nine parameters, in the order of Resumable.js. */
export function parametersOf(plan: UploadPlan, { index, sizeBytes }: Chunk): Parameter[] {
  return [
    ['resumableChunkNumber', String(index + 1)],
    ['resumableChunkSize', String(plan.chunkBytes)],
    ['resumableCurrentChunkSize', String(sizeBytes)],
    ['resumableTotalSize', String(plan.sizeBytes)],
    ['resumableType', MIME_TYPE],
    ['resumableIdentifier', plan.identifier],
    ['resumableFilename', plan.fileName],
    ['resumableRelativePath', plan.fileName],
    ['resumableTotalChunks', String(plan.totalChunks)],
  ]
}

export function testRequest(plan: UploadPlan, chunk: Chunk): Draft {
  return { method: 'GET', path: withQuery(plan.path, parametersOf(plan, chunk)) }
}

/** The same question without a chunk: the seed's server then speaks of the whole upload. */
export function summaryRequest(plan: UploadPlan): Draft {
  const ofOneChunk = ['resumableChunkNumber', 'resumableCurrentChunkSize']
  const parameters = parametersOf(plan, { index: 0, sizeBytes: 0 }).filter(([name]) => !ofOneChunk.includes(name))
  return { method: 'GET', path: withQuery(plan.path, parameters) }
}

/** The parameters stand in the address in both modes, and in a form once more; the file comes last. */
export function uploadRequest(plan: UploadPlan, chunk: Chunk, bytes: Uint8Array): Draft {
  const parameters = parametersOf(plan, chunk)
  const path = withQuery(plan.path, parameters)
  if (plan.mode === 'octet') return { method: 'POST', path, headers: { 'content-type': MIME_TYPE }, body: bytes }
  const { contentType, parts } = multipartBody({
    fields: parameters,
    file: { field: 'file', fileName: plan.fileName, contentType: MIME_TYPE, bytes },
  })
  return { method: 'POST', path, headers: { 'content-type': contentType }, body: parts }
}

/** Statuses after which Resumable.js, or one of its versions, gives the whole file up. */
const PERMANENT = [400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 500, 501]
const NO_ROUTE = [404, 405, 501]

/**
 * Reads the answer to a chunk.
 * @throws {FlashproofError} device.unauthorised, device.not-speaking, device.refused (final), device.rejected,
 *   device.bad-answer (worth another try)
 */
export function readUpload(answer: HttpAnswer, { index }: Chunk, { retriesServerErrors }: UploadPlan): void {
  const what = `chunk ${String(index + 1)}`
  const { status } = answer
  const said = textOf(answer)
  const details = { status, deviceError: said }
  if (status === 200 || status === 201) {
    const failure = failureIn(answer)
    if (failure === null) return
    const message = `${what}: the server refused it: ${failure.text}`
    throw new FlashproofError(failure.isFinal ? 'device.refused' : 'device.rejected', message, details)
  }
  if (status === 401 || status === 403) {
    throw new FlashproofError('device.unauthorised', `${what}: the server answered ${String(status)}`, details)
  }
  const message = `${what}: the server answered ${String(status)}${said === '' ? '' : `: ${said}`}`
  const isForgiven = retriesServerErrors && (status === 500 || status === 501)
  if (isForgiven || !PERMANENT.includes(status)) throw new FlashproofError('device.rejected', message, details)
  throw new FlashproofError(NO_ROUTE.includes(status) ? 'device.not-speaking' : 'device.refused', message, details)
}

export type TestAnswer =
  | { readonly kind: 'present' }
  | { readonly kind: 'missing' }
  /** The server has a file of this name, whatever is in it, and says so for every chunk. */
  | { readonly kind: 'complete'; readonly sizeBytes: number | null }

/** Reads the answer to a test: whatever is not clearly “present” means that the chunk is sent. */
export function readTest(answer: HttpAnswer): TestAnswer {
  if (answer.status !== 200 && answer.status !== 201) return { kind: 'missing' }
  const body = jsonObject(answer)
  if (body?.['status'] === 'complete') return { kind: 'complete', sizeBytes: sizeIn(body) }
  // A summary, a refusal or a web page says nothing of this chunk.
  const isOther = body?.['status'] === 'in_progress' || body?.['status'] === 'not_found'
  const isPage = body === null && /^[\s·]*<|^not_found/i.test(textOf(answer))
  return { kind: isOther || isPage || failureIn(answer) !== null ? 'missing' : 'present' }
}

export type SummaryAnswer =
  | { readonly kind: 'complete'; readonly sizeBytes: number | null }
  | { readonly kind: 'in-progress'; readonly chunksPresent: number | null }
  | { readonly kind: 'not-found' }
  /** The server has no such question. */
  | { readonly kind: 'cannot-tell' }

/** Reads the answer to the question without a chunk (the seed's server, `GET /resumable_upload`). */
export function readSummary(answer: HttpAnswer): SummaryAnswer {
  const body = answer.status === 200 || answer.status === 201 ? jsonObject(answer) : null
  switch (body?.['status']) {
    case 'complete':
      return { kind: 'complete', sizeBytes: sizeIn(body) }
    case 'in_progress': {
      const present = body['chunks_present']
      return { kind: 'in-progress', chunksPresent: typeof present === 'number' ? present : null }
    }
    case 'not_found':
      return { kind: 'not-found' }
    default:
      return { kind: 'cannot-tell' }
  }
}

/** Whether an answer with a status of success is a failure all the same; `isFinal`: the same request cannot go well. */
function failureIn(answer: HttpAnswer): { readonly text: string; readonly isFinal: boolean } | null {
  const text = textOf(answer)
  if (/^\s*(invalid_resumable_request\d*|non_resumable_request)/.test(text)) return { text, isFinal: true }
  // A login page of a guest network answers 200 to everything; no server of this protocol answers a chunk with a document.
  if (/^[\s·]*<(!doctype|html|head|body)\b/i.test(text)) return { text: `a web page: ${text}`, isFinal: false }
  const body = jsonObject(answer)
  const isFailure = body !== null && (body['success'] === false || /^(error|fail)/.test(String(body['status'])))
  return isFailure ? { text, isFinal: false } : null
}

function withQuery(path: string, parameters: readonly Parameter[]): string {
  const query = parameters.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
  return `${path}?${query.join('&')}`
}

function sizeIn(body: Readonly<Record<string, unknown>>): number | null {
  const { size } = body
  return typeof size === 'number' && Number.isFinite(size) ? size : null
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
