/** Firmware that a browser sends: streamed into a folder of its own, with a size limit and a harmless name. */
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { extname, join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { FlashproofError } from '../shared/errors.ts'

export const MOST_UPLOAD_BYTES = 256 * 1024 * 1024
const MOST_NAME_CHARACTERS = 255
const MOST_AT_ONCE = 4
/** As many as the host knows by their ids; older ones cannot be opened again anyway. */
const MOST_KEPT = 16
/** What a server that was killed left behind. */
const STALE_MS = 7 * 24 * 60 * 60_000

/** What a file system takes for something else: control characters, separators, wildcards, streams. */
const unfitForNames = /[\p{Cc}\p{Cf}\p{Cs}<>:"|?*]/gu
const reservedOnWindows = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i

export interface Upload {
  readonly path: string
  discard(): Promise<void>
}

export class Uploads {
  readonly #folder: string
  readonly #mostBytes: number
  #kept: readonly string[] = []
  #running = 0

  constructor(folder: string, mostBytes = MOST_UPLOAD_BYTES) {
    this.#folder = folder
    this.#mostBytes = mostBytes
  }

  /**
   * Writes the body of a request to a file.
   * @param name as the browser gave it; only its last part counts, without what a file system could misread
   * @throws {FlashproofError} host.file-refused, file.too-large, file.disk-full, file.not-writable
   */
  async receive(request: IncomingMessage, name: string): Promise<Upload> {
    const fileName = harmlessName(name)
    if (Number(request.headers['content-length'] ?? 0) > this.#mostBytes) throw tooLarge(this.#mostBytes)
    if (this.#running >= MOST_AT_ONCE) {
      throw new FlashproofError('host.file-refused', 'too many files are being taken over at once', {
        mostAtOnce: MOST_AT_ONCE,
      })
    }
    this.#running++
    try {
      return await this.#write(request, fileName)
    } finally {
      this.#running--
    }
  }

  /** Removes what other servers left behind a week ago. */
  async removeStale(nowMs: number): Promise<void> {
    for (const name of await readdir(this.#folder).catch(() => [])) {
      const path = join(this.#folder, name)
      // Another server of this home may be removing its own folder at this moment.
      const found = await stat(path).catch(() => null)
      if (found !== null && nowMs - found.mtimeMs > STALE_MS) await rm(path, { recursive: true, force: true })
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#kept.map(folder => rm(folder, { recursive: true, force: true })))
    this.#kept = []
  }

  async #write(request: IncomingMessage, fileName: string): Promise<Upload> {
    const folder = await this.#makeFolder()
    const discard = async (): Promise<void> => {
      this.#kept = this.#kept.filter(kept => kept !== folder)
      await rm(folder, { recursive: true, force: true })
    }
    const path = join(folder, fileName)
    try {
      await pipeline(request, limitTo(this.#mostBytes), createWriteStream(path, { flags: 'wx', mode: 0o600 }))
    } catch (thrown) {
      await discard()
      throw asUploadError(thrown)
    }
    this.#kept = [...this.#kept, folder]
    for (const oldest of this.#kept.slice(0, -MOST_KEPT)) await rm(oldest, { recursive: true, force: true })
    this.#kept = this.#kept.slice(-MOST_KEPT)
    return { path, discard }
  }

  async #makeFolder(): Promise<string> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 })
      return await mkdtemp(join(this.#folder, 'file-'))
    } catch (thrown) {
      throw asUploadError(thrown)
    }
  }
}

/** @throws {FlashproofError} host.file-refused for a name that is none */
function harmlessName(name: string): string {
  const last = (name.split(/[/\\]/).at(-1) ?? '')
    .replace(unfitForNames, '_')
    .replace(/[. ]+$/, '')
    .trim()
  if (last === '' || reservedOnWindows.test(last) || name.length > MOST_NAME_CHARACTERS) {
    throw new FlashproofError('host.file-refused', 'the file has no usable name', { name: name.slice(0, 80) })
  }
  // The ending tells the format, so a long name loses its middle.
  const ending = extname(last)
  const stem = last.slice(0, last.length - ending.length).slice(0, 80)
  return `${stem}${ending.slice(0, 16)}`
}

function limitTo(mostBytes: number): Transform {
  let bytes = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      if (bytes > mostBytes) done(tooLarge(mostBytes))
      else done(null, chunk)
    },
  })
}

function tooLarge(mostBytes: number): FlashproofError {
  return new FlashproofError('file.too-large', `a file may have at most ${String(mostBytes)} bytes here`, { mostBytes })
}

function asUploadError(thrown: unknown): unknown {
  if (thrown instanceof FlashproofError || !(thrown instanceof Error) || !('code' in thrown)) return thrown
  const { code } = thrown
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new FlashproofError('file.disk-full', 'the disk is full', {}, { cause: thrown })
  }
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE') {
    return new FlashproofError('host.file-refused', 'the file did not arrive whole', {}, { cause: thrown })
  }
  return new FlashproofError('file.not-writable', 'the file cannot be kept', {}, { cause: thrown })
}
