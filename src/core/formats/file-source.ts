/** Opens firmware for the readers: a file on disk or bytes in memory, read a piece at a time and never held whole. */
import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync, statSync, type Stats } from 'node:fs'
import { basename, dirname, join, sep } from 'node:path'
import { FlashproofError } from '../../shared/errors.ts'
import { formatBytes } from '../../shared/units.ts'
import type { FirmwareSource } from './firmware-format.ts'

/** A larger source is refused by its size alone, before a byte of it is read. */
export const MAX_SOURCE_BYTES = 1024 * 1024 * 1024
export const HEAD_BYTES = 4096
/** Bytes between two progress reports. */
export const PROGRESS_STEP_BYTES = 1024 * 1024

export interface OpenFirmwareFile extends FirmwareSource {
  readonly path: string
  /** Closes the file; a second call does nothing. */
  close(): void
}

/**
 * Opens a firmware file for reading; the caller closes it. The size is fixed here: what is appended later is not read.
 * @throws {FlashproofError} file.not-found, file.not-readable, file.is-directory, file.empty, file.too-large
 */
export function openFirmwareFile(path: string): OpenFirmwareFile {
  // Before opening: opening a FIFO would wait for a writer.
  assertReadable(
    path,
    attempt(path, () => statSync(path)),
  )
  const descriptor = attempt(path, () => openSync(path, constants.O_RDONLY))
  try {
    const stats = attempt(path, () => fstatSync(descriptor))
    assertReadable(path, stats)
    return new FileSource(path, descriptor, stats.size)
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

/**
 * Makes a source of bytes in memory, such as a part of an archive or a test's text.
 * @param beside the files that lie beside it, by their paths from there
 */
export function sourceFromBytes(
  fileName: string,
  bytes: Uint8Array,
  beside?: ReadonlyMap<string, Uint8Array>,
): FirmwareSource {
  return {
    ...(beside === undefined ? {} : { readBeside: (path: string) => takeBeside(beside, path) }),
    fileName,
    sizeBytes: bytes.length,
    head: bytes.subarray(0, HEAD_BYTES),
    read(target, offset) {
      const piece = bytes.subarray(offset, offset + target.length)
      target.set(piece)
      return piece.length
    },
  }
}

function takeBeside(beside: ReadonlyMap<string, Uint8Array>, path: string): Uint8Array {
  const bytes = beside.get(path)
  if (bytes !== undefined) return bytes
  throw new FlashproofError('file.not-found', `there is no file ${path}`, { file: path })
}

/** Computes the SHA-256 of the whole source in hex; reports progress at most once a MiB. */
export function hashSource(
  source: FirmwareSource,
  options: { onProgress?: (doneBytes: number, totalBytes: number) => void; signal?: AbortSignal } = {},
): string {
  const hash = createHash('sha256')
  const buffer = new Uint8Array(PROGRESS_STEP_BYTES)
  let doneBytes = 0
  for (;;) {
    assertNotAborted(options.signal)
    const count = source.read(buffer, doneBytes)
    if (count === 0) break
    hash.update(buffer.subarray(0, count))
    doneBytes += count
    options.onProgress?.(doneBytes, source.sizeBytes)
  }
  return hash.digest('hex')
}

/** @throws {FlashproofError} call.aborted when the signal was aborted */
export function assertNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new FlashproofError('call.aborted', 'stopped on request', {}, { cause: signal.reason })
}

class FileSource implements OpenFirmwareFile {
  readonly path: string
  readonly fileName: string
  readonly sizeBytes: number
  readonly head: Uint8Array
  #descriptor: number | null

  constructor(path: string, descriptor: number, sizeBytes: number) {
    this.path = path
    this.fileName = basename(path)
    this.sizeBytes = sizeBytes
    this.#descriptor = descriptor
    const head = new Uint8Array(Math.min(HEAD_BYTES, sizeBytes))
    this.head = head.subarray(0, this.read(head, 0))
  }

  read(target: Uint8Array, offset: number): number {
    const descriptor = this.#descriptor
    if (descriptor === null) throw new FlashproofError('file.not-readable', 'the file is closed', { file: this.path })
    const wanted = Math.min(target.length, this.sizeBytes - offset)
    if (wanted <= 0) return 0
    const count = attempt(this.path, () => readSync(descriptor, target, 0, wanted, offset))
    if (count > 0) return count
    throw new FlashproofError(
      'file.not-readable',
      `${this.fileName} became shorter while it was read: ${String(offset)} of ${String(this.sizeBytes)} bytes are there`,
      { file: this.path, offset, sizeBytes: this.sizeBytes },
    )
  }

  readBeside(path: string, maximumBytes: number): Uint8Array {
    const folder = attempt(this.path, () => realpathSync(dirname(this.path)))
    const place = join(folder, path)
    const real = attempt(place, () => realpathSync(place))
    // A link may lead anywhere; what is written to a board must lie where the person looks.
    if (!real.startsWith(folder.endsWith(sep) ? folder : folder + sep)) {
      throw new FlashproofError('file.not-readable', `${place} is a link to ${real}, outside the folder of the list`, {
        file: place,
      })
    }
    const beside = openFirmwareFile(place)
    try {
      if (beside.sizeBytes <= maximumBytes) return readAll(beside)
      throw new FlashproofError('file.too-large', `${place} has ${formatBytes(beside.sizeBytes)}`, {
        file: place,
        sizeBytes: beside.sizeBytes,
        maximumBytes,
      })
    } finally {
      beside.close()
    }
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor)
    this.#descriptor = null
  }
}

function readAll(source: FirmwareSource): Uint8Array {
  const bytes = new Uint8Array(source.sizeBytes)
  for (let offset = 0; offset < bytes.length;) offset += source.read(bytes.subarray(offset), offset)
  return bytes
}

function assertReadable(path: string, stats: Stats): void {
  const file = path
  if (stats.isDirectory()) {
    throw new FlashproofError('file.is-directory', `${path} is a folder`, { file })
  }
  if (!stats.isFile()) {
    throw new FlashproofError('file.not-readable', `${path} is no ordinary file (a device, pipe or socket)`, { file })
  }
  if (stats.size === 0) {
    throw new FlashproofError('file.empty', `${path} is empty; build or download it again`, { file })
  }
  if (stats.size > MAX_SOURCE_BYTES) {
    throw new FlashproofError(
      'file.too-large',
      `${path} has ${formatBytes(stats.size)}; firmware of more than ${formatBytes(MAX_SOURCE_BYTES)} is not read`,
      { file, sizeBytes: stats.size, maximumBytes: MAX_SOURCE_BYTES },
    )
  }
}

function attempt<Result>(path: string, action: () => Result): Result {
  try {
    return action()
  } catch (cause) {
    throw fromReadError(path, cause)
  }
}

function fromReadError(path: string, cause: unknown): FlashproofError {
  const systemCode = systemErrorCode(cause)
  const details = { file: path, systemCode }
  switch (systemCode) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new FlashproofError('file.not-found', `there is no file ${path}`, details, {
        cause,
      })
    case 'EISDIR':
      return new FlashproofError('file.is-directory', `${path} is a folder`, details, { cause })
    case 'EACCES':
    case 'EPERM':
      return new FlashproofError('file.not-readable', `${path} may not be read by this user`, details, { cause })
    default:
      return new FlashproofError('file.not-readable', `${path} cannot be read (${systemCode})`, details, { cause })
  }
}

/** The operating system's error name such as ENOENT, or `unknown`. */
export function systemErrorCode(thrown: unknown): string {
  const isSystemError = thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string'
  return isSystemError ? String(thrown.code) : 'unknown'
}
