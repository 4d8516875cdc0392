/**
 * The seed's Flask server: parts in a folder an upload, assembled when the last one comes, and an answer that never says whether
 * that worked.
 */
import type { VirtualBoard } from '../board/board.ts'
import { DeviceError } from '../board/device-error.ts'
import type { FileService } from '../board/file-server.ts'
import type { FileStore } from '../board/file-store.ts'
import { otherPoint, textReply, type FrontRequest, type FrontRoute, type Outcome } from '../board/http-front.ts'
import { fileServerHooksOf, type FileServerHooks } from '../faults/file-server-hooks.ts'
import type { Reply, RequestPoint } from '../faults/fault-hooks.ts'
import type { JsonValue } from '../python-json.ts'
import { PartDirectories } from './part-directories.ts'
import type { UploadForm } from './upload-form.ts'
import type { UploadGate } from './upload-gate.ts'
import { chunkIndexOf, uploadRoute } from './upload-route.ts'

export const FLASK_PATH = '/resumable_upload'
/** `CHUNK_TTL_HOURS` of the seed. */
export const PART_LIFE_MS = 6 * 60 * 60 * 1000

const HTML = 'text/html; charset=utf-8'

export interface FlaskOptions {
  readonly takesRawBodies: boolean
  readonly partLifeMs: number
  readonly wallTimeMs: () => number
}

interface Upload {
  readonly identifier: string
  readonly fileName: string
  readonly totalChunks: number
  readonly totalBytes: number
}

export class FlaskProfile implements FileService {
  readonly #board: VirtualBoard
  readonly #files: FileStore
  readonly #gate: UploadGate
  readonly #options: FlaskOptions
  readonly #directories: PartDirectories

  constructor(board: VirtualBoard, files: FileStore, gate: UploadGate, options: FlaskOptions) {
    this.#board = board
    this.#files = files
    this.#gate = gate
    this.#options = options
    this.#directories = new PartDirectories(board.flash, files, options.wallTimeMs)
  }

  stored(): Uint8Array | null {
    return this.#files.latest()
  }

  leftovers(): number {
    return this.#directories.countFilled()
  }

  route(request: FrontRequest): FrontRoute | null {
    if (request.path === '/') return this.#onlyGet(request, () => this.#page())
    if (request.path !== FLASK_PATH) return { point: otherPoint, answer: () => page(404, 'Not Found') }
    if (request.method === 'POST') {
      return uploadRoute(request, this.#gate, {
        takesRawBodies: this.#options.takesRawBodies,
        handle: (form, setLast) => this.#upload(form, setLast),
        answerError: () => page(500, 'Internal Server Error'),
      })
    }
    const point: RequestPoint = {
      kind: 'status',
      chunk: chunkIndexOf(request.query),
      target: request.query.get('resumableIdentifier'),
    }
    return { ...this.#onlyGet(request, () => this.#test(request.query, point)), point }
  }

