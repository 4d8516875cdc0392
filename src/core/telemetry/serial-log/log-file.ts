/**
 * A log of lines with their times in a file of bounded size: when it is full it becomes `PATH.1`, the one before `PATH.2`,
 * and so on; the oldest goes. Writing never holds up the loop, and what waits for a slow disk is bounded.
 */
import { constants } from 'node:fs'
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { FlashproofError } from '../../../shared/errors.ts'
import { stripControl } from '../../../shared/units.ts'

export interface LogFileOptions {
  readonly path: string
  /** A file that is larger is put aside: 4 KiB to 1 GiB. */
  readonly sizeBytes: number
  /** How many that were put aside are kept: 0 to 99. */
  readonly kept: number
}

type FailureListener = (error: FlashproofError) => void

interface OpenedFile {
  readonly handle: FileHandle
  readonly sizeBytes: number
}

/** Written at once; a file exceeds its size by no more than this. */
const MOST_PIECE_CHARACTERS = 64 * 1024
/** Lines that a slow disk has not taken; beyond, the log says that it failed. */
const MOST_WAITING_CHARACTERS = 8 * 1024 * 1024
/** The longest line of a board, and the marks that its control characters become. */
const MOST_LINE_CHARACTERS = 20_000

export class LogFile {
  readonly #options: LogFileOptions
  readonly #onFailure: FailureListener
  #handle: FileHandle | null
  #sizeBytes: number
  #waiting = ''
  #isWriting: Promise<void> | null = null

  private constructor(options: LogFileOptions, file: OpenedFile, onFailure: FailureListener) {
    this.#options = options
    this.#handle = file.handle
    this.#sizeBytes = file.sizeBytes
    this.#onFailure = onFailure
  }

  /**
   * Opens the file, and goes on after what it holds.
   * @param onFailure called once, when a later line cannot be written; nothing more is written then
   * @throws {FlashproofError} file.is-directory, file.not-writable
   */
  static async open(options: LogFileOptions, onFailure: FailureListener): Promise<LogFile> {
    return new LogFile(options, await openToAppend(options.path), onFailure)
  }

  /** Adds a line: its time, what kind of line it is (`<` board, `>` sent, `-` what happened), its text. */
  add(at: string, sign: '<' | '>' | '-', text: string): void {
    if (this.#handle === null) return
    this.#waiting += `${at} ${sign} ${stripControl(text, MOST_LINE_CHARACTERS)}\n`
    if (this.#waiting.length > MOST_WAITING_CHARACTERS) {
      this.#fail(new FlashproofError('file.not-writable', `${this.#options.path} is too slow for what the board sends`))
      return
    }
    this.#isWriting ??= this.#write().finally(() => {
      this.#isWriting = null
    })
  }

  /** Writes what waits and closes the file. */
  async close(): Promise<void> {
    await this.#isWriting
    const handle = this.#handle
    this.#handle = null
    await handle?.close()
  }

  async #write(): Promise<void> {
    try {
      // Lines of one turn go together.
      await new Promise(resolve => setImmediate(resolve))
      while (this.#waiting !== '' && this.#handle !== null) {
        const piece = this.#takePiece()
        if (this.#sizeBytes > 0 && this.#sizeBytes + piece.length > this.#options.sizeBytes) await this.#rotate()
        await this.#handle.writeFile(piece)
        this.#sizeBytes += piece.length
      }
    } catch (cause) {
      this.#fail(cause instanceof FlashproofError ? cause : asFileError(this.#options.path, cause))
    }
  }

  /** Whole lines: a line is never torn between two files. */
  #takePiece(): Buffer {
    const most = Math.min(MOST_PIECE_CHARACTERS, this.#options.sizeBytes / 4)
    const end = this.#waiting.length <= most ? this.#waiting.length : this.#waiting.lastIndexOf('\n', most) + 1
    const length = end > 0 ? end : this.#waiting.indexOf('\n') + 1
    const piece = Buffer.from(this.#waiting.slice(0, length), 'utf8')
    this.#waiting = this.#waiting.slice(length)
    return piece
  }

  async #rotate(): Promise<void> {
    const { path, kept } = this.#options
    await this.#handle?.close()
    if (kept === 0) await rm(path, { force: true })
    for (let number = kept; number > 0; number--) {
      const newer = number === 1 ? path : `${path}.${String(number - 1)}`
      await rename(newer, `${path}.${String(number)}`).catch(ignoreMissing)
    }
    const { handle, sizeBytes } = await openToAppend(path)
    this.#handle = handle
    this.#sizeBytes = sizeBytes
  }

  #fail(error: FlashproofError): void {
    const handle = this.#handle
    if (handle === null) return
    this.#handle = null
    this.#waiting = ''
    // It failed already; what closing says adds nothing.
    handle.close().catch(() => undefined)
    this.#onFailure(error)
  }
}

/** A pipe or a device would be waited for, or take what is meant for people. */
async function openToAppend(path: string): Promise<OpenedFile> {
  let handle: FileHandle
  try {
    handle = await open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK, 0o644)
  } catch (cause) {
    if (codeOf(cause) !== 'EISDIR') throw asFileError(path, cause)
    throw new FlashproofError('file.is-directory', `${path} is a folder`, { file: path }, { cause })
  }
  const stats = await handle.stat()
  if (stats.isFile()) return { handle, sizeBytes: stats.size }
  await handle.close()
  throw new FlashproofError('file.not-writable', `${path} is no file that can be appended to`, { file: path })
}

function ignoreMissing(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

function asFileError(path: string, cause: unknown): FlashproofError {
  const systemCode = codeOf(cause)
  const details = { file: path, systemCode }
  const code = systemCode === 'ENOSPC' || systemCode === 'EDQUOT' ? 'file.disk-full' : 'file.not-writable'
  return new FlashproofError(code, `${path} could not be written (${systemCode})`, details, { cause })
}

/** Where nobody says otherwise. */
export const USUAL_LOG_FILE = { sizeBytes: 16 * 1024 * 1024, kept: 4 } as const
