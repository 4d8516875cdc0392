/**
 * The server of seed 5 as it runs (PsWebHost, WebhostFileExplorer): one temporary file an upload, chunks written at their place,
 * and every exception in a PUT ends the upload.
 */
import { randomUUID } from 'node:crypto'
import type { VirtualBoard } from '../board/board.ts'
import { DeviceError } from '../board/device-error.ts'
import type { FileService } from '../board/file-server.ts'
import type { FileStore } from '../board/file-store.ts'
import { otherPoint, textReply, type FrontRequest, type FrontRoute, type Outcome } from '../board/http-front.ts'
import { fileServerHooksOf, type FileServerHooks } from '../faults/file-server-hooks.ts'
import type { RequestPoint } from '../faults/fault-hooks.ts'
import type { JsonValue } from '../python-json.ts'
import { ChunkBody } from './chunk-body.ts'
import { HEADER_BYTES, readChunkHeader } from './chunk-header.ts'
import { problemWithChunk, problemWithPlan } from './strict-checks.ts'
import { Upload, type UploadPlan } from './uploads.ts'

export const ENDPOINT = '/api/v1/files/upload-chunk'
/** The upload address that the server names has this in front; the documented one has not. */
export const PREFIX = '/apps/WebhostFileExplorer'

const DEFAULT_TARGET = 'User:me'
const NOT_OWNED = 'Unauthorized: You do not own this upload'
const NOBODY_KNOWN = 'me'

export interface GuidServiceOptions {
  /** Whether it also looks at what the real server does not. */
  readonly isStrict: boolean
  /** The only account; null lets everybody in. */
  readonly account: { readonly username: string; readonly password: string } | null
}

export class GuidService implements FileService {
  readonly #board: VirtualBoard
  readonly #files: FileStore
  readonly #options: GuidServiceOptions
  readonly #uploads = new Map<string, Upload>()

  constructor(board: VirtualBoard, files: FileStore, options: GuidServiceOptions) {
    this.#board = board
    this.#files = files
    this.#options = options
  }

  stored(): Uint8Array | null {
    return this.#files.latest()
  }

  /** Temporary files; those of uploads that a restart forgot stay. */
  leftovers(): number {
    const open = [...this.#uploads.values()].filter(({ temporaryPath }) => this.#files.sizeOf(temporaryPath) === null)
    return open.length + this.#files.paths().filter(path => /\/newUploadTemp_[^/]+\.tmp$/.test(path)).length
  }

  route(request: FrontRequest): FrontRoute | null {
    if (request.path !== ENDPOINT && request.path !== PREFIX + ENDPOINT) return null
    const user = this.#userOf(request)
    if (user === null) return { point: otherPoint, answer: unknownUser }
    if (request.method === 'PUT') return this.#putRoute(request.query.get('guid') ?? '', user)
    if (request.method === 'POST') {
      return { point: otherPoint, answer: body => this.#control(body.toString(), user) }
    }
    return { point: otherPoint, answer: () => ({ reply: textReply(405, 'Method Not Allowed') }) }
  }

  /** @returns who asks; null when nobody was named who is known */
  #userOf(request: FrontRequest): string | null {
    const { account } = this.#options
    if (account === null) return NOBODY_KNOWN
    const { username, password } = account
    const expected = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
    return request.headers.authorization === expected ? username : null
  }

  #control(body: string, user: string): Outcome {
    const data = parseObject(body)
    if (data === null) return fail(400, 'Invalid JSON in request body')
    const action = data['action'] ?? ''
    if (action === '') return fail(400, 'Missing required parameter: action (init or cancel)')
    if (action === 'init') return this.#begin(data, user)
    if (action === 'cancel') return this.#cancel(data['guid'], user)
    return fail(400, `Invalid action: ${this.#shown(action)}. Must be 'init' or 'cancel'`)
  }

