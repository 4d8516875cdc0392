/** A real child process that speaks the contract, with handlers that show each way a call can end. */
import { FlashproofError } from '../../src/shared/errors.ts'
import { serve } from '../../src/shared/rpc/server.ts'
import { connectToParent } from '../../src/worker/link-to-parent.ts'
import { fakeWorkerHandlers } from './fake-worker-handlers.ts'
import { fakeSnapshot } from './fake-snapshot.ts'

const link = connectToParent()
const cancelled: string[] = []

const server = serve(link, {
  answers: ['worker'],
  caller: 'host',
  checksOutgoing: true,
  handlers: fakeWorkerHandlers({
    'worker.hello': () => ({
      version: '0.0.0',
      pid: process.pid,
      nodeVersion: process.versions.node,
      home: process.env['FLASHPROOF_HOME'] ?? '',
    }),
    'worker.stop': () => {
      setImmediate(() => void link.flush().then(() => process.exit(0)))
      return {}
    },
    /** Throws an error with details and a cause. */
    'log.show': ({ jobId }) => {
      throw new FlashproofError(
        'job.not-found',
        `no job ${jobId}`,
        { jobId, knownJobs: 3 },
        { cause: new Error('disk') },
      )
    },
    /** Waits until it is cancelled. */
    'device.list': (_request, { signal }) =>
      new Promise((_resolve, reject) => {
        server.emit('journal.changed', { state: 'ok', text: 'listing' })
        signal.addEventListener('abort', () => {
          cancelled.push(signal.reason instanceof FlashproofError ? signal.reason.code : 'other')
          reject(signal.reason as Error)
        })
      }),
    /** Tells why the listings ended. */
    'job.pause': () => {
      server.emit('journal.changed', { state: 'ok', text: cancelled.join(' ') })
      return {}
    },
    /** Crashes with words on stderr. */
    'job.cancel': () => {
      process.stderr.write('something broke\n', () => process.exit(7))
      return new Promise(() => undefined)
    },
    /** Tells a state of each job before it answers. */
    'job.resume': async ({ jobIds = [] }) => {
      await server.emitAcknowledged('jobs.changed', { jobs: jobIds.map(jobId => fakeSnapshot({ jobId })) })
      return { jobIds }
    },
  }),
})

link.onClose(() => process.exit(0))
server.emit('worker.ready', { version: '0.0.0', pid: process.pid })
