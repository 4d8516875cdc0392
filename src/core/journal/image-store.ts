/** Firmware images by their SHA-256: a job goes on with the bytes that were inspected, whatever happens to the file. */
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { FlashproofError } from '../../shared/errors.ts'
import { sha256InPieces } from '../image/digest-in-pieces.ts'
import { asJournalError } from './sqlite.ts'

export interface ImageStore {
  /** Keeps `bytes`; resolves with their SHA-256 when they are on the disk. @throws journal.disk-full. */
  put(bytes: Uint8Array): Promise<string>
  has(sha256: string): Promise<boolean>
  pathOf(sha256: string): string
  /** Reads an image and checks that it is still what its name says. @throws journal.image-missing, image.hash-mismatch. */
  read(sha256: string): Promise<Uint8Array>
  /** Removes one image. */
  release(sha256: string): Promise<void>
  /** Removes images that no job refers to and nobody used for `retentionMs`; resolves with their hashes. */
  collect(options: {
    readonly referenced: ReadonlySet<string>
    readonly retentionMs: number
    readonly nowMs: number
  }): Promise<string[]>
}

const NAME = /^[0-9a-f]{64}$/
const TEMPORARY = /^\.[0-9a-f-]{36}\.part$/
const ABANDONED_MS = 24 * 60 * 60_000

export function openImageStore(options: { readonly home: string }): ImageStore {
  const folder = join(options.home, 'images')
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw asJournalError(error, folder)
  }
  return new FolderImageStore(folder)
}

class FolderImageStore implements ImageStore {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  pathOf(sha256: string): string {
    if (!NAME.test(sha256)) {
      throw new FlashproofError('journal.image-missing', `${sha256} is no SHA-256`, { sha256 })
    }
    return join(this.#folder, sha256)
  }

  async has(sha256: string): Promise<boolean> {
    const found = await stat(this.pathOf(sha256)).catch(() => null)
    return found?.isFile() === true
  }

  async put(bytes: Uint8Array): Promise<string> {
    const sha256 = await sha256InPieces(bytes)
    const path = this.pathOf(sha256)
    const stored = await stat(path).catch(() => null)
    if (stored?.size === bytes.length && (await this.#isIntact(sha256))) {
      const now = new Date()
      await utimes(path, now, now)
      return sha256
    }
    const temporary = join(this.#folder, `.${randomUUID()}.part`)
    try {
      await writeDurably(temporary, bytes)
      await rename(temporary, path)
      await syncFolder(this.#folder)
    } catch (error) {
      await rm(temporary, { force: true })
      throw asJournalError(error, path)
    }
    return sha256
  }

  async read(sha256: string): Promise<Uint8Array> {
    const path = this.pathOf(sha256)
    const bytes = await readFile(path).catch((error: unknown) => {
      throw new FlashproofError(
        'journal.image-missing',
        `The image ${sha256} is not in ${this.#folder}`,
        { sha256, path },
        {
          cause: error,
        },
      )
    })
    const found = await sha256InPieces(bytes)
    if (found === sha256) return bytes
    throw new FlashproofError('image.hash-mismatch', `The stored image ${sha256} has changed on the disk`, {
      path,
      expectedSha256: sha256,
      foundSha256: found,
    })
  }

  async release(sha256: string): Promise<void> {
    await rm(this.pathOf(sha256), { force: true })
  }

  async collect(options: {
    readonly referenced: ReadonlySet<string>
    readonly retentionMs: number
    readonly nowMs: number
  }): Promise<string[]> {
    const removed: string[] = []
    for (const name of await readdir(this.#folder)) {
      const found = await stat(join(this.#folder, name)).catch(() => null)
      if (found === null) continue
      const ageMs = options.nowMs - found.mtimeMs
      if (TEMPORARY.test(name) && ageMs > ABANDONED_MS) await rm(join(this.#folder, name), { force: true })
      if (!NAME.test(name) || options.referenced.has(name) || ageMs <= options.retentionMs) continue
      await rm(join(this.#folder, name), { force: true })
      removed.push(name)
    }
    return removed
  }

  async #isIntact(sha256: string): Promise<boolean> {
    try {
      await this.read(sha256)
      return true
    } catch {
      return false
    }
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes the new name durable; Windows has no such thing and needs none. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
