/** Reads firmware in a thread of its own, one a file, so that the transfers' event loop never waits for it. */
import { Worker } from 'node:worker_threads'
import { FlashproofError, fromWireError, type WireError } from '../../shared/errors.ts'
import type { FirmwareReader, ReadFirmware } from './firmware-reader.ts'

/** What the thread answers with. */
export type ThreadAnswer =
  { readonly kind: 'opened'; readonly firmware: ReadFirmware } | { readonly kind: 'failed'; readonly error: WireError }

/** @param entry where the thread's file is */
export function createThreadReader(entry: URL): FirmwareReader {
  return (request, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<ReadFirmware>()
    const cancelled = new FlashproofError('call.aborted', 'opening the firmware was cancelled')
    if (signal?.aborted === true) return Promise.reject(cancelled)
    const thread = new Worker(entry, { workerData: request, execArgv: [] })
    let answer: ThreadAnswer | null = null
    const onAbort = (): void => {
      void thread.terminate()
      reject(cancelled)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    thread.once('message', (message: ThreadAnswer) => {
      answer = message
    })
    thread.once('error', cause => {
      reject(new FlashproofError('internal.unexpected', 'the thread that reads firmware failed', {}, { cause }))
    })
    // The thread ends by itself after its answer; nobody goes on while it still does.
    thread.once('exit', code => {
      signal?.removeEventListener('abort', onAbort)
      if (answer?.kind === 'opened') resolve(answer.firmware)
      else if (answer?.kind === 'failed') reject(fromWireError(answer.error))
      else {
        reject(new FlashproofError('internal.unexpected', `the thread that reads firmware ended with ${String(code)}`))
      }
    })
    return promise
  }
}