  #begin(data: Readonly<Record<string, unknown>>, user: string): Outcome {
    const { fileName, fileSize, chunkSize, totalChunks } = data
    const isMissing = [fileSize, chunkSize, totalChunks].some(value => value === undefined || value === null)
    if (isMissing || typeof fileName !== 'string' || fileName === '') {
      return fail(400, 'Missing required parameters: fileName, fileSize, chunkSize, totalChunks')
    }
    const targetPath = data['targetPath'] ?? DEFAULT_TARGET
    if (typeof targetPath !== 'string' || !isAllowedPath(targetPath) || !isAllowedName(fileName)) {
      return fail(403, 'Access denied to this path')
    }
    const plan: UploadPlan = {
      fileName,
      fileBytes: Number(fileSize),
      chunkBytes: Number(chunkSize),
      totalChunks: Number(totalChunks),
      targetPath,
    }
    const problem = this.#options.isStrict ? problemWithPlan(plan) : null
    if (problem !== null) return fail(400, problem)
    const upload = new Upload(randomUUID(), user, plan)
    this.#uploads.set(upload.guid, upload)
    return success('Upload initialized', {
      guid: upload.guid,
      uploadUrl: `${this.#hooks().uploadOrigin}${PREFIX}${ENDPOINT}?guid=${upload.guid}`,
      fileName: this.#shown(fileName),
      fileSize: plan.fileBytes,
      totalChunks: plan.totalChunks,
    })
  }

  #cancel(guid: unknown, user: string): Outcome {
    if (typeof guid !== 'string' || guid === '') return fail(400, 'Missing required parameter: guid')
    const upload = this.#uploads.get(guid)
    if (upload === undefined) return fail(404, `Upload not found: ${this.#shown(guid)}`)
    if (upload.owner !== user) return fail(403, NOT_OWNED)
    this.#forget(upload)
    return success('Upload cancelled')
  }

  #putRoute(guid: string, user: string): FrontRoute {
    const upload = this.#uploads.get(guid)
    const body = new ChunkBody(upload ?? null)
    let isLast = false
    return {
      get point(): RequestPoint {
        return { kind: 'chunk', chunk: body.chunkNumber, target: guid, ...(isLast ? { isLast } : {}) }
      },
      onPiece: piece => {
        body.push(piece)
        return undefined
      },
      // A body that ends early is an exception inside the handler, as any other.
      onLost: () => {
        body.end()
        if (upload?.owner === user) this.#forget(upload)
      },
      answer: () =>
        this.#put(guid, user, body.end(), () => {
          isLast = true
        }),
    }
  }

  #put(guid: string, user: string, body: Buffer, setLast: () => void): Outcome {
    if (guid === '') return fail(400, 'Missing required query parameter: guid')
    const hooks = this.#hooks()
    const chunk = body.length >= HEADER_BYTES ? readChunkHeader(body).chunkNumber : null
    const point: RequestPoint = { kind: 'chunk', chunk, target: guid }
    const known = this.#uploads.get(guid)
    if (known !== undefined && hooks.forgetsUpload(point)) this.#forget(known)
    const upload = this.#uploads.get(guid)
    if (upload === undefined) return fail(404, `Upload not found: ${this.#shown(guid)}`)
    if (hooks.changesOwner(point)) upload.owner = `not ${user}`
    if (upload.owner !== user) return fail(403, NOT_OWNED)
    const refusal = hooks.refusesChunk(point)
    if (refusal !== null) return fail(200, refusal)
    try {
      if (hooks.failsChunk(point)) throw new DeviceError('The process cannot access the file')
      return this.#takeChunk(upload, body, hooks, setLast)
    } catch (thrown) {
      if (!(thrown instanceof DeviceError)) throw thrown
      this.#forget(upload)
      return fail(500, this.#shown(thrown.message))
    }
  }

  /** @throws {DeviceError} when the flash does not take it, or the finished file has another size than was declared */
  #takeChunk(upload: Upload, body: Buffer, hooks: Required<FileServerHooks>, setLast: () => void): Outcome {
    if (body.length <= HEADER_BYTES) {
      return fail(400, 'Invalid chunk data: minimum 11 bytes required (10 byte header + data)')
    }
    const header = readChunkHeader(body)
    const { chunkNumber } = header
    const { totalChunks, chunkBytes } = upload.plan
    if (!(chunkNumber < totalChunks)) {
      return fail(400, `Invalid chunk number: ${String(chunkNumber)} (expected 0-${String(totalChunks - 1)})`)
    }
    const counts = { chunkNumber, receivedChunks: upload.receivedChunks, totalChunks }
    // Without bytesRemaining, as on the real server.
    if (upload.has(chunkNumber)) {
      return success('Chunk already received (idempotent)', { ...counts, complete: upload.isWhole })
    }
    const data = body.subarray(HEADER_BYTES)
    const problem = this.#options.isStrict ? problemWithChunk(upload, header, data.length) : null
    if (problem !== null) return fail(400, problem)
    const stored = this.#board.faults.storeInstead(chunkNumber, data)
    this.#files.writeAt(upload.temporaryPath, chunkNumber * chunkBytes, stored)
    const busyMs = this.#board.flashTime.write(stored.length)
    upload.add(chunkNumber)
    if (upload.isWhole) {
      setLast()
      return { ...this.#finish(upload, hooks), busyMs }
    }
    const { receivedChunks } = upload
    if (hooks.claimsCompletion(receivedChunks)) {
      this.#forget(upload)
      return { ...completed(upload, upload.plan.fileBytes, receivedChunks), busyMs }
    }
    const progress = { ...counts, receivedChunks, complete: false, bytesRemaining: header.bytesRemaining }
    return { ...success('Chunk received', progress), busyMs }
  }

  #finish(upload: Upload, hooks: Required<FileServerHooks>): Outcome {
    const { fileBytes, totalChunks } = upload.plan
    const file = this.#files.read(upload.temporaryPath) ?? new Uint8Array()
    if (file.length !== fileBytes) {
      throw new DeviceError(`File size mismatch: expected ${String(fileBytes)} bytes, got ${String(file.length)} bytes`)
    }
    const tail = this.#oldTail(upload, hooks.oldTailBytes)
    this.#files.write(upload.finalPath, tail.length === 0 ? file : Buffer.concat([file, tail]))
    this.#files.setLatest(upload.finalPath)
    this.#forget(upload)
    return completed(upload, fileBytes, totalChunks)
  }

  /** What a file that is opened without being truncated keeps; on a fresh device, as if a longer one had been there. */
  #oldTail(upload: Upload, oldTailBytes: number): Uint8Array {
    if (oldTailBytes === 0) return new Uint8Array()
    const old = this.#files.read(upload.finalPath)
    if (old !== null && old.length > upload.plan.fileBytes) return old.subarray(upload.plan.fileBytes)
    return new Uint8Array(oldTailBytes).fill(0xa5)
  }

  #forget(upload: Upload): void {
    if (!this.#uploads.delete(upload.guid)) return
    this.#files.remove(upload.temporaryPath)
  }

  #hooks(): Required<FileServerHooks> {
    return fileServerHooksOf(this.#board.faults.all)
  }

  #shown(text: unknown): string {
    return this.#board.faults.disguise(String(text))
  }
}

