/**
 * The Node sample server of Resumable.js (samples/Node.js): HTTP 200 for every text, its own count of chunks, and no file ever
 * put together.
 */
import type { VirtualBoard } from '../board/board.ts'
import type { FileService } from '../board/file-server.ts'
import type { FileStore } from '../board/file-store.ts'
import { otherPoint, textReply, type FrontRequest, type FrontRoute, type Outcome } from '../board/http-front.ts'
import { fileServerHooksOf } from '../faults/file-server-hooks.ts'
import type { RequestPoint } from '../faults/fault-hooks.ts'
import type { UploadForm } from './upload-form.ts'
import type { UploadGate } from './upload-gate.ts'
import { chunkIndexOf, uploadRoute } from './upload-route.ts'

export const NODE_PATH = '/upload'

const HTML = 'text/html; charset=utf-8'
const PREFIX = 'resumable-'

export interface NodeOptions {
  readonly takesRawBodies: boolean
  /** The sample passes the size in the place of the name and so never looks at it; a repaired copy does. */
  readonly checksSizes: boolean
  /** `maxFileSize` of the sample; null is without limit. */
  readonly maximumFileBytes: number | null
}

/** Parameters as the sample's JavaScript sees them: texts, and `undefined` for what is missing. */
interface Chunk {
  readonly chunkNumber: string | undefined
  readonly chunkSize: string | undefined
  readonly totalBytes: string | undefined
  readonly identifier: string
  readonly fileName: string
}

export class NodeProfile implements FileService {
  readonly #board: VirtualBoard
  readonly #files: FileStore
  readonly #gate: UploadGate
  readonly #options: NodeOptions

  constructor(board: VirtualBoard, files: FileStore, gate: UploadGate, options: NodeOptions) {
    this.#board = board
    this.#files = files
    this.#gate = gate
    this.#options = options
  }

  /** The chunks in their order up to the first that is missing, as the sample's own download gives them. */
  stored(): Uint8Array | null {
    const path = this.#files.latestPath()
    if (path === null) return null
    const pieces: Uint8Array[] = []
    for (let chunkNumber = 1; ; chunkNumber++) {
      const piece = this.#files.read(`${path}.${String(chunkNumber)}`)
      if (piece === null) return new Uint8Array(Buffer.concat(pieces))
      pieces.push(piece)
    }
  }

