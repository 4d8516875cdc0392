/** Thread entry: reads and inspects one firmware file, and hands its bytes over without a copy. */
import { parentPort, workerData } from 'node:worker_threads'
import { toWireError } from '../../shared/errors.ts'
import { readFirmware, type OpenRequest } from './firmware-reader.ts'
import type { ThreadAnswer } from './firmware-thread-reader.ts'

function answer(): void {
  let opened: ThreadAnswer
  let transferable: ArrayBuffer[] = []
  try {
    // workerData is what the reader passed: structured clone keeps its shape.
    const firmware = readFirmware(workerData as OpenRequest)
    const buffers = new Set(firmware.segments.map(segment => segment.bytes.buffer))
    transferable = [...buffers].filter(buffer => buffer instanceof ArrayBuffer)
    opened = { kind: 'opened', firmware }
  } catch (thrown) {
    opened = { kind: 'failed', error: toWireError(thrown) }
  }
  parentPort?.postMessage(opened, transferable)
}

answer()
