/**
 * Firmware that was opened in this worker: read, inspected and kept in memory by an id, so that a file which changes or
 * vanishes later changes nothing. Reading and hashing happen in a thread.
 */
import { randomUUID } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { FlashproofError, fromWireError, type WireError } from '../../shared/errors.ts'
import type { FirmwareSummary, Inspection } from '../../shared/contract/models.ts'
import { MemoryImage, type Segment } from '../image/memory-image.ts'

export interface OpenedFirmware {
  readonly firmwareId: string
  readonly fileName: string
  readonly inspection: Inspection
  readonly image: MemoryImage
  readonly isAddressed: boolean
}

export interface OpenRequest {
  readonly path: string
  readonly accept?: readonly string[]
}

/** What the thread answers with. */
export type ThreadAnswer =
  | {
      readonly kind: 'opened'
      readonly inspection: Inspection
      readonly segments: readonly Segment[]
      readonly isAddressed: boolean
    }
  | { readonly kind: 'failed'; readonly error: WireError }

/** Images are large; a file that was used longest ago is opened again when it is wanted after so many others. */
const MOST_KEPT = 16

export class FirmwareLibrary {
  readonly #threadEntry: URL
  readonly #opened = new Map<string, OpenedFirmware>()

  constructor(threadEntry: URL) {
    this.#threadEntry = threadEntry
  }

  /** Reads a file and keeps it. @throws {FlashproofError} file.*, format.*, image.* */
  async open(request: OpenRequest, signal?: AbortSignal): Promise<FirmwareSummary> {
    const answer = await this.#readInThread(request, signal)
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

  #readInThread(request: OpenRequest, signal?: AbortSignal): Promise<ThreadAnswer & { kind: 'opened' }> {
    const { promise, resolve, reject } = Promise.withResolvers<ThreadAnswer & { kind: 'opened' }>()
    const cancelled = new FlashproofError('call.aborted', 'opening the firmware was cancelled')
    if (signal?.aborted === true) return Promise.reject(cancelled)
    const thread = new Worker(this.#threadEntry, { workerData: request })
    const onAbort = (): void => {
      void thread.terminate()
      reject(cancelled)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    thread.once('message', (answer: ThreadAnswer) => {
      if (answer.kind === 'opened') resolve(answer)
      else reject(fromWireError(answer.error))
    })
    thread.once('error', cause => {
      reject(new FlashproofError('internal.unexpected', 'the thread that reads firmware failed', {}, { cause }))
    })
    thread.once('exit', code => {
      signal?.removeEventListener('abort', onAbort)
      // After an answer this changes nothing: the promise is settled.
      reject(new FlashproofError('internal.unexpected', `the thread that reads firmware ended with ${String(code)}`))
    })
    return promise
  }
}
