/**
 * A host process other than the command line: starts one job through a worker and tells every state as a line of JSON.
 * Can pause the job, and answers no question. `node job-driver.ts HOME IMAGE TARGET PAUSE_AT_BYTES`
 */
import { forkWorker } from '../../src/host/worker-process.ts'
import { createClient } from '../../src/shared/rpc/client.ts'

const [home = '', path = '', target = '', pauseAtText = ''] = process.argv.slice(2)
const pauseAtBytes = pauseAtText === '' ? null : Number(pauseAtText)

const worker = await forkWorker({ home })
const client = createClient(worker.link, { caller: 'host' })
let isPauseAsked = false
client.subscribe('jobs.changed', ({ jobs }) => {
  for (const job of jobs) {
    process.stdout.write(`${JSON.stringify(job)}\n`)
    if (pauseAtBytes === null || isPauseAsked || job.doneBytes < pauseAtBytes || job.state !== 'transferring') continue
    isPauseAsked = true
    void client.call('job.pause', { jobIds: [job.jobId] })
  }
})
const { firmwareId } = await client.call('firmware.open', { path })
await client.call('job.start', { firmwareId, targets: [target], interactive: true, acceptedBy: 'driver' })
// Ends as the command line does when its worker dies.
await worker.exited
process.exitCode = 1
