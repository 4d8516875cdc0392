/** Decodes crashes in a thread of their own: reading megabytes of debug information would hold up every transfer. */
import { Worker } from 'node:worker_threads'
import type { CrashDecoding } from '../../../shared/contract/models.ts'
import { FlashproofError, fromWireError, type WireError } from '../../../shared/errors.ts'
import type { DecodeRequest } from './decode-crash.ts'

export interface DecodeTask extends DecodeRequest {
  readonly elfPath: string
}

/** What the thread answers with. */
export type DecodeAnswer =
  | { readonly kind: 'decoded'; readonly decoding: CrashDecoding }
  | { readonly kind: 'failed'; readonly error: WireError }

/** @throws {FlashproofError} what `decodeCrash` throws, file.* for a file that cannot be read, internal.unexpected */
export type CrashDecoder = (task: DecodeTask) => Promise<CrashDecoding>

/** The file is read anew for each crash, so one that was built again meanwhile is seen by its hash. */
export function createThreadDecoder(entry: URL): CrashDecoder {
  return task => {
    const { promise, resolve, reject } = Promise.withResolvers<CrashDecoding>()
    const thread = new Worker(entry, { workerData: task, execArgv: [] })
    thread.once('message', (answer: DecodeAnswer) => {
      if (answer.kind === 'decoded') resolve(answer.decoding)
      else reject(fromWireError(answer.error))
    })
    thread.once('error', cause => {
      reject(new FlashproofError('internal.unexpected', 'the thread that decodes a crash failed', {}, { cause }))
    })
    // After an answer this changes nothing: a promise is settled once.
    thread.once('exit', () => {
      reject(new FlashproofError('internal.unexpected', 'the thread that decodes a crash ended without an answer'))
    })
    return promise
  }
}
