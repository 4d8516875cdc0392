/** Reads and inspects one firmware file whole: the work that `firmware-thread.ts` does off the event loop. */
import type { Inspection } from '../../shared/contract/models.ts'
import { openFirmwareFile } from '../formats/file-source.ts'
import { inspectSource } from '../formats/inspect.ts'
import type { Segment } from '../image/memory-image.ts'

export interface OpenRequest {
  readonly path: string
  readonly accept?: readonly string[]
  /** For which chip, where the file holds firmware for several. */
  readonly variant?: string
}

export interface ReadFirmware {
  readonly inspection: Inspection
  readonly segments: readonly Segment[]
  readonly isAddressed: boolean
}

/** Rejects with file.*, format.*, image.*, and with call.aborted when the signal aborts first. */
export type FirmwareReader = (request: OpenRequest, signal?: AbortSignal) => Promise<ReadFirmware>

/**
 * Reads in the calling thread: a large file takes a while.
 * @throws {FlashproofError} file.*, format.*, image.*
 */
export function readFirmware(request: OpenRequest): ReadFirmware {
  const source = openFirmwareFile(request.path)
  try {
    const { accept = [], variant } = request
    const wanted = variant === undefined ? {} : { variant }
    const { inspection, image, format } = inspectSource(source, { accept, ...wanted })
    return { inspection, segments: image.segments, isAddressed: format.isAddressed }
  } finally {
    source.close()
  }
}
