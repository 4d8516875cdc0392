/** One worker process with a client on its link, from start to orderly end. */
import { FlashproofError } from '../shared/errors.ts'
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

export async function openWorkerSession(host: CliHost, home: string): Promise<WorkerSession> {
  // Both take time: the process starts while the module loads.
  const [worker, { createClient }] = await Promise.all([host.openWorker({ home }), import('../shared/rpc/client.ts')])
  return createSession(host, worker, createClient(worker.link, { caller: 'host' }))
}

function createSession(host: CliHost, worker: WorkerProcess, client: Client): WorkerSession {
  let isClosing = false
  const died = new Promise<never>((_, reject) => {
    const fail = (): void => {
      if (!isClosing)
        reject(new FlashproofError('worker.exited', 'the background process ended', { pid: worker.pid ?? null }))
    }
    worker.link.onClose(fail)
    worker.exited.then(fail, fail)
  })
  // Not every command races against it; an unobserved rejection must not end the program.
  died.catch(() => undefined)
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
