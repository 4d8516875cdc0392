/** Pulls the virtual cable of a board at moments that a seed decides, and judges what became of each job. */
import type { NamedFault } from '../../src/simulator/faults/fault-table.ts'
import { seededRandom } from '../../src/simulator/random.ts'
import type { Bench } from '../fakes/bench.ts'
import type { TransferHarness } from './harnesses/transfer-harness.ts'
import { falseReds, tooHighFacts, truthOf, untrueEnd } from './true-end.ts'
import { watchTruth } from './watch-truth.ts'

const MOST_PULLS = 3
const AT_ONCE = 8

export interface CableBoard {
  readonly harness: TransferHarness
  readonly imageBytes: number
  /** Of what the host sends, before which nothing is pulled: a job whose board never said who it is ends at once. */
  readonly firstByte: number
  /** About how many bytes of the host may pass between two pulls. */
  readonly hostBytes: number
  /** Blocks that may be sent twice for one pull. */
  readonly repeatedAPull: number
  /** Whether a pull may leave unknown what the board took. */
  readonly mayEndUnknown: boolean
}

export interface PullResult {
  readonly seed: number
  readonly problems: readonly string[]
  readonly attempts: number
  readonly verdict: string | null
  /** Blocks that were sent beyond those that one undisturbed job sends. */
  readonly blocksAgain: number
  readonly pulls: number
}

/** @param bench with a policy that waits for a board to come back */
export async function pullCables(board: CableBoard, bench: Bench, seeds: readonly number[]): Promise<PullResult[]> {
  const waiting = [...seeds]
  const results: PullResult[] = []
  const work = async (): Promise<void> => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      results.push(await pull(board, bench, seed))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return results
}

async function pull(board: CableBoard, bench: Bench, seed: number): Promise<PullResult> {
  const { harness, firstByte, hostBytes, repeatedAPull, mayEndUnknown } = board
  const random = seededRandom(seed, 'cables')
  const image = harness.image(board.imageBytes, 1 + (seed % 5))
  const pulls = 1 + random.integer(MOST_PULLS)
  const faults = Array.from({ length: pulls }, (): NamedFault & Readonly<Record<string, string | number>> => ({
    name: 'cut',
    byte: firstByte + random.integer(hostBytes),
    ms: 10 + random.integer(60),
  }))
  const device = await harness.device(bench, { faults, seed })
  const watch = watchTruth(bench, harness, device, image)
  try {
    const firmwareId = await bench.firmwareId(image)
    const accept = [...(harness.accept ?? [])]
    const { options, protocolId: protocol } = harness
    const [job] = await bench.flash({ firmwareId, targets: [device.target], protocol, options, accept })
    if (job === undefined) throw new Error('no job was started')
    const truth = truthOf(harness, device, image)
    const blocksAgain = (device.dataRequests() ?? 0) - harness.chunkCount(image.length)
    const mostAgain = pulls * repeatedAPull
    return {
      seed,
      attempts: job.attempts,
      verdict: job.verdict,
      blocksAgain,
      pulls,
      problems: [
        ...watch.problems,
        ...untrueEnd(job, truth),
        ...tooHighFacts(harness, job),
        ...falseReds(harness, job, truth, mayEndUnknown),
        ...(blocksAgain > mostAgain ? [`${String(blocksAgain)} blocks were sent again, not ${String(mostAgain)}`] : []),
      ],
    }
  } finally {
    watch.stop()
    await device.close?.()
  }
}
