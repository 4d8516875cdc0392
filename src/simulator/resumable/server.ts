/** A virtual server for Resumable.js: the seed's Flask server, or the Node sample of Resumable.js itself. */
import type { VirtualBoard } from '../board/board.ts'
import { FileServer, type FileServerSettings, type FileService } from '../board/file-server.ts'
import type { FileStore } from '../board/file-store.ts'
import { instantFlash } from '../board/flash-time.ts'
import { resumableFaults } from './faults.ts'
import { FlaskProfile, PART_LIFE_MS, toFlaskJson } from './flask-profile.ts'
import { NodeProfile } from './node-profile.ts'
import { UploadGate } from './upload-gate.ts'

export interface ResumableServerOptions extends FileServerSettings {
  readonly profile?: 'flask' | 'node'
  /** Whether it also takes a chunk as the body itself, with the parameters in the address. */
  readonly takesRawBodies?: boolean
  /** A board: one upload at a time, and only what fits its heap. */
  readonly isSmall?: boolean
  /** Node profile only: a copy of the sample that looks at sizes. */
  readonly checksSizes?: boolean
  /** Node profile only; null is without limit. */
  readonly maximumFileBytes?: number | null
  /** Flask profile only: parts older than this go when the page is looked at. */
  readonly partLifeMs?: number
  /** Decides how old parts are; the system's clock by default. */
  readonly wallTimeMs?: () => number
}

export interface ResumableServer {
  readonly device: FileServer
  /** The most uploads that were under way at once since the last boot. */
  peakUploads(): number
}

/**
 * Switches one on and resolves when it listens.
 * @throws {FlashproofError} option.invalid for a fault that does not exist or a value out of its range
 */
export async function startResumableServer(options: ResumableServerOptions = {}): Promise<ResumableServer> {
  const { isSmall = false } = options
  let peak = (): number => 0
  // A computer's disk takes no time beside a board's flash.
  const settings = isSmall ? options : { flashSpeed: instantFlash, ...options }
  const device = await new FileServer(settings, {
    faultTable: resumableFaults,
    createService: (board, files) => {
      const gate = new UploadGate(board, isSmall)
      peak = () => gate.peak
      return profileOf(options, board, files, gate)
    },
    writeJson: toFlaskJson,
  }).powerOn()
  return { device, peakUploads: () => peak() }
}

function profileOf(
  options: ResumableServerOptions,
  board: VirtualBoard,
  files: FileStore,
  gate: UploadGate,
): FileService {
  const { takesRawBodies = false } = options
  if (options.profile === 'node') {
    const { checksSizes = false, maximumFileBytes = null } = options
    return new NodeProfile(board, files, gate, { takesRawBodies, checksSizes, maximumFileBytes })
  }
  const { partLifeMs = PART_LIFE_MS, wallTimeMs = () => Date.now() } = options
  return new FlaskProfile(board, files, gate, { takesRawBodies, partLifeMs, wallTimeMs })
}
