/**
 * Firmware that was opened in this worker: read, inspected and kept in memory by an id, so that a file which changes or
 * vanishes later changes nothing.
 */
import { randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { FlashproofError, hasErrorCode } from '../../shared/errors.ts'
import type { FirmwareSummary, Inspection } from '../../shared/contract/models.ts'
import { isoWithZone, systemClock, type Clock } from '../clock.ts'
import { MemoryImage } from '../image/memory-image.ts'
import type { FirmwareReader, OpenRequest } from './firmware-reader.ts'

export interface OpenedFirmware {
  readonly firmwareId: string
  readonly fileName: string
  readonly inspection: Inspection
  readonly image: MemoryImage
  readonly isAddressed: boolean
  /** ISO 8601 with zone. */
  readonly openedAt: string
}

/** The file on disk, compared with the one that was inspected. */
export interface FileComparison {
  readonly state: 'same' | 'changed' | 'missing'
  /** When the file on disk was written last; null unless it changed. */
  readonly changedAt: string | null
}

/** How the file looked from outside when it was known to hold the inspected bytes. */
interface FileStamp {
  readonly sizeBytes: number
  readonly modifiedMs: number
}

interface FileOrigin {
  readonly request: OpenRequest
  stamp: FileStamp | null
}

/** Images are large; a file that was used longest ago is opened again when it is wanted after so many others. */
const MOST_KEPT = 16

export class FirmwareLibrary {
  readonly #read: FirmwareReader
  readonly #clock: Clock
  readonly #opened = new Map<string, OpenedFirmware>()
  readonly #origins = new Map<string, FileOrigin>()

  constructor(read: FirmwareReader, clock: Clock = systemClock) {
    this.#read = read
    this.#clock = clock
  }

  /** Reads a file and keeps it. @throws {FlashproofError} file.*, format.*, image.* */
  async open(request: OpenRequest, signal?: AbortSignal): Promise<FirmwareSummary> {
    // Before reading: a file that changes while it is read shows as changed.
    const stamp = await stampOf(request.path).catch(() => null)
    const answer = await this.#read(request, signal)
    const firmware: OpenedFirmware = {
      firmwareId: `fw-${randomUUID().slice(0, 8)}`,
      fileName: answer.inspection.fileName,
      inspection: answer.inspection,
      image: MemoryImage.fromPieces(answer.segments),
      isAddressed: answer.isAddressed,
      openedAt: isoWithZone(this.#clock.nowMs()),
    }
    this.#origins.set(firmware.firmwareId, { request, stamp })
    this.#keep(firmware)
    return summaryOf(firmware)
  }

  /** What is open now, the last one opened first. */
  list(): FirmwareSummary[] {
    return [...this.#origins.keys()]
      .flatMap(firmwareId => this.#opened.get(firmwareId) ?? [])
      .map(summaryOf)
      .reverse()
  }

  /**
   * Compares the file on disk with the one that was inspected; its bytes are read only when it looks different.
   * @throws {FlashproofError} file.not-found for an id that is not open, call.aborted
   */
  async recheck(firmwareId: string, signal?: AbortSignal): Promise<FileComparison> {
    const { inspection } = this.get(firmwareId)
    const origin = this.#origins.get(firmwareId)
    if (origin === undefined) return { state: 'missing', changedAt: null }
    let stamp: FileStamp
    try {
      stamp = await stampOf(origin.request.path)
    } catch {
      return { state: 'missing', changedAt: null }
    }
    const changed: FileComparison = { state: 'changed', changedAt: isoWithZone(stamp.modifiedMs) }
    if (stamp.sizeBytes !== inspection.sourceBytes) return changed
    // The list of a set says nothing of its parts, which a build writes anew while the list stays.
    const isSet = inspection.esp?.kind === 'set'
    if (!isSet && stamp.modifiedMs === origin.stamp?.modifiedMs) return { state: 'same', changedAt: null }
    try {
      const now = await this.#read(origin.request, signal)
      if (now.inspection.sourceSha256 !== inspection.sourceSha256) return changed
      if (isSet && partsOf(now.inspection) !== partsOf(inspection)) return changed
    } catch (error) {
      if (hasErrorCode(error, 'call.aborted')) throw error
      if (hasErrorCode(error, 'file.not-found')) return { state: 'missing', changedAt: null }
      // What is no firmware any more is another file, whatever is wrong with it.
      return changed
    }
    origin.stamp = stamp
    return { state: 'same', changedAt: null }
  }

  /** @throws {FlashproofError} file.not-found for an id that this worker never gave, or gave long ago */
  get(firmwareId: string): OpenedFirmware {
    const firmware = this.#opened.get(firmwareId)
    if (firmware !== undefined) {
      this.#keep(firmware)
      return firmware
    }
    throw new FlashproofError('file.not-found', `no firmware ${firmwareId} is open; open the file first`, {
      firmwareId,
    })
  }

  /** The map's order is the order of use. */
  #keep(firmware: OpenedFirmware): void {
    this.#opened.delete(firmware.firmwareId)
    this.#opened.set(firmware.firmwareId, firmware)
    const [oldest] = this.#opened.keys()
    if (this.#opened.size <= MOST_KEPT || oldest === undefined) return
    this.#opened.delete(oldest)
    this.#origins.delete(oldest)
  }
}

function partsOf({ esp }: Inspection): string {
  return JSON.stringify((esp?.parts ?? []).map(({ offset, sha256 }) => [offset, sha256]))
}

function summaryOf({ firmwareId, fileName, inspection, openedAt }: OpenedFirmware): FirmwareSummary {
  return { firmwareId, fileName, inspection, openedAt }
}

async function stampOf(path: string): Promise<FileStamp> {
  const { size, mtimeMs } = await stat(path)
  return { sizeBytes: size, modifiedMs: mtimeMs }
}