function completed(upload: Upload, sizeBytes: number, receivedChunks: number): Outcome {
  const { fileName, totalChunks } = upload.plan
  const data = { fileName, size: sizeBytes, complete: true, receivedChunks, totalChunks }
  return success('Upload completed successfully', data)
}

type Data = Readonly<Record<string, JsonValue>>

function success(message: string, data?: Data): Outcome {
  const value = { status: 'success', message, ...(data === undefined ? {} : { data }) }
  return { reply: { kind: 'json', status: 200, value } }
}

function fail(status: number, message: string): Outcome {
  return { reply: { kind: 'json', status, value: { status: 'fail', message } } }
}

function unknownUser(): Outcome {
  const value = { status: 'fail', message: 'User not authenticated' }
  const headers = { 'WWW-Authenticate': 'Basic realm="PsWebHost"' }
  return { reply: { kind: 'json', status: 401, value, headers } }
}

/** An account's own folders, without a way out of them. */
function isAllowedPath(path: string): boolean {
  const [root, ...folders] = path.split('/')
  return /^User:[^\\]+$/.test(root ?? '') && folders.every(isAllowedName)
}

function isAllowedName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name)
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    // An object that is no list has named fields of any type.
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return null
  }
}

/** As PowerShell's `ConvertTo-Json` writes: over several lines. */
export function toPowerShellJson(value: Data): string {
  return JSON.stringify(value, null, 2).replaceAll('\n', '\r\n')
}
