/** Thread entry: reads and inspects one firmware file, and hands its bytes over without a copy. */
import { parentPort, workerData } from 'node:worker_threads'
import { toWireError } from '../../shared/errors.ts'
import { openFirmwareFile } from '../formats/file-source.ts'
import { inspectSource } from '../formats/inspect.ts'
import type { OpenRequest, ThreadAnswer } from './firmware-library.ts'

function read(request: OpenRequest): ThreadAnswer & { kind: 'opened' } {
  const source = openFirmwareFile(request.path)
  try {
    const { inspection, image, format } = inspectSource(source, { accept: request.accept ?? [] })
    return { kind: 'opened', inspection, segments: image.segments, isAddressed: format.isAddressed }
  } finally {
    source.close()
  }
}

try {
  // workerData is what FirmwareLibrary passed: structured clone keeps its shape.
  const answer = read(workerData as OpenRequest)
  const buffers = new Set(answer.segments.map(segment => segment.bytes.buffer))
  const transferable = [...buffers].filter(buffer => buffer instanceof ArrayBuffer)
  parentPort?.postMessage(answer, transferable)
} catch (thrown) {
  const answer: ThreadAnswer = { kind: 'failed', error: toWireError(thrown) }
  parentPort?.postMessage(answer)
}
