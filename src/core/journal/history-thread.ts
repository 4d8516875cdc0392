/** Runs long work on the journal in a thread of its own, so that the transfers' event loop never waits for it. */
import { rmSync } from 'node:fs'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { FlashproofError, fromWireError, toWireError, type WireError } from '../../shared/errors.ts'
import { unfinishedPath } from './exports/export-file.ts'
import { doHistoryTask, type HistoryResult, type HistoryTask } from './history-tasks.ts'
import type { JournalKind } from './open-database.ts'

export type { HistoryEntry, HistoryResult, HistoryTask } from './history-tasks.ts'

interface ThreadRequest {
  readonly flashproofHistory: true
  readonly home: string
  readonly kind: JournalKind
  readonly task: HistoryTask
}

type ThreadAnswer = { readonly result: HistoryResult<HistoryTask> } | { readonly error: WireError }

/** This file as it lies in the sources; in a bundle `history-thread.js` beside the file that was bundled into. */
export function defaultHistoryThreadEntry(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './history-thread.ts' : './history-thread.js', import.meta.url)
}

export interface HistoryTaskOptions {
  /** Where the thread's file is, when a bundle put it elsewhere. */
  readonly entry?: URL
  /** Ends the thread and rejects with `call.aborted`; an unfinished export leaves no file under its name. */
  readonly signal?: AbortSignal
}

/**
 * Does a task in a thread with a read-only connection of its own.
 * @throws what the task meets, with its code; call.aborted; internal.unexpected when the thread dies.
 */
export async function runHistoryTask<Task extends HistoryTask>(
  home: string,
  kind: JournalKind,
  task: Task,
  options: HistoryTaskOptions = {},
): Promise<HistoryResult<Task>> {
  const { signal } = options
  if (isAborted(signal)) throw aborted(signal)
  const request: ThreadRequest = { flashproofHistory: true, home, kind, task }
  const worker = new Worker(options.entry ?? defaultHistoryThreadEntry(), { workerData: request, execArgv: [] })
  const exited = new Promise<void>(resolve => {
    worker.once('exit', () => {
      resolve()
    })
  })
  const onAbort = (): void => {
    void worker.terminate()
  }
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const answer = await answerOf(worker)
    if ('error' in answer) throw fromWireError(answer.error)
    return answer.result
  } catch (error) {
    if (!isAborted(signal)) throw error
    if ('outputPath' in task) rmSync(unfinishedPath(task.outputPath), { force: true })
    throw aborted(signal)
  } finally {
    signal?.removeEventListener('abort', onAbort)
    // It ends by itself after its answer, and after an abort because of it; nobody goes on while it still does.
    await exited
  }
}

function answerOf(worker: Worker): Promise<ThreadAnswer> {
  return new Promise((resolve, reject) => {
    // What comes through the port was posted by `answerRequest` below.
    worker.once('message', (answer: ThreadAnswer) => {
      resolve(answer)
    })
    worker.once('error', reject)
    worker.once('exit', exitCode => {
      reject(
        new FlashproofError('internal.unexpected', `The history thread ended with ${String(exitCode)}`, { exitCode }),
      )
    })
  })
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}

function aborted(signal: AbortSignal | undefined): FlashproofError {
  return new FlashproofError('call.aborted', 'The work on the journal was stopped', {}, { cause: signal?.reason })
}

function answerRequest(request: ThreadRequest): ThreadAnswer {
  try {
    return { result: doHistoryTask(request.home, request.kind, request.task) }
  } catch (error) {
    return { error: toWireError(error) }
  }
}

function isThreadRequest(value: unknown): value is ThreadRequest {
  return typeof value === 'object' && value !== null && 'flashproofHistory' in value
}

// The same file may be loaded in other threads of a bundle; only a thread that was started with a request answers one.
const ownRequest: unknown = isMainThread ? null : workerData
if (isThreadRequest(ownRequest)) parentPort?.postMessage(answerRequest(ownRequest))