  #onlyGet(request: FrontRequest, answer: () => Outcome): FrontRoute {
    const isAllowed = request.method === 'GET' || request.method === 'HEAD'
    return { point: otherPoint, answer: isAllowed ? answer : () => page(405, 'Method Not Allowed') }
  }

  /** Old parts go when somebody looks at the page, and never else. */
  #page(): Outcome {
    this.#directories.removeOlderThan(this.#options.partLifeMs)
    return page(200, 'Resumable File Uploads')
  }

  #test(query: URLSearchParams, point: RequestPoint): Outcome {
    const identifier = query.get('resumableIdentifier') ?? ''
    const fileName = query.get('resumableFilename') ?? ''
    if (identifier === '' || fileName === '') {
      return { reply: json({ message: 'Missing parameters', status: 'error' }, 400) }
    }
    const hooks = this.#strike(point, fileName)
    // Counting walks over all files: not without a fault that wants to know.
    if (!this.#board.faults.isEmpty && hooks.claimsCompletion(this.#directories.countParts(identifier))) {
      return { reply: json({ size: Number(query.get('resumableTotalSize') ?? 0), status: 'complete' }) }
    }
    const sizeBytes = this.#files.sizeOf(fileName)
    if (sizeBytes !== null) return { reply: json({ size: sizeBytes, status: 'complete' }) }
    const numberText = query.get('resumableChunkNumber') ?? ''
    if (numberText === '') return { reply: this.#status(identifier) }
    const chunkNumber = pythonInteger(numberText)
    if (chunkNumber === null) return page(400, 'Bad Request', 'Invalid chunk number')
    this.#directories.ensure(identifier)
    const isThere = this.#directories.hasPart(identifier, fileName, chunkNumber)
    return isThere ? { reply: textReply(200, 'OK', HTML) } : page(404, 'Not Found')
  }

  #status(identifier: string): Reply {
    if (!this.#directories.has(identifier)) return json({ status: 'not_found' })
    return json({ chunks_present: this.#directories.countParts(identifier), status: 'in_progress' })
  }

  #upload(form: UploadForm | null, setLast: () => void): Outcome {
    const identifier = form?.field('resumableIdentifier') ?? ''
    const fileName = form?.field('resumableFilename') ?? ''
    const chunkNumber = pythonInteger(form?.field('resumableChunkNumber') ?? '') ?? 0
    const totalChunks = pythonInteger(form?.field('resumableTotalChunks') ?? '') ?? 0
    const totalBytes = pythonInteger(form?.field('resumableTotalSize') ?? '') ?? 0
    const chunk = form?.chunk ?? null
    const isMissing = identifier === '' || fileName === '' || chunkNumber === 0 || totalChunks === 0
    // A file part without a name counts as none there.
    if (isMissing || chunk === null || chunk.fileName === '') {
      return page(400, 'Bad Request', 'Missing parameters or file part')
    }
    const hooks = this.#strike({ kind: 'chunk', chunk: chunkNumber - 1, target: identifier }, fileName)
    const stored = this.#board.faults.storeInstead(chunkNumber - 1, chunk.bytes)
    this.#directories.putPart(identifier, fileName, chunkNumber, stored)
    let busyMs = this.#board.flashTime.write(stored.length)
    const upload = { identifier, fileName, totalChunks, totalBytes }
    const isWhole = this.#hasAllParts(upload)
    if (isWhole) setLast()
    if (isWhole && !hooks.claimsCompletion(totalChunks)) {
      try {
        busyMs = this.#board.flashTime.write(this.#assemble(upload, hooks))
      } catch (thrown) {
        // As in the seed: written to a log that the client never sees.
        if (!(thrown instanceof DeviceError)) throw thrown
      }
    }
    return { reply: textReply(200, 'OK', HTML), busyMs }
  }

  #hasAllParts({ identifier, fileName, totalChunks }: Upload): boolean {
    // From the end, where the missing ones are while an upload goes on.
    for (let chunkNumber = totalChunks; chunkNumber >= 1; chunkNumber--) {
      if (!this.#directories.hasPart(identifier, fileName, chunkNumber)) return false
    }
    return true
  }

  /** @returns how many bytes it wrote; @throws {DeviceError} */
  #assemble({ identifier, fileName, totalChunks }: Upload, hooks: Required<FileServerHooks>): number {
    const failure = hooks.failsAssembly()
    if (failure === 'open') throw new DeviceError('[Errno 13] Permission denied')
    const lastChunk = failure === 'middle' ? Math.floor(totalChunks / 2) : totalChunks
    const parts: Uint8Array[] = []
    for (let chunkNumber = 1; chunkNumber <= lastChunk; chunkNumber++) {
      parts.push(this.#directories.takePart(identifier, fileName, chunkNumber))
    }
    // The size is compared with the declared one for the log alone.
    const file = hooks.assembles(Buffer.concat(parts))
    this.#files.write(fileName, file)
    this.#files.setLatest(fileName)
    if (failure === 'middle') throw new DeviceError('[Errno 5] Input/output error')
    this.#directories.remove(identifier)
    return file.length
  }

  /** What faults do to the files before a request is looked at. */
  #strike(point: RequestPoint, fileName: string): Required<FileServerHooks> {
    const hooks = fileServerHooksOf(this.#board.faults.all)
    if (hooks.expiresParts(point)) this.#directories.removeOlderThan(0)
    if (hooks.existingFileBytes > 0 && this.#files.latestPath() === null && this.#files.sizeOf(fileName) === null) {
      this.#files.write(fileName, new Uint8Array(hooks.existingFileBytes).fill(0xa5))
      this.#files.setLatest(fileName)
    }
    return hooks
  }
}

function json(value: { readonly [key: string]: JsonValue }, status = 200): Reply {
  return { kind: 'json', status, value }
}

function page(status: number, title: string, text = title): Outcome {
  const body = `<!doctype html>\n<html lang=en>\n<title>${String(status)} ${title}</title>\n<h1>${title}</h1>\n<p>${text}</p>\n`
  return { reply: textReply(status, body, HTML) }
}

/** Python's `int()` of a text; null where that raises. */
function pythonInteger(text: string): number | null {
  return /^\s*[+-]?\d+\s*$/.test(text) ? Number(text) : null
}

/** As Flask's `jsonify` writes: keys sorted, a line break behind. */
export function toFlaskJson(value: { readonly [key: string]: JsonValue }): string {
  const entries = Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1))
  return `${JSON.stringify(Object.fromEntries(entries))}\n`
}