  /** Chunks stay for ever; those of the newest upload that is done are its content. */
  leftovers(): number {
    const uploads = new Set(this.#files.paths(PREFIX).map(path => path.slice(0, path.lastIndexOf('.'))))
    uploads.delete(this.#files.latestPath() ?? '')
    return uploads.size
  }

  route(request: FrontRequest): FrontRoute | null {
    if (request.path === '/' && request.method === 'GET') {
      return { point: otherPoint, answer: () => ({ reply: textReply(200, INDEX_PAGE, HTML) }) }
    }
    if (request.path !== NODE_PATH) return cannot(request)
    if (request.method === 'POST') {
      return uploadRoute(request, this.#gate, {
        takesRawBodies: this.#options.takesRawBodies,
        handle: (form, setLast) => this.#upload(form, setLast),
        answerError: error => ({ reply: textReply(500, `Error: ${error.message}\n`, HTML) }),
      })
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') return cannot(request)
    const point: RequestPoint = {
      kind: 'status',
      chunk: chunkIndexOf(request.query),
      target: request.query.get('resumableIdentifier'),
    }
    return { point, answer: () => this.#test(request.query, point) }
  }

  #test(query: URLSearchParams, point: RequestPoint): Outcome {
    // What is missing is 0 here, and nothing in a form.
    const number = (name: string): string => query.get(name) ?? '0'
    const chunk: Chunk = {
      chunkNumber: number('resumableChunkNumber'),
      chunkSize: number('resumableChunkSize'),
      totalBytes: number('resumableTotalSize'),
      identifier: query.get('resumableIdentifier') ?? '',
      fileName: query.get('resumableFilename') ?? '',
    }
    this.#strike(point)
    const isThere = this.#validate(chunk, null) === 'valid' && this.#has(chunk.identifier, chunk.chunkNumber)
    return { reply: isThere ? textReply(200, 'found', HTML) : textReply(404, 'not_found', HTML) }
  }

  #upload(form: UploadForm | null, setLast: () => void): Outcome {
    if (form === null) return { reply: textReply(400, 'BadRequestError: stream ended unexpectedly\n', HTML) }
    const field = (name: string): string | undefined => form.field(name) ?? undefined
    const identifier = field('resumableIdentifier')
    if (!form.isForm || identifier === undefined) {
      return { reply: textReply(500, 'TypeError: Cannot read properties of undefined\n', HTML) }
    }
    const chunk: Chunk = {
      chunkNumber: field('resumableChunkNumber'),
      chunkSize: field('resumableChunkSize'),
      totalBytes: field('resumableTotalSize'),
      identifier,
      fileName: field('resumableFilename') ?? '',
    }
    if (form.chunk === null || form.chunk.bytes.length === 0) return said('invalid_resumable_request')
    const index = Number(chunk.chunkNumber) - 1
    this.#strike({ kind: 'chunk', chunk: index, target: identifier })
    // The sample passes the size where the name belongs, so a missing name is not noticed either.
    const checked = this.#options.checksSizes ? chunk : { ...chunk, fileName: 'a size' }
    const verdict = this.#validate(checked, this.#options.checksSizes ? form.chunk.bytes.length : null)
    if (verdict !== 'valid') return said(verdict)
    const stored = this.#board.faults.storeInstead(index, form.chunk.bytes)
    const path = PREFIX + identifier
    this.#files.write(`${path}.${String(chunk.chunkNumber)}`, stored)
    const busyMs = this.#board.flashTime.write(stored.length)
    if (this.#hasAll(chunk)) {
      this.#files.setLatest(path)
      setLast()
      return { ...said('done'), busyMs }
    }
    return { ...said(this.#claimsCompletion(path) ? 'done' : 'partly_done'), busyMs }
  }

  #hasAll(chunk: Chunk): boolean {
    // From the end, where the missing ones are while an upload goes on.
    const count = countOf(chunk)
    for (let chunkNumber = count; chunkNumber >= 1; chunkNumber--) {
      if (!this.#has(chunk.identifier, String(chunkNumber))) return false
    }
    return !Number.isNaN(count)
  }

  /** Counting walks over all files: not without a fault that wants to know. */
  #claimsCompletion(path: string): boolean {
    const { faults } = this.#board
    return !faults.isEmpty && fileServerHooksOf(faults.all).claimsCompletion(this.#files.paths(`${path}.`).length)
  }

  #has(identifier: string, chunkNumber: string | undefined): boolean {
    return this.#files.sizeOf(`${PREFIX}${identifier}.${String(chunkNumber)}`) !== null
  }

  #validate(chunk: Chunk, bodyBytes: number | null): string {
    const { identifier, fileName } = chunk
    const chunkNumber = Number(chunk.chunkNumber)
    const chunkSize = Number(chunk.chunkSize)
    const totalBytes = Number(chunk.totalBytes)
    if (chunkNumber === 0 || chunkSize === 0 || totalBytes === 0 || identifier === '' || fileName === '') {
      return 'non_resumable_request'
    }
    // What is no number compares as false everywhere, and so is valid.
    const count = countOf(chunk)
    const { maximumFileBytes } = this.#options
    if (chunkNumber > count) return 'invalid_resumable_request1'
    if (maximumFileBytes !== null && totalBytes > maximumFileBytes) return 'invalid_resumable_request2'
    if (bodyBytes === null) return 'valid'
    if (chunkNumber < count && bodyBytes !== chunkSize) return 'invalid_resumable_request3'
    if (count > 1 && chunkNumber === count && bodyBytes !== (totalBytes % chunkSize) + chunkSize) {
      return 'invalid_resumable_request4'
    }
    return count === 1 && bodyBytes !== totalBytes ? 'invalid_resumable_request5' : 'valid'
  }

  #strike(point: RequestPoint): void {
    if (fileServerHooksOf(this.#board.faults.all).expiresParts(point)) this.#files.removeAll(PREFIX)
  }
}

const INDEX_PAGE =
  '<!DOCTYPE html>\n<html>\n<head><title>Resumable.js - Multiple simultaneous, stable and resumable uploads via the HTML5 ' +
  'File API</title><meta charset="utf-8" /></head>\n<body></body>\n</html>\n'

function cannot(request: FrontRequest): FrontRoute {
  // Express repeats the path; an id of what was asked for is enough here.
  return { point: otherPoint, answer: () => ({ reply: textReply(404, `Cannot ${request.method} this path\n`, HTML) }) }
}

/** Every text goes out with 200. */
function said(text: string): Outcome {
  return { reply: textReply(200, text, HTML) }
}

/** The sample counts whole chunks: the last one is longer, never shorter. NaN where a figure is missing. */
function countOf({ totalBytes, chunkSize }: Chunk): number {
  return Math.max(1, Math.floor(Number(totalBytes) / Number(chunkSize)))
}
