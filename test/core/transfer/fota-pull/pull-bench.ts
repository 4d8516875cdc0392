/** A bench whose jobs wait for scripted devices on 127.0.0.1. */
import type { JobOrderRequest } from '../../../../src/shared/contract/commands.ts'
import type { JobLogLine, JobSnapshot } from '../../../../src/shared/contract/models.ts'
import { fotaPull } from '../../../../src/core/transfer/fota-pull/protocol.ts'
import type { RetryPolicy } from '../../../../src/core/transfer/retry.ts'
import { demoImage, openBench, quickRetryPolicy, type Bench } from '../../../fakes/bench.ts'
import { PSK } from './scripted-device.ts'

/** First request within 0.9 s, stalled after 1.8 s, unknown after 1.8 s. */
export const pullPolicy: RetryPolicy = {
  ...quickRetryPolicy,
  requestTimeoutMs: 300,
  rebootTimeoutMs: 300,
  confirmMs: 30,
  jobTries: 1,
}

/** Stalled after 0.36 s, unknown after 0.3 s; the first request may take as long as `patient` says. */
export const hasty: Partial<RetryPolicy> = { requestTimeoutMs: 60, confirmMs: 5, rebootTimeoutMs: 100 }
export const patient = { waitSeconds: 150 } as const

export const VERSION = '2.1.1'
export const CHUNK_BYTES = 1024
export const IMAGE = demoImage(6 * CHUNK_BYTES + 100)
export const CHUNKS = Math.ceil(IMAGE.length / CHUNK_BYTES)

export interface PullBench extends Bench {
  /** Starts a job and resolves with where its devices find it. */
  serve(deviceId: string, more?: Partial<JobOrderRequest>): Promise<{ readonly jobId: string; readonly url: string }>
  /** Where the job's devices find it once it listens again. */
  addressOf(jobId: string): Promise<string>
  /** Only what is said from now on counts for `addressOf`. */
  forgetAddresses(): void
  logOf(jobId: string): readonly JobLogLine[]
  snapshotOf(jobId: string): JobSnapshot
}

export async function openPullBench(policy: Partial<RetryPolicy> = {}): Promise<PullBench> {
  const bench = await openBench({ protocols: [fotaPull], retryPolicy: { ...pullPolicy, ...policy } })
  const lines: { jobId: string; line: JobLogLine }[] = []
  const listeners = new Set<() => void>()
  bench.watchLog((jobId, line) => {
    lines.push({ jobId, line })
    for (const listener of listeners) listener()
  })
  let taken = 0
  const addressOf = (jobId: string): Promise<string> =>
    new Promise(resolve => {
      const look = (): void => {
        const found = lines
          .slice(taken)
          .find(({ jobId: of, line }) => of === jobId && ['note.pull-address', 'pull.address'].includes(line.code))
        if (found === undefined) return
        listeners.delete(look)
        resolve(/http:\/\/[^/]+/.exec(found.line.text)?.[0] ?? '')
      }
      listeners.add(look)
      look()
    })
  // The bench's `station` changes when it is opened anew, so its getters are kept.
  const extras = {
    addressOf,
    forgetAddresses: () => {
      taken = lines.length
    },
    async serve(deviceId: string, more: Partial<JobOrderRequest> = {}) {
      const firmwareId = more.firmwareId ?? (await bench.firmwareId(IMAGE))
      taken = lines.length
      const { jobIds } = await bench.station.engine.start({
        firmwareId,
        targets: [`pull://127.0.0.1/${deviceId}`],
        protocol: 'fota-pull',
        secrets: { psk: PSK },
        ...more,
      })
      const jobId = jobIds[0] ?? ''
      return { jobId, url: await addressOf(jobId) }
    },
    logOf: (jobId: string) => lines.filter(entry => entry.jobId === jobId).map(({ line }) => line),
    snapshotOf: (jobId: string) => bench.station.engine.locate(jobId).snapshot,
  }
  return Object.create(bench, Object.getOwnPropertyDescriptors(extras)) as PullBench
}
