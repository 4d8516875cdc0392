/**
 * Builds each request of `guid-chunks` and reads each answer; no loop, no timer. The wire form is that of the binary
 * upload protocol's document and of its server (PsWebHost `post.ps1`, `put.ps1`). Success is what the body says.
 */
import { FlashproofError } from '../../../shared/errors.ts'
import { stripControl } from '../../../shared/units.ts'
import type { HttpAnswer, HttpRequest } from '../../links/http-client.ts'

export const HEADER_BYTES = 10
/** The header counts the remaining bytes in 32 bits. */
export const MAXIMUM_FILE_BYTES = 0xffff_ffff

const LONGEST_UPLOAD_URL = 2000
const LONGEST_GUID = 200

export interface UploadPlan {
  readonly fileName: string
  readonly fileSizeBytes: number
  readonly chunkBytes: number
  readonly totalChunks: number
  readonly targetFolder: string
}

/** What names one upload on the server. */
export interface UploadSession {
  /** Path and query from the server's root, already encoded. */
  readonly uploadUrl: string
  readonly guid: string | null
}

export interface ChunkAnswer {
  readonly isComplete: boolean
  readonly receivedChunks: number | null
  readonly totalChunks: number | null
  /** Size of the file as the server counts it; only the answer to the last chunk has one. */
  readonly sizeBytes: number | null
  readonly fileName: string | null
}

type Draft = Pick<HttpRequest, 'method' | 'path' | 'headers' | 'body'>

const JSON_HEADERS = { 'content-type': 'application/json' }
const BINARY_HEADERS = { 'content-type': 'application/octet-stream' }

export function initRequest(path: string, plan: UploadPlan): Draft {
  const body = {
    action: 'init',
    fileName: plan.fileName,
    fileSize: plan.fileSizeBytes,
    chunkSize: plan.chunkBytes,
    totalChunks: plan.totalChunks,
    targetPath: plan.targetFolder,
  }
  return { method: 'POST', path, headers: JSON_HEADERS, body: Buffer.from(JSON.stringify(body)) }
}

export function cancelRequest(path: string, guid: string): Draft {
  return { method: 'POST', path, headers: JSON_HEADERS, body: Buffer.from(JSON.stringify({ action: 'cancel', guid })) }
}

/** The image's bytes are not copied: the header goes before them. */
export function chunkRequest(uploadUrl: string, header: Uint8Array, bytes: Uint8Array): Draft {
  return { method: 'PUT', path: uploadUrl, headers: BINARY_HEADERS, body: [header, bytes] }
}

/**
 * The ten bytes before a chunk, little-endian: u16 random, u32 number from 0, u32 bytes that remain after this chunk.
 * @param chunk all below 2^32; `random` below 2^16
 */
export function chunkHeader(chunk: {
  readonly random: number
  readonly index: number
  readonly remainingBytes: number
}): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES)
  const view = new DataView(header.buffer)
  view.setUint16(0, chunk.random, true)
  view.setUint32(2, chunk.index, true)
  view.setUint32(6, chunk.remainingBytes, true)
  return header
}

/** Bytes that remain after chunk `index`. */
export function remainingAfter(plan: Pick<UploadPlan, 'fileSizeBytes' | 'chunkBytes'>, index: number): number {
  return Math.max(0, plan.fileSizeBytes - (index + 1) * plan.chunkBytes)
}

/**
 * Reads the answer to the init.
 * @param origin of the server: an upload address anywhere else is refused
 * @throws {FlashproofError} device.foreign-address, device.unauthorised, device.not-speaking, device.refused (final),
 *   device.rejected, device.bad-answer (worth another try)
 */
export function readInit(answer: HttpAnswer, plan: UploadPlan, at: { origin: string; path: string }): UploadSession {
  if (answer.status === 404) throw notSpeaking(answer, 'init')
  const data = readData(answer, 'init')
  const guid = textIn(data, 'guid', LONGEST_GUID)
  const given = data['uploadUrl']
  if (given !== undefined && (typeof given !== 'string' || given === '')) throw badAnswer(answer, 'init')
  if (given === undefined && guid === null) throw badAnswer(answer, 'init')
  const uploadUrl =
    given === undefined ? `${at.path}?guid=${encodeURIComponent(guid ?? '')}` : sameServer(given, at.origin)
  const session = { uploadUrl, guid: guid ?? new URL(uploadUrl, at.origin).searchParams.get('guid') }
  const isOther = (key: string, ours: number): boolean => typeof data[key] === 'number' && data[key] !== ours
  if (isOther('fileSize', plan.fileSizeBytes) || isOther('totalChunks', plan.totalChunks)) {
    throw new FlashproofError('device.bad-answer', 'init: the server took other sizes than it was told', {
      told: { fileSize: plan.fileSizeBytes, totalChunks: plan.totalChunks },
      taken: { fileSize: data['fileSize'], totalChunks: data['totalChunks'] },
    })
  }
  return session
}

/**
 * The guid of an init that is not followed, so that it can be taken back; null where none is told.
 */
export function guidOf(answer: HttpAnswer): string | null {
  const data = jsonObject(answer)?.['data']
  return isRecord(data) ? textIn(data, 'guid', LONGEST_GUID) : null
}

/**
 * Reads the answer to a chunk.
 * @throws {FlashproofError} device.session-lost when the server knows no such upload; device.unauthorised,
 *   device.not-speaking, device.refused (final); device.rejected, device.bad-answer (worth another try)
 */
