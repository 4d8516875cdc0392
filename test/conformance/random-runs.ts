/**
 * Uploads over all protocols with faults drawn at random, judged by what lies in the device's flash: nothing may look
 * proven that is not there, and nothing that passes by itself may end red.
 */
import type { JobSnapshot } from '../../src/shared/contract/models.ts'
import type { NamedFault } from '../../src/simulator/faults/fault-table.ts'
import { seededRandom } from '../../src/simulator/random.ts'
import type { Bench } from '../fakes/bench.ts'
import { harnesses } from './harnesses/index.ts'
import type { FaultExpectation, TransferHarness } from './harnesses/transfer-harness.ts'
import { suitePolicy } from './suite-policy.ts'
import { falseReds, tooHighFacts, truthOf, untrueEnd } from './true-end.ts'
import { watchTruth } from './watch-truth.ts'

export interface RandomRun {
  readonly seed: number
  readonly harness: TransferHarness
  readonly sizeBytes: number
  readonly imageSeed: number
  readonly faults: readonly NamedFault[]
}

export interface RunResult {
  readonly run: RandomRun
  readonly job: JobSnapshot
  readonly problems: readonly string[]
}

/** Images are drawn from few, so that reading and hashing them does not outweigh the transfers. */
const IMAGES_OF_EACH = 6
const MOST_OPEN = 6
/** More than this is tested by the faults alone: the harness's default size has at least 20 chunks. */
const MOST_FAULTS = 3

export function drawRun(seed: number, among = harnesses): RandomRun {
  const random = seededRandom(seed, 'random runs')
  const harness = among[random.integer(among.length)]
  if (harness === undefined) throw new Error('there is no harness')
  const imageSeed = 1 + random.integer(IMAGES_OF_EACH)
  const defaultBytes = harness.image().length
  const sizeBytes = sizeOf(harness, imageSeed, defaultBytes)
  const draw = { random, chunkCount: harness.chunkCount(sizeBytes), sizeBytes }
  const faults: NamedFault[] = []
  for (let count = random.integer(MOST_FAULTS + 1); count > 0; count--) {
    // Transient faults are drawn more often: most runs should have a chance to end well.
    const wanted = random.integer(4) === 0 ? 'stays' : 'passes'
    const candidates = Object.values(harness.faults).filter(({ kind }) => kind === wanted)
    const fault = candidates[random.integer(candidates.length)]?.draw(draw)
    if (fault !== undefined && !faults.some(({ name }) => name === fault.name)) faults.push(fault)
  }
  return { seed, harness, sizeBytes, imageSeed, faults }
}

/** How many tries these faults cost at most where a broken upload begins again from its first byte. */
function triesCostBy(faults: readonly (NamedFault & { readonly times?: unknown })[]): number {
  return faults.reduce((sum, { times }) => sum + (typeof times === 'number' ? times : 1), 0)
}

/** Between a few chunks and the default, the same for every run of one image seed. */
function sizeOf(harness: TransferHarness, imageSeed: number, defaultBytes: number): number {
  const random = seededRandom(imageSeed, `${harness.protocolId} size`)
  const smallest = Math.min(harness.sweptBytes, defaultBytes)
  return smallest + random.integer(defaultBytes - smallest + 1)
}

/** Runs many seeds, `atOnce` of them at a time. */
export async function runSeeds(
  bench: Bench,
  seeds: readonly number[],
  { atOnce, among = harnesses }: { readonly atOnce: number; readonly among?: readonly TransferHarness[] },
): Promise<RunResult[]> {
  const firmwareIds = new Map<string, Promise<string>>()
  const waiting = [...seeds]
  const results: RunResult[] = []
  const work = async (): Promise<void> => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      const run = drawRun(seed, among)
      const { harness, imageSeed, sizeBytes } = run
      const image = harness.image(sizeBytes, imageSeed)
      const key = `${harness.protocolId}-${harness.variant ?? 'only'}-${String(imageSeed)}`
      const extension = /\.[^.]+$/.exec(harness.fileName ?? '')?.[0] ?? '.bin'
      const opened = firmwareIds.get(key) ?? bench.firmwareId(image, `${key.replace(/[^a-z0-9-]/gi, '-')}${extension}`)
      firmwareIds.set(key, opened)
      // The library keeps few files open: the one opened longest ago is opened again when it is drawn again.
      const [oldest] = firmwareIds.keys()
      if (firmwareIds.size > MOST_OPEN && oldest !== undefined) firmwareIds.delete(oldest)
      results.push(await runOne(bench, run, image, await opened))
      bench.snapshots.length = 0
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return results.sort((left, right) => left.run.seed - right.run.seed)
}

async function runOne(bench: Bench, run: RandomRun, image: Uint8Array, firmwareId: string): Promise<RunResult> {
  const { harness, faults, seed } = run
  const device = await harness.device(bench, { faults, seed })
  const watch = watchTruth(bench, harness, device, image)
  try {
    const [job] = await bench.flash({
      firmwareId,
      targets: [device.target],
      protocol: harness.protocolId,
      options: { ...harness.options, ...device.options },
      secrets: { ...harness.secrets },
      accept: [...(harness.accept ?? [])],
    })
    if (job === undefined) throw new Error('no job was started')
    const truth = truthOf(harness, device, image)
    const expectations = faults.map(({ name }) => harness.faults[name]).filter(found => found !== undefined)
    const problems = [...watch.problems, ...untrueEnd(job, truth), ...tooHighFacts(harness, job)]
    const { jobTries } = suitePolicy
    // Where every break costs a whole try, as many of them as there are tries end a job rightly.
    const isOutOfTries = !harness.keepsParts && triesCostBy(faults) >= jobTries && job.attempts >= jobTries
    if (!isOutOfTries && expectations.every(({ kind }) => kind === 'passes')) {
      problems.push(...falseReds(harness, job, truth, expectations.some(mayEndUnknown)))
    }
    return { run, job, problems }
  } finally {
    watch.stop()
    await device.close?.()
  }
}

function mayEndUnknown(expectation: FaultExpectation): boolean {
  return expectation.mayEndUnknown === true
}

/** How the runs ended, counted, a protocol at a time. */
export function countEnds(results: readonly RunResult[]): Readonly<Record<string, Readonly<Record<string, number>>>> {
  const counts: Record<string, Record<string, number>> = {}
  for (const { job, run } of results) {
    const end = `${job.state} ${job.verdict ?? job.error?.code ?? ''}${job.reason === null ? '' : ` (${job.reason})`}`
    const ofProtocol = (counts[run.harness.protocolId] ??= {})
    ofProtocol[end] = (ofProtocol[end] ?? 0) + 1
  }
  return counts
}

/** One line that says all about a failing run. */
export function describeRun({ run, job, problems }: RunResult): string {
  const { evidence, state, verdict, reason, error, attempts, retries, warnings } = job
  const facts = evidence.map(fact => `${fact.level}/${fact.method}/${String(fact.matches)}/${String(fact.fresh)}`)
  const shown = { state, verdict, reason, error: error?.message, attempts, retries, facts, warnings }
  const { seed, harness, sizeBytes, faults } = run
  const drawn = { protocol: harness.protocolId, variant: harness.variant, sizeBytes, faults }
  return `FLASHPROOF_SEED=${String(seed)} ${problems.join('; ')}\n  ${JSON.stringify(drawn)}\n  ${JSON.stringify(shown)}`
}
