/** One worker process with a client on its link, from start to orderly end. */
import { FlashproofError, hasErrorCode } from '../shared/errors.ts'
import type { Client } from '../shared/rpc/client.ts'
import type { CliHost, WorkerProcess } from './host.ts'

export interface WorkerSession {
  readonly client: Client
  /** Rejects with `worker.exited` when the worker ends before `close` was called; never resolves. */
  readonly died: Promise<never>
  /** Asks the worker to stop, waits for a while, then ends it. */
  close(): Promise<void>
  /** Ends it at once. */
  kill(): void
}

const STOP_DEADLINE_MS = 5_000
const DEATH_DEADLINE_MS = 1_000

export async function openWorkerSession(host: CliHost, home: string): Promise<WorkerSession> {
  // Both take time: the process starts while the module loads.
  const [worker, { createClient }] = await Promise.all([host.openWorker({ home }), import('../shared/rpc/client.ts')])
  return createSession(host, worker, createClient(worker.link, { caller: 'host' }))
}

function createSession(host: CliHost, worker: WorkerProcess, rawClient: Client): WorkerSession {
  let isClosing = false
  const died = new Promise<never>((_, reject) => {
    const onEnd = (): void => {
      if (!isClosing) void describeDeath(host, worker).then(reject)
    }
    worker.link.onClose(onEnd)
    worker.exited.then(onEnd, onEnd)
  })
  // Not every command races against it; an unobserved rejection must not end the program.
  died.catch(() => undefined)
  const client: Client = {
    ...rawClient,
    async call(name, request, options) {
      try {
        return await rawClient.call(name, request, options)
      } catch (thrown) {
        // The client knows only that the link ended; what the process left behind says more.
        if (!isClosing && hasErrorCode(thrown, 'worker.exited')) return await died
        throw thrown
      }
    },
  }
  return {
    client,
    died,
    async close() {
      if (isClosing) return
      isClosing = true
      const hasStopped = client
        .call('worker.stop', {}, { deadlineMs: STOP_DEADLINE_MS })
        .catch(() => undefined)
        .then(() => worker.exited)
        .catch(() => undefined)
      const deadline = Promise.withResolvers<undefined>()
      const cancelDeadline = host.timers.after(STOP_DEADLINE_MS, () => {
        deadline.resolve(undefined)
      })
      await Promise.race([hasStopped, deadline.promise])
      cancelDeadline()
      client.close()
      worker.kill()
    },
    kill() {
      isClosing = true
      client.close()
      worker.kill()
    },
  }
}

/** Waits shortly for the process to be gone, so that its last words are complete. */
async function describeDeath(host: CliHost, worker: WorkerProcess): Promise<FlashproofError> {
  const deadline = Promise.withResolvers<null>()
  const cancelDeadline = host.timers.after(DEATH_DEADLINE_MS, () => {
    deadline.resolve(null)
  })
  const exit = await Promise.race([worker.exited, deadline.promise])
  cancelDeadline()
  const how =
    exit === null
      ? 'the link to the background process ended'
      : exit.signal === null
        ? `the background process ended with exit code ${String(exit.code)}`
        : `the background process was ended by ${exit.signal}`
  const lastWords = exit?.output?.split('\n').find(line => /^\w*Error: |^flashproof worker: /.test(line))
  return new FlashproofError('worker.exited', lastWords === undefined ? how : `${how}: ${lastWords.trim()}`, {
    pid: worker.pid,
    exitCode: exit?.code ?? null,
    signal: exit?.signal ?? null,
    output: exit?.output ?? '',
  })
}
