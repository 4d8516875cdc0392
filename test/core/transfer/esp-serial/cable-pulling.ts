/** Pulls the virtual cable of a board at moments that a seed decides, and judges what became of each job. */
import type { NamedFault } from '../../../../src/simulator/faults/fault-table.ts'
import { seededRandom } from '../../../../src/simulator/random.ts'
import type { Bench } from '../../../fakes/bench.ts'
import { espSerialBoards } from '../../../conformance/harnesses/esp-serial.ts'
import { falseReds, tooHighFacts, truthOf, untrueEnd } from '../../../conformance/true-end.ts'
import { watchTruth } from '../../../conformance/watch-truth.ts'

const BLOCK_BYTES = 0x4000
const BLOCKS = 6
/** Before this the board was not met: a job whose board never said who it is ends at once. */
const HELLO_BYTES = 2500
const MOST_PULLS = 3
const AT_ONCE = 8
/** A block that was lost, a sector that was not whole, and an edge between two parts. */
const REPEATED_A_PULL = 3

export interface PullResult {
  readonly seed: number
  readonly problems: readonly string[]
  readonly attempts: number
}

/** @param bench with a policy that waits for a board to come back */
export async function pullCables(bench: Bench, seeds: readonly number[]): Promise<PullResult[]> {
  const waiting = [...seeds]
  const results: PullResult[] = []
  const work = async (): Promise<void> => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) results.push(await pull(bench, seed))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return results
}

async function pull(bench: Bench, seed: number): Promise<PullResult> {
  const [harness] = espSerialBoards
  if (harness === undefined) throw new Error('there is no harness')
  const random = seededRandom(seed, 'cables')
  const image = harness.image(BLOCKS * BLOCK_BYTES, 1 + (seed % 5))
  const pulls = 1 + random.integer(MOST_PULLS)
  const hostBytes = HELLO_BYTES + image.length + 10_000
  const faults = Array.from({ length: pulls }, (): NamedFault & Readonly<Record<string, string | number>> => ({
    name: 'cut',
    byte: HELLO_BYTES + random.integer(hostBytes),
    ms: 10 + random.integer(60),
  }))
  const device = await harness.device(bench, { faults, seed })
  const watch = watchTruth(bench, harness, device, image)
  try {
    const firmwareId = await bench.firmwareId(image)
    const accept = [...(harness.accept ?? [])]
    const [job] = await bench.flash({ firmwareId, targets: [device.target], protocol: harness.protocolId, accept })
    if (job === undefined) throw new Error('no job was started')
    const truth = truthOf(harness, device, image)
    const blocks = device.dataRequests() ?? 0
    const most = harness.chunkCount(image.length) + pulls * REPEATED_A_PULL
    return {
      seed,
      attempts: job.attempts,
      problems: [
        ...watch.problems,
        ...untrueEnd(job, truth),
        ...tooHighFacts(harness, job),
        ...falseReds(harness, job, truth, false),
        ...(blocks > most ? [`${String(blocks)} blocks were sent, ${String(most)} at most are needed`] : []),
      ],
    }
  } finally {
    watch.stop()
    await device.close?.()
  }
}
