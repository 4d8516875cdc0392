/**
 * Firmware that was opened in this worker: read, inspected and kept in memory by an id, so that a file which changes or
 * vanishes later changes nothing.
 */
import { randomUUID } from 'node:crypto'
import { FlashproofError } from '../../shared/errors.ts'
import type { FirmwareSummary, Inspection } from '../../shared/contract/models.ts'
import { MemoryImage } from '../image/memory-image.ts'
import type { FirmwareReader, OpenRequest } from './firmware-reader.ts'

export interface OpenedFirmware {
  readonly firmwareId: string
  readonly fileName: string
  readonly inspection: Inspection
  readonly image: MemoryImage
  readonly isAddressed: boolean
}

/** Images are large; a file that was used longest ago is opened again when it is wanted after so many others. */
const MOST_KEPT = 16

export class FirmwareLibrary {
  readonly #read: FirmwareReader
  readonly #opened = new Map<string, OpenedFirmware>()

  constructor(read: FirmwareReader) {
    this.#read = read
  }

  /** Reads a file and keeps it. @throws {FlashproofError} file.*, format.*, image.* */
  async open(request: OpenRequest, signal?: AbortSignal): Promise<FirmwareSummary> {
    const answer = await this.#read(request, signal)
    const firmware: OpenedFirmware = {
      firmwareId: `fw-${randomUUID().slice(0, 8)}`,
      fileName: answer.inspection.fileName,
      inspection: answer.inspection,
      image: MemoryImage.fromPieces(answer.segments),
      isAddressed: answer.isAddressed,
    }
    this.#keep(firmware)
    return { firmwareId: firmware.firmwareId, fileName: firmware.fileName, inspection: firmware.inspection }
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
    if (this.#opened.size > MOST_KEPT && oldest !== undefined) this.#opened.delete(oldest)
  }
}
