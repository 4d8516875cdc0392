/** Writes a file whole or not at all: to a temporary file beside it, flushed to the disk, then renamed over it. */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  close,
  closeSync,
  fdatasync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { FlashproofError } from '../../shared/errors.ts'
import { systemErrorCode } from './file-source.ts'

/** The calls that can fail half-way; a test replaces one to make the disk full. */
export interface OutputOperations {
  readonly write: (descriptor: number, bytes: Uint8Array, start: number, length: number) => number
  readonly flush: (descriptor: number) => void
  readonly rename: (from: string, to: string) => void
}

const systemOperations: OutputOperations = {
  write: (descriptor, bytes, start, length) => writeSync(descriptor, bytes, start, length),
  flush: fsyncSync,
  rename: renameSync,
}

/**
 * Replaces `path` by what `produce` gives to its sink. A symbolic link stays one: the file that it names is replaced.
 * On any failure, the error of `produce` included, the old file is untouched and nothing is left beside it.
 * @throws {FlashproofError} file.disk-full, file.not-writable, file.is-directory, file.not-found for a missing folder
 */
export function writeFileWhole(
  path: string,
  produce: (sink: (piece: Uint8Array) => void) => void,
  operations: OutputOperations = systemOperations,
): void {
  const target = attempt(path, () => resolveTarget(path))
  const temporaryPath = join(
    dirname(target.path),
    `.${basename(target.path)}.${String(process.pid)}-${randomBytes(4).toString('hex')}.part`,
  )
  const descriptor = attempt(path, () => openSync(temporaryPath, 'wx'))
  const earlyFlush = new EarlyFlush(temporaryPath)
  try {
    try {
      produce(piece => {
        attempt(path, () => {
          writeFully(descriptor, piece, operations)
        })
        earlyFlush.count(piece.length)
      })
      attempt(path, () => {
        operations.flush(descriptor)
      })
    } finally {
      closeSync(descriptor)
    }
    attempt(path, () => {
      if (target.mode !== null) chmodSync(temporaryPath, target.mode)
      operations.rename(temporaryPath, target.path)
    })
  } catch (error) {
    rmSync(temporaryPath, { force: true })
    throw error
  }
  flushFolder(dirname(target.path))
}

const EARLY_FLUSH_BYTES = 16 * 1024 * 1024

/**
 * Lets the system begin to put a large file on the disk while the rest is made, so that the last flush, which alone
 * counts, is short. Each early flush has a descriptor of its own, because it may end after the file was closed.
 */
class EarlyFlush {
  readonly #path: string
  #countedBytes = 0

  constructor(path: string) {
    this.#path = path
  }

  count(bytes: number): void {
    this.#countedBytes += bytes
    // Windows would refuse to rename a file that is still open.
    if (this.#countedBytes < EARLY_FLUSH_BYTES || process.platform === 'win32') return
    this.#countedBytes = 0
    try {
      const descriptor = openSync(this.#path, 'r')
      fdatasync(descriptor, () => {
        close(descriptor)
      })
    } catch {
      // Only speed is lost.
    }
  }
}

function writeFully(descriptor: number, piece: Uint8Array, operations: OutputOperations): void {
  let written = 0
  while (written < piece.length) written += operations.write(descriptor, piece, written, piece.length - written)
}

function resolveTarget(path: string): { path: string; mode: number | null } {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return { path, mode: null }
  if (stats.isDirectory()) {
    throw new FlashproofError('file.is-directory', `${path} is a folder; name a file in it`, { file: path })
  }
  if (!stats.isFile()) {
    throw new FlashproofError('file.not-writable', `${path} is no ordinary file`, { file: path })
  }
  return { path: realpathSync(path), mode: stats.mode & 0o777 }
}

/** Makes the rename itself survive a power cut where the system can do that. */
function flushFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, 'r')
    try {
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  } catch {
    // Windows and some network folders cannot; the file itself is flushed already.
  }
}

function attempt<Result>(path: string, action: () => Result): Result {
  try {
    return action()
  } catch (cause) {
    throw cause instanceof FlashproofError ? cause : fromWriteError(path, cause)
  }
}

function fromWriteError(path: string, cause: unknown): FlashproofError {
  const systemCode = systemErrorCode(cause)
  const details = { file: path, systemCode }
  switch (systemCode) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new FlashproofError(
        'file.disk-full',
        `there is no room for ${path}; what was there is unchanged`,
        details,
        {
          cause,
        },
      )
    case 'ENOENT':
    case 'ENOTDIR':
      return new FlashproofError(
        'file.not-found',
        `there is no folder ${dirname(path)}; make it first`,
        { ...details, folder: dirname(path) },
        { cause },
      )
    default:
      return new FlashproofError('file.not-writable', `${path} cannot be written (${systemCode})`, details, { cause })
  }
}
