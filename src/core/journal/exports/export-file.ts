/** A file that is written aside, hashed on the way and only then given its name: a reader never sees half an export. */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { FlashproofError } from '../../../shared/errors.ts'
import { isStorageFailure } from '../sqlite.ts'

const BUFFER_CHARACTERS = 1 << 18

/** The name that an export has until it is whole. */
export function unfinishedPath(path: string): string {
  return `${path}.${String(process.pid)}.part`
}

export class ExportFile {
  readonly path: string
  readonly #temporaryPath: string
  readonly #file: number
  readonly #hash: Hash | null
  #text = ''

  /**
   * `isProof`: the file is hashed and made durable; without it the file can be made again at any time, and is quicker.
   * @throws file.not-writable when the folder takes no file.
   */
  constructor(path: string, options: { readonly isProof: boolean }) {
    this.path = path
    this.#hash = options.isProof ? createHash('sha256') : null
    this.#temporaryPath = unfinishedPath(path)
    try {
      this.#file = openSync(this.#temporaryPath, 'w')
    } catch (error) {
      throw asFileError(error, path)
    }
  }

  writeText(text: string): void {
    this.#text += text
    if (this.#text.length >= BUFFER_CHARACTERS) this.#flush()
  }

  writeBytes(bytes: Uint8Array): void {
    this.#flush()
    this.#put(bytes)
  }

  /** SHA-256 of every byte so far; of nothing when the file is no proof. */
  digest(): string {
    this.#flush()
    return (this.#hash ?? createHash('sha256')).copy().digest('hex')
  }

  /** Makes the file durable and gives it its name. @throws file.disk-full, file.not-writable. */
  finish(): void {
    try {
      this.#flush()
      if (this.#hash !== null) fsyncSync(this.#file)
      closeSync(this.#file)
      renameSync(this.#temporaryPath, this.path)
    } catch (error) {
      rmSync(this.#temporaryPath, { force: true })
      throw asFileError(error, this.path)
    }
  }

  discard(): void {
    closeSync(this.#file)
    rmSync(this.#temporaryPath, { force: true })
  }

  #flush(): void {
    if (this.#text === '') return
    const bytes = Buffer.from(this.#text, 'utf8')
    this.#text = ''
    this.#put(bytes)
  }

  #put(bytes: Uint8Array): void {
    this.#hash?.update(bytes)
    try {
      for (let offset = 0; offset < bytes.length;) offset += writeSync(this.#file, bytes, offset)
    } catch (error) {
      throw asFileError(error, this.path)
    }
  }
}

function asFileError(error: unknown, path: string): FlashproofError {
  if (error instanceof FlashproofError) return error
  const code = isStorageFailure(error) ? 'file.disk-full' : 'file.not-writable'
  const text = error instanceof Error ? error.message : String(error)
  return new FlashproofError(code, `Writing ${path} failed: ${text}`, { path }, { cause: error })
}
