/** The requests of seed 5, written for these tests from the protocol's description. */
import { call, post, type WireAnswer, type WireOptions } from '../wire.ts'

export const ENDPOINT = '/api/v1/files/upload-chunk'

export interface Upload {
  readonly guid: string
  readonly path: string
  readonly content: Uint8Array
  readonly chunkBytes: number
  readonly totalChunks: number
}

export interface ChunkChanges {
  readonly data?: Uint8Array
  readonly random?: number
  readonly chunkNumber?: number
  readonly remaining?: number
}

export function control(target: string, body: unknown, options: WireOptions = {}): Promise<WireAnswer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const headers = { 'Content-Type': 'application/json', ...options.headers }
  return post(target, ENDPOINT, text, { ...options, headers })
}

export interface Plan {
  readonly fileName?: string
  readonly chunkBytes?: number
  readonly targetPath?: string
}

export function initOf(content: Uint8Array, { fileName = 'fw.bin', chunkBytes = 1000, targetPath }: Plan = {}): object {
  return {
    action: 'init',
    fileName,
    fileSize: content.length,
    chunkSize: chunkBytes,
    totalChunks: Math.ceil(content.length / chunkBytes),
    ...(targetPath === undefined ? {} : { targetPath }),
  }
}

/** Begins an upload and takes the address from the answer. */
export async function begin(
  target: string,
  content: Uint8Array,
  plan: Plan = {},
  options: WireOptions = {},
): Promise<Upload> {
  const answer = await control(target, initOf(content, plan), options)
  if (answer.json?.['status'] !== 'success') throw new Error(answer.text)
  const chunkBytes = plan.chunkBytes ?? 1000
  const { guid, uploadUrl } = dataOf(answer)
  return {
    guid: String(guid),
    path: String(uploadUrl),
    content,
    chunkBytes,
    totalChunks: Math.ceil(content.length / chunkBytes),
  }
}

export function dataOf(answer: WireAnswer): Readonly<Record<string, unknown>> {
  // Every answer of success that these tests look into has an object there.
  return answer.json?.['data'] as Record<string, unknown>
}

/** The ten bytes and the data behind them. */
export function chunkBody(upload: Upload, index: number, changes: ChunkChanges = {}): Buffer {
  const { content, chunkBytes } = upload
  const header = Buffer.alloc(10)
  header.writeUInt16LE(changes.random ?? (index * 7919 + 13) % 65536, 0)
  header.writeUInt32LE(changes.chunkNumber ?? index, 2)
  header.writeUInt32LE(changes.remaining ?? Math.max(0, content.length - (index + 1) * chunkBytes), 6)
  return Buffer.concat([header, changes.data ?? content.subarray(index * chunkBytes, (index + 1) * chunkBytes)])
}

export function put(
  target: string,
  upload: Upload,
  index: number,
  changes: ChunkChanges = {},
  options: WireOptions = {},
): Promise<WireAnswer> {
  const headers = { 'Content-Type': 'application/octet-stream', ...options.headers }
  return call(target, upload.path, { ...options, method: 'PUT', body: chunkBody(upload, index, changes), headers })
}

/** Sends chunks one after another; @returns the last answer */
export async function putAll(target: string, upload: Upload, from = 0): Promise<WireAnswer> {
  let answer = await put(target, upload, from)
  for (let index = from + 1; index < upload.totalChunks; index++) answer = await put(target, upload, index)
  return answer
}

/** Status code, status word and message. */
export function verdictOf(answer: WireAnswer): readonly unknown[] {
  return [answer.status, answer.json?.['status'], answer.json?.['message']]
}
