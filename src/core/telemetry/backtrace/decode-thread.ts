/** Thread entry: decodes one crash with an ELF file, which may be as large as it likes. */
import { parentPort, workerData } from 'node:worker_threads'
import { toWireError } from '../../../shared/errors.ts'
import { openFirmwareFile } from '../../formats/file-source.ts'
import { decodeCrash } from './decode-crash.ts'
import type { DecodeAnswer, DecodeTask } from './thread-decoder.ts'

function answer(): DecodeAnswer {
  // workerData is what the decoder passed: structured clone keeps its shape.
  const { elfPath, ...request } = workerData as DecodeTask
  try {
    const source = openFirmwareFile(elfPath)
    try {
      return { kind: 'decoded', decoding: decodeCrash(source, request) }
    } finally {
      source.close()
    }
  } catch (thrown) {
    return { kind: 'failed', error: toWireError(thrown) }
  }
}

parentPort?.postMessage(answer())
