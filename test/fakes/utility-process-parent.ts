/** An Electron app without a window: starts the fixture worker as a utility process, asks it, and writes down what came back. */
import { app, utilityProcess } from 'electron'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { spawnUtilityWorker } from '../../src/main/utility-worker.ts'
import { toWireError } from '../../src/shared/errors.ts'
import { createClient } from '../../src/shared/rpc/client.ts'

const folder = dirname(fileURLToPath(import.meta.url))

function startWorker() {
  return spawnUtilityWorker({
    fork: (entryPath, words, options) => utilityProcess.fork(entryPath, words, options),
    entryPath: join(folder, 'worker.mjs'),
    env: { ...process.env, FLASHPROOF_HOME: '/a/home' },
    killProcess: pid => process.kill(pid, 'SIGKILL'),
  })
}

const codeOf = (thrown: unknown): string => toWireError(thrown).code

async function run(): Promise<unknown> {
  const worker = await startWorker()
  const client = createClient(worker.link, { caller: 'host' })
  const told: string[] = []
  client.subscribe('jobs.changed', ({ jobs }) => {
    told.push(...jobs.map(({ jobId }) => jobId))
  })
  const hello = await client.call('worker.hello', {})
  const resumed = await client.call('job.resume', { jobIds: ['a', 'b'] })
  const refused = await client.call('log.show', { jobId: 'nobody' }).catch((thrown: unknown) => toWireError(thrown))
  const abort = new AbortController()
  const listing = client.call('device.list', {}, { signal: abort.signal }).catch(codeOf)
  abort.abort()
  const aborted = await listing
  const waiting = client.call('job.cancel', { jobIds: ['a'] }).catch(codeOf)
  const crashed = { waiting: await waiting, exit: await worker.exited }
  const late = await client.call('worker.hello', {}).catch(codeOf)

  const second = await startWorker()
  const other = createClient(second.link, { caller: 'host' })
  await other.call('worker.stop', {}).catch(() => undefined)
  const stopped = await second.exited

  const third = await startWorker()
  third.kill()
  const killed = await third.exited
  return {
    pidFits: hello.pid === worker.pid,
    home: hello.home,
    told,
    resumed,
    refused,
    aborted,
    crashed,
    late,
    stopped,
    killed,
  }
}

// Not awaited at the top: the app becomes ready only after this file has run.
void app.whenReady().then(async () => {
  const outcome = await run().catch((thrown: unknown) => ({ failed: toWireError(thrown) }))
  writeFileSync(join(folder, 'outcome.json'), JSON.stringify(outcome))
  app.exit(0)
})
