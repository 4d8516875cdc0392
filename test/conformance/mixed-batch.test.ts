/** One order to 64 boards of every dialect at once, one of them stuck, and nobody says which board speaks what. */
import { expect, it } from 'vitest'
import { rememberDevices } from '../../src/core/discovery/remembered.ts'
import { deviceEntry } from '../../src/core/discovery/device-key.ts'
import { openBench, type Bench } from '../fakes/bench.ts'
import { harnesses } from './harnesses/index.ts'
import type { TransferDevice, TransferHarness } from './harnesses/transfer-harness.ts'
import { suitePolicy } from './suite-policy.ts'
import { truthOf, untrueEnd } from './true-end.ts'

const BOARDS = 64
/** One of each protocol: the others of its harnesses want options that an order to all of them cannot give. */
const alike = harnesses.filter(({ deviceOptions }) => deviceOptions === undefined)
const plain = alike.filter(
  (harness, index) => alike.findIndex(({ protocolId }) => protocolId === harness.protocolId) === index,
)
const STUCK = 5

interface Placed {
  readonly harness: TransferHarness
  readonly device: TransferDevice
  readonly isStuck: boolean
}

it(
  '64 boards of mixed dialects in one batch: each ends as its dialect can, one stuck board holds nobody up',
  { timeout: 120_000 },
  async () => {
    const bench = await openBench({ retryPolicy: { ...suitePolicy, requestTimeoutMs: 4000, completionFloorMs: 4000 } })
    try {
      const placed = await placeBoards(bench)
      const [first] = plain
      if (first === undefined) throw new Error('there is no harness')
      const image = first.image(48 * 1024)
      const { jobIds } = await bench.station.engine.start({
        firmwareId: await bench.firmwareId(image),
        targets: placed.map(({ device }) => device.target),
        secrets: Object.assign({}, ...plain.map(({ secrets }) => secrets)) as Record<string, string>,
        accept: [...new Set(plain.flatMap(({ accept = [] }) => accept))],
        parallel: BOARDS,
      })
      const stuckId = jobIds[placed.findIndex(({ isStuck }) => isStuck)] ?? ''
      const others = placed.flatMap((board, index) => (board.isStuck ? [] : [{ board, jobId: jobIds[index] ?? '' }]))
      const ended = await Promise.all(
        others.map(async ({ board, jobId }) => ({ board, job: await bench.ended(jobId) })),
      )
      const stuck = bench.station.engine.locate(stuckId).snapshot
      expect(stuck.state).toBe('transferring')
      const problems = ended.flatMap(({ board: { harness, device }, job }) => {
        const said = `${harness.protocolId}: ${String(job.protocol)} ${job.state} ${String(job.verdict)} ${String(job.error?.code)} ${String(job.error?.message)}`
        const wrong = untrueEnd(job, truthOf(harness, device, image)).map(problem => `${said}: ${problem}`)
        // A gateway to another kind of controller takes no image of ours: it is refused by name, before the first byte.
        const isRefused = job.error?.code === 'image.wrong-kind' && device.dataRequests() === 0
        const isGood = job.protocol === harness.protocolId && job.verdict === harness.best
        return isGood || isRefused ? wrong : [...wrong, said]
      })
      expect(problems).toEqual([])
      await bench.station.engine.cancel([stuckId])
      expect((await bench.ended(stuckId)).state).toBe('cancelled')
    } finally {
      await bench.close()
    }
  },
)

/** Boards that no reading can recognise are in the device list, as after an earlier job. */
async function placeBoards(bench: Bench): Promise<Placed[]> {
  const placed: Placed[] = []
  for (let index = 0; index < BOARDS; index++) {
    const isStuck = index === STUCK
    const harness = isStuck ? plain[0] : plain[index % plain.length]
    if (harness === undefined) throw new Error('there is no harness')
    const faults = isStuck ? [{ name: 'no-answer', chunk: 1, times: 0 }] : []
    placed.push({ harness, isStuck, device: await harness.device(bench, { faults, seed: index }) })
  }
  rememberDevices(
    bench.home,
    placed
      .filter(({ harness }) => !harness.isRecognised)
      .map(({ harness, device }) =>
        deviceEntry({ target: device.target, source: 'remembered', protocols: [harness.protocolId] }),
      ),
  )
  return placed
}
