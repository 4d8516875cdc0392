import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TransferContext, TransferOrder, TransferReport } from '../../../src/core/transfer/transfer-protocol.ts'
import type { JobSnapshot } from '../../../src/shared/contract/models.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { openBench, quickRetryPolicy, type Bench } from '../../fakes/bench.ts'
import { fakeProtocol, proveStored } from '../../fakes/fake-protocol.ts'

type Step = (order: TransferOrder, context: TransferContext) => TransferReport | Promise<TransferReport>

const untouched = { boardNow: 'old-firmware', unplug: 'safe' } as const
const policy = { ...quickRetryPolicy, jobTries: 3, rebootTimeoutMs: 400 }

let bench: Bench
let steps: Step[]
let last: Step
let runs: { readonly isResume: boolean }[]

/** A device that tells nobody who it is, over a protocol that keeps no ledger. */
const protocol = fakeProtocol((order, context) => {
  runs.push({ isResume: order.isResume })
  context.enter('connecting', untouched)
  return Promise.resolve((steps.shift() ?? last)(order, context))
})

beforeEach(async () => {
  bench = await openBench({ protocols: [protocol], retryPolicy: policy })
  steps = []
  runs = []
  last = proveStored
})
afterEach(async () => {
  await bench.close()
})

const away: Step = () => {
  throw new FlashproofError('network.refused', 'nobody there', {})
}
const breaksOff: Step = (_order, context) => {
  context.enter('transferring', untouched)
  throw new FlashproofError('network.reset', 'the link broke', {})
}
const silentOnTheWay: Step = async (_order, context) => {
  context.enter('transferring', untouched)
  await context.clock.delay(policy.rebootTimeoutMs, context.signal)
  throw new FlashproofError('network.refused', 'it went away and was waited for', {})
}

async function flash(): Promise<JobSnapshot> {
  const [job] = await bench.flash({ targets: ['http://127.0.0.1:9'], protocol: 'fake' })
  if (job === undefined) throw new Error('no job')
  return job
}

describe('a board that tells neither who it is nor what it has', () => {
  it('is tried once while it never answered', async () => {
    last = away
    expect(await flash()).toMatchObject({ state: 'failed', error: { code: 'network.refused' }, attempts: 1 })
    expect(runs).toEqual([{ isResume: false }])
  })

  it('is waited for as long as a restart may take, once it was spoken to and broke off', async () => {
    steps = [breaksOff, ...Array.from({ length: 12 }, () => away)]
    const job = await flash()
    expect(job).toMatchObject({ state: 'finished', verdict: 'proven', attempts: 2 })
    expect(runs.slice(1).every(({ isResume }) => isResume)).toBe(true)
  })

  it('is given up after the tries of the policy when it does not come back', async () => {
    steps = [breaksOff]
    last = away
    const startedMs = performance.now()
    expect(await flash()).toMatchObject({ state: 'failed', error: { code: 'network.refused' }, attempts: 3 })
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(policy.rebootTimeoutMs)
  })

  it('is waited for when it is away in the middle and its protocol did not wait', async () => {
    const goesAway: Step = (order, context) => {
      context.enter('preparing', untouched)
      return away(order, context)
    }
    steps = [goesAway, ...Array.from({ length: 12 }, () => away)]
    expect(await flash()).toMatchObject({ state: 'finished', attempts: 2 })
  })

  it('is not waited for a second time where its protocol did that already', async () => {
    steps = [silentOnTheWay]
    last = away
    await flash()
    expect(runs).toHaveLength(policy.jobTries)
  })
})