export function readChunk(answer: HttpAnswer, index: number, totalChunks: number): ChunkAnswer {
  const what = `chunk ${String(index)}`
  if (answer.status === 404) {
    throw new FlashproofError('device.session-lost', `${what}: the server knows no such upload`, {
      answer: textOf(answer),
    })
  }
  const data = readData(answer, what)
  const number = data['chunkNumber']
  const total = numberIn(data, 'totalChunks')
  if ((number !== undefined && number !== index) || (total !== null && total !== totalChunks)) {
    throw new FlashproofError('device.bad-answer', `${what}: the server answered for another chunk or upload`, {
      index,
      totalChunks,
      answered: { chunkNumber: number, totalChunks: total },
    })
  }
  return {
    isComplete: data['complete'] === true,
    receivedChunks: numberIn(data, 'receivedChunks'),
    totalChunks: total,
    sizeBytes: numberIn(data, 'size'),
    fileName: textIn(data, 'fileName', 200),
  }
}

/** What became of a cancel: `gone` where the server says that it dropped the upload, `unknown-upload` where it has none. */
export function readCancel(answer: HttpAnswer): 'gone' | 'unknown-upload' | 'refused' {
  if (answer.status === 404) return 'unknown-upload'
  return answer.status < 300 && jsonObject(answer)?.['status'] === 'success' ? 'gone' : 'refused'
}

/** Whether a route is there that takes other methods: what the GET of an upload route shows. */
export function readRoute(answer: HttpAnswer): 'upload-route' | 'some-route' | 'none' {
  if (answer.status !== 405) return 'none'
  const allowed = (answer.headers.get('allow') ?? '').toUpperCase().split(/[\s,]+/)
  return allowed.includes('PUT') && allowed.includes('POST') ? 'upload-route' : 'some-route'
}

/** @returns path and query @throws {FlashproofError} device.foreign-address, device.bad-answer */
function sameServer(uploadUrl: string, origin: string): string {
  let url: URL
  try {
    url = new URL(uploadUrl, origin)
  } catch (cause) {
    throw new FlashproofError('device.bad-answer', 'init: the upload address cannot be read', {}, { cause })
  }
  if (url.origin !== origin || uploadUrl.length > LONGEST_UPLOAD_URL) {
    const shown = stripControl(uploadUrl, 200)
    throw new FlashproofError('device.foreign-address', `the server sends the upload to another place: ${shown}`, {
      uploadUrl: shown,
      origin,
    })
  }
  return url.pathname + url.search
}

/** @returns `data` of a success */
function readData(answer: HttpAnswer, what: string): Readonly<Record<string, unknown>> {
  assertSpeaking(answer, what)
  const body = jsonObject(answer)
  const message = body === null ? '' : (textIn(body, 'message', 200) ?? '')
  const said = message === '' ? '' : `: ${message}`
  if (answer.status === 408 || answer.status === 429 || answer.status >= 500) {
    throw new FlashproofError('device.rejected', `${what}: the server answered ${String(answer.status)}${said}`, {
      status: answer.status,
      deviceError: message === '' ? textOf(answer) : message,
    })
  }
  if (answer.status >= 400 || body?.['status'] === 'fail' || body?.['status'] === 'error') {
    throw new FlashproofError('device.refused', `${what}: the server refused it${said}`, {
      status: answer.status,
      deviceError: message === '' ? textOf(answer) : message,
    })
  }
  const data = body?.['data']
  if (body?.['status'] !== 'success' || !isRecord(data)) throw badAnswer(answer, what)
  return data
}

function assertSpeaking(answer: HttpAnswer, what: string): void {
  if (answer.status === 401 || answer.status === 403) {
    const body = jsonObject(answer)
    const message = body === null ? '' : (textIn(body, 'message', 200) ?? '')
    const said = message === '' ? `the server answered ${String(answer.status)}` : message
    throw new FlashproofError('device.unauthorised', `${what}: ${said}`, {
      status: answer.status,
      deviceError: message,
    })
  }
  // A redirect leads to somebody else, 405 and 501 mean that the route is not there.
  const isElsewhere = answer.status >= 300 && answer.status < 400
  if (isElsewhere || answer.status === 405 || answer.status === 501) throw notSpeaking(answer, what)
}

function notSpeaking(answer: HttpAnswer, what: string): FlashproofError {
  return new FlashproofError('device.not-speaking', `${what}: the server answered ${String(answer.status)}`, {
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

function jsonObject(answer: HttpAnswer): Readonly<Record<string, unknown>> | null {
  try {
    const { buffer, byteOffset, byteLength } = answer.body
    const value: unknown = JSON.parse(Buffer.from(buffer, byteOffset, byteLength).toString('utf8'))
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textIn(record: Readonly<Record<string, unknown>>, key: string, longest: number): string | null {
  const value = record[key]
  return typeof value === 'string' && value !== '' && value.length <= longest ? stripControl(value, longest) : null
}

function numberIn(record: Readonly<Record<string, unknown>>, key: string): number | null {
  const value = record[key]
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

/** The first 200 characters, as a person should see them. */
function textOf(answer: HttpAnswer): string {
  return stripControl(Buffer.from(answer.body.subarray(0, 800)).toString('utf8'), 200)
}
