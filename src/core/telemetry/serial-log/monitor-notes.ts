/** What a monitor does beside showing: writes its lines into a file, and finds the places in the sources of a crash. */
import type { CrashReport, DeviceEvent, MonitorEntry, MonitorLine } from '../../../shared/contract/models.ts'
import { asFlashproofError, toWireError } from '../../../shared/errors.ts'
import { formatAddress } from '../../../shared/units.ts'
import { readProgramHeader } from '../backtrace/decode-crash.ts'
import type { CrashDecoder } from '../backtrace/thread-decoder.ts'
import { openFirmwareFile } from '../../formats/file-source.ts'
import { LogFile, USUAL_LOG_FILE } from './log-file.ts'

export interface NotesRequest {
  /** Of the host alone: pages name no files. */
  readonly logFile?: { readonly path: string; readonly sizeBytes?: number; readonly kept?: number }
  readonly elfPath?: string
}

export interface NotesWorld {
  readonly decode: CrashDecoder
  readonly now: () => string
  readonly onEvent: (event: DeviceEvent) => void
}

export class MonitorNotes {
  readonly #world: NotesWorld
  #file: LogFile | null = null
  #elfPath: string | null = null
  #decoding: Promise<void> = Promise.resolve()

  constructor(world: NotesWorld) {
    this.#world = world
  }

  /**
   * Begins a log file with what was heard before, or takes another ELF file; both are looked at before anything changes.
   * @throws {FlashproofError} file.*, format.unsupported for a file that is no ELF file of a microcontroller
   */
  async attach({ logFile, elfPath }: NotesRequest, heardBefore: () => readonly MonitorEntry[]): Promise<void> {
    if (elfPath !== undefined) assertElf(elfPath)
    if (logFile !== undefined) {
      const file = await LogFile.open({ ...USUAL_LOG_FILE, ...logFile }, error => {
        this.#world.onEvent({ kind: 'log-file-failed', at: this.#world.now(), error: toWireError(error) })
      })
      await this.#file?.close()
      this.#file = file
      for (const entry of heardBefore()) {
        if (entry.type === 'line') this.line(entry.line)
        else this.event(entry.event)
      }
    }
    if (elfPath !== undefined) this.#elfPath = elfPath
  }

  line({ at, from, text }: MonitorLine): void {
    this.#file?.add(at, from === 'board' ? '<' : '>', text)
  }

  event(event: DeviceEvent): void {
    this.#file?.add(event.at, '-', wordsOf(event))
  }

  /** Tells the report with its places in the sources, as soon as they were looked up. */
  crash(crash: CrashReport, appElfSha256: string | null): void {
    const elfPath = this.#elfPath
    if (elfPath === null) {
      this.#tell({ kind: 'crash', at: crash.at, crash, decoding: null, decodingError: null })
      return
    }
    // One after the other: a board that crashes in a loop starts no heap of threads.
    this.#decoding = this.#decoding.then(async () => {
      try {
        const decoding = await this.#world.decode({ crash, appElfSha256, elfPath })
        this.#tell({ kind: 'crash', at: crash.at, crash, decoding, decodingError: null })
      } catch (error) {
        const decodingError = toWireError(asFlashproofError(error))
        this.#tell({ kind: 'crash', at: crash.at, crash, decoding: null, decodingError })
      }
    })
  }

  /** Resolves when every crash is told and the file is closed. */
  async close(): Promise<void> {
    await this.#decoding
    await this.#file?.close()
    this.#file = null
  }

  #tell(event: DeviceEvent): void {
    this.#world.onEvent(event)
    this.event(event)
    if (event.kind !== 'crash') return
    for (const place of event.decoding?.places ?? []) {
      const where = place.file === null ? '' : ` ${place.file}:${String(place.line)}`
      this.#file?.add(event.at, '-', `${place.name} ${formatAddress(place.address)} ${place.function ?? '?'}${where}`)
    }
  }
}

function assertElf(path: string): void {
  const source = openFirmwareFile(path)
  try {
    readProgramHeader(source)
  } finally {
    source.close()
  }
}

/** For the file: plain English, as the board's lines are in whatever language they are. */
function wordsOf(event: DeviceEvent): string {
  switch (event.kind) {
    case 'opened':
      return 'the line is open'
    case 'lost':
      return `the line is away: ${event.error.message}`
    case 'lent':
      return `the line is used for ${event.usedFor}`
    case 'not-restarted':
      return 'the board could not be restarted: the line has no modem lines'
    case 'reset':
      return `the board started: ${event.reason}, ${event.bootMode}`
    case 'app':
      return `application ${event.field}: ${event.value}`
    case 'panic':
      return `crash: ${event.text}`
    case 'brownout':
      return 'the supply voltage was too low'
    case 'crash':
      return `crash report: ${event.crash.text}${event.decoding?.build === 'other' ? ' (the ELF file is of another build)' : ''}`
    case 'skipped':
      return `${String(event.lines)} lines were too many to show`
    case 'log-file-failed':
      return event.error.message
  }
}
