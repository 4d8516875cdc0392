/**
 * Uploads with faults drawn at random, judged by what lies in the device's flash at the end: nothing may look proven that
 * is not there, and nothing that passes by itself may end red.
 */
import type { EvidenceLevel, JobSnapshot } from '../../../../src/shared/contract/models.ts'
import type { RetryPolicy } from '../../../../src/core/transfer/retry.ts'
import type { FaultName } from '../../../../src/simulator/faults/fault-table.ts'
import { seededRandom, type Random } from '../../../../src/simulator/random.ts'
import type { FaultSpec, VirtualEsp32 } from '../../../../src/simulator/virtual-esp32.ts'
import { demoImage, type Bench } from '../../../fakes/bench.ts'
import { deviceKinds, type DeviceKind } from './cut-sweeping.ts'

export const randomPolicy: RetryPolicy = {
  tries: 5,
  firstDelayMs: 2,
  maximumDelayMs: 20,
  jitterRatio: 0.2,
  requestTimeoutMs: 600,
  completionFloorMs: 800,
  completionBytesPerMs: 2000,
  jobTries: 4,
  rebootTimeoutMs: 3000,
  confirmMs: 30,
}

const BOOT_MS = 30
const ROLLBACK_MS = 400

type Points = 'complete' | 'any' | number
export interface Draw {
  readonly random: Random
  readonly chunkCount: number
  readonly sizeBytes: number
}

/** `passes`: goes by itself, so a device that can prove must end proven. `stays`: must never look better than it is. */
type FaultClass = 'passes' | 'stays'

/** How each fault of the table is drawn, and what it does to the end of a run. */
export const drawn: Readonly<
  Record<FaultName, { readonly kind: FaultClass; readonly draw: (from: Draw) => FaultSpec }>
> = {
  slow: {
    kind: 'passes',
    draw: ({ random }) => ({ name: 'slow', ms: random.integer(12), bytesPerSecond: random.integer(2) * 2_000_000 }),
  },
  'drop-reply': {
    kind: 'passes',
    draw: ({ random, ...from }) => ({
      name: 'drop-reply',
      chunk: pointOf(random, from.chunkCount),
      every: 2 + random.integer(9),
      probability: 0.5 + random.next() / 2,
      times: 1 + random.integer(3),
    }),
  },
  'reset-at-byte': {
    kind: 'passes',
    draw: ({ random, sizeBytes }) => ({
      name: 'reset-at-byte',
      byte: random.integer(sizeBytes),
      times: 1 + random.integer(2),
    }),
  },
  cut: {
    kind: 'passes',
    draw: ({ random, chunkCount }) => ({
      name: 'cut',
      chunk: pointOf(random, chunkCount),
      at: oneOf(random, ['before-request', 'in-body', 'after-process']),
      times: 1 + random.integer(3),
    }),
  },
  'no-answer': {
    kind: 'passes',
    draw: ({ random, chunkCount }) => ({ name: 'no-answer', chunk: pointOf(random, chunkCount) }),
  },
  reboot: {
    kind: 'passes',
    draw: ({ random, chunkCount }) => ({ name: 'reboot', chunk: pointOf(random, chunkCount) }),
  },
  'error-500': {
    kind: 'passes',
    draw: ({ random, chunkCount }) => ({
      name: 'error-500',
      chunk: pointOf(random, chunkCount),
      times: 1 + random.integer(4),
    }),
  },
  'success-false': {
    kind: 'passes',
    draw: ({ random, chunkCount }) => ({
      name: 'success-false',
      chunk: pointOf(random, chunkCount),
      times: 1 + random.integer(3),
    }),
  },
  'wrong-json': {
    kind: 'passes',
    draw: ({ random, chunkCount }) => {
      const shape = oneOf(random, ['truncated', 'text-success', 'other-chunk', 'no-success', 'list'])
      const point = pointOf(random, chunkCount)
      // Another chunk's number means nothing at the completion: over another fault's refusal it would be a lie.
      const chunk = shape === 'other-chunk' && typeof point !== 'number' ? random.integer(chunkCount) : point
      return { name: 'wrong-json', chunk, times: 1 + random.integer(4), shape }
    },
  },
  'html-instead-of-json': {
    kind: 'passes',
    draw: ({ random, chunkCount }) => ({
      name: 'html-instead-of-json',
      chunk: pointOf(random, chunkCount),
      times: 1 + random.integer(4),
    }),
  },
  'hostile-name': { kind: 'passes', draw: () => ({ name: 'hostile-name' }) },
  liar: {
    kind: 'stays',
    draw: ({ random, chunkCount }) => ({
      name: 'liar',
      chunk: random.integer(2) === 0 ? 'any' : random.integer(chunkCount),
    }),
  },
  'cached-hash': {
    kind: 'stays',
    draw: ({ random }) => ({ name: 'cached-hash', hmac: oneOf(random, ['stale', 'absent']) }),
  },
  'buffer-hash': { kind: 'stays', draw: () => ({ name: 'buffer-hash' }) },
  'stale-longer-file': {
    kind: 'stays',
    draw: ({ random }) => ({ name: 'stale-longer-file', tail: 1 + random.integer(9000) }),
  },
  'wrong-chip': { kind: 'stays', draw: () => ({ name: 'wrong-chip' }) },
  'other-device-after-reboot': { kind: 'stays', draw: () => ({ name: 'other-device-after-reboot' }) },
  'disk-full': {
    kind: 'stays',
    draw: ({ random, chunkCount }) => ({ name: 'disk-full', part: random.integer(chunkCount + 2) }),
  },
  'bad-self-check': { kind: 'stays', draw: () => ({ name: 'bad-self-check' }) },
  rollback: { kind: 'stays', draw: () => ({ name: 'rollback', ms: ROLLBACK_MS }) },
  leak: { kind: 'stays', draw: ({ random }) => ({ name: 'leak', bytes: 256 << random.integer(7) }) },
}

function pointOf(random: Random, chunkCount: number): Points {
  const draw = random.integer(6)
  return draw === 0 ? 'complete' : draw === 1 ? 'any' : random.integer(chunkCount)
}

function oneOf<const Values extends readonly [unknown, ...unknown[]]>(random: Random, values: Values): Values[number] {
  return values[random.integer(values.length)] ?? values[0]
}

export interface RandomRun {
  readonly seed: number
  readonly image: number
  readonly sizeBytes: number
  readonly kind: DeviceKind
  readonly apply: 'reboot' | 'none'
  readonly chunkBytes: number | 'auto'
  readonly pauseMs: number | 'auto'
  readonly require: EvidenceLevel | null
  readonly faults: readonly FaultSpec[]
}

/** Images of many sizes: applications that a board boots, and plain files. */
function imagePool(): readonly { readonly bytes: Uint8Array; readonly isApp: boolean }[] {
  const random = seededRandom(20_261_121, 'image sizes')
  const apps = Array.from({ length: 8 }, (_, index) => ({
    bytes: demoImage(1024 + random.integer(180_000), index),
    isApp: true,
  }))
  const files = Array.from({ length: 4 }, () => {
    const bytes = Uint8Array.from({ length: 600 + random.integer(60_000) }, () => random.integer(256))
    bytes[0] = 0x42
    return { bytes, isApp: false }
  })
  return [...apps, ...files]
}

const pool = imagePool()

export function drawRun(seed: number): RandomRun {
  const random = seededRandom(seed, 'random faults')
  const image = random.integer(pool.length)
  const { bytes, isApp } = pool[image] ?? { bytes: new Uint8Array(), isApp: false }
  const kind = deviceKinds[random.integer(deviceKinds.length)] ?? deviceKinds[0]
  const apply = isApp && random.integer(3) === 0 ? 'reboot' : 'none'
  const chunkBytes = oneOf(random, ['auto', 1024, 4096, 3000, 7777, 16_384] as const)
  const chunkCount = Math.ceil(bytes.length / (chunkBytes === 'auto' ? 4096 : chunkBytes))
  const names = Object.keys(drawn)
  const faults: FaultSpec[] = []
  for (let count = random.integer(5); count > 0; count--) {
    // Transient faults are drawn more often: most runs should have a chance to end well.
    const wanted = random.integer(4) === 0 ? 'stays' : 'passes'
    const candidates = Object.values(drawn).filter(fault => fault.kind === wanted)
    const fault = candidates[random.integer(candidates.length)]?.draw({ random, chunkCount, sizeBytes: bytes.length })
    if (fault !== undefined && names.includes(fault.name) && !faults.some(({ name }) => name === fault.name)) {
      faults.push(fault)
    }
  }
  const canRun = apply === 'reboot' && kind.features.telemetry
  const levels = canRun
    ? ([null, null, 'running', 'confirmed'] as const)
    : ([null, null, null, 'acknowledged'] as const)
  return {
    seed,
    image,
    sizeBytes: bytes.length,
    kind,
    apply,
    chunkBytes,
    pauseMs: random.integer(5) === 0 ? 'auto' : 0,
    require: oneOf(random, levels),
    faults,
  }
}

export interface RunResult {
  readonly run: RandomRun
  readonly job: JobSnapshot
  readonly problems: readonly string[]
}

const TARGET = 'app.bin'

/** Runs many seeds, `atOnce` of them at a time. */
export async function runSeeds(bench: Bench, seeds: readonly number[], atOnce: number): Promise<RunResult[]> {
  const firmwareIds = await Promise.all(
    pool.map(({ bytes }, index) => bench.firmwareId(bytes, `image-${String(index)}.bin`)),
  )
  const waiting = [...seeds]
  const results: RunResult[] = []
  const work = async (): Promise<void> => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      const run = drawRun(seed)
      results.push(await runOne(bench, run, firmwareIds[run.image] ?? ''))
      bench.snapshots.length = 0
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return results.sort((left, right) => left.run.seed - right.run.seed)
}

async function runOne(bench: Bench, run: RandomRun, firmwareId: string): Promise<RunResult> {
  const image = pool[run.image]?.bytes ?? new Uint8Array()
  const { features, storage } = run.kind
  const board = await bench.board({
    features,
    storage,
    apply: run.apply,
    rebootDelayMs: 20,
    bootMs: BOOT_MS,
    confirmMs: 20,
    faults: run.faults,
    seed: run.seed,
    identity: { id: `board-${String(run.seed)}` },
  })
  const problems: string[] = []
  const stopWatching = bench.watch(snapshot => {
    if (snapshot.target === board.target) judgeOnTheWay(run, board, image, snapshot, problems)
  })
  try {
    const [job] = await bench.flash({
      firmwareId,
      targets: [board.target],
      // A board under a strange name runs another project as far as anybody can tell.
      accept: ['other-project'],
      options: { chunkBytes: run.chunkBytes, pauseMs: run.pauseMs, targetPath: TARGET },
      ...(run.require === null ? {} : { require: run.require }),
    })
    if (job === undefined) throw new Error('no job was started')
    judgeEnd(run, board, image, job, problems)
    return { run, job, problems }
  } finally {
    stopWatching()
    await board.close()
  }
}

function isEqual(bytes: Uint8Array | null, image: Uint8Array): boolean {
  return bytes !== null && Buffer.compare(bytes, image) === 0
}

/** What runs is the image by its own header: bytes of an older file behind it are in flash and never run. */
function isRunning(board: VirtualEsp32, image: Uint8Array): boolean {
  return isEqual(board.flash.activeImage()?.subarray(0, image.length) ?? null, image)
}

/** Never a word of success before the device holds the image. */
function judgeOnTheWay(
  run: RandomRun,
  board: VirtualEsp32,
  image: Uint8Array,
  { state, verdict, provenLevel, boardNow, completion, unplug }: JobSnapshot,
  problems: string[],
): void {
  const isStored = isEqual(board.flash.readTarget(TARGET), image)
  const isActive = isRunning(board, image)
  if (verdict === 'proven') {
    const isTrue = provenLevel === 'stored' ? isStored : isActive
    if (!isTrue) problems.push(`FALSE GREEN: proven ${String(provenLevel)} (${state})`)
  }
  if (boardNow === 'new-firmware' && !isStored && !isActive) problems.push(`FALSE GREEN: new-firmware (${state})`)
  if (completion === 'sent' && (boardNow === 'new-firmware' || unplug === 'safe')) {
    problems.push(`an open completion with ${boardNow}, ${unplug} (${state})`)
  }
  if (boardNow === 'old-firmware' && isActive) problems.push(`old-firmware while the new one runs (${state})`)
  if (boardNow === 'old-firmware' && !run.kind.features.telemetry && board.stats.completePosts > 0 && isStored) {
    problems.push(`old-firmware while the new file is stored (${state})`)
  }
}

function judgeEnd(run: RandomRun, board: VirtualEsp32, image: Uint8Array, job: JobSnapshot, problems: string[]): void {
  if (job.state !== 'finished' && job.error === null) problems.push(`${job.state} without an error`)
  if (job.verdict === 'unproven' && job.reason === null) problems.push('unproven without a reason')
  const staying = run.faults.filter(fault => drawn[fault.name].kind === 'stays')
  if (staying.length === 0) {
    judgeTransient(run, board, image, job, problems)
    return
  }
  for (const fault of staying) {
    const complaint = judgeStaying(fault, run, board, image, job)
    if (complaint !== null) problems.push(`${fault.name}: ${complaint}`)
  }
}

/** With faults that pass alone: proven where the device can prove, else its word, or the honest “unknown”. */
function judgeTransient(
  run: RandomRun,
  board: VirtualEsp32,
  image: Uint8Array,
  job: JobSnapshot,
  problems: string[],
): void {
  const isStored = isEqual(board.flash.readTarget(TARGET), image)
  const said = `${job.state} ${String(job.verdict)} ${String(job.reason)} ${String(job.error?.code)}`
  if (run.kind.features.hash) {
    if (job.verdict !== 'proven') problems.push(`FALSE RED: ${said}: ${String(job.error?.message)}`)
    return
  }
  const wasDisturbed = run.faults.some(
    fault => 'chunk' in fault && (fault.chunk === 'complete' || fault.chunk === 'any'),
  )
  // A restart into our image is proof enough, and was judged on the way.
  if (job.verdict === 'proven') return
  if (job.verdict === 'acknowledged' || job.verdict === 'running') {
    if (!isStored) problems.push('the device said OK and holds another image')
  } else if (job.verdict !== 'unproven' || job.reason !== 'outcome-unknown' || !wasDisturbed) {
    problems.push(`FALSE RED: ${said}: ${String(job.error?.message)}`)
  }
}

/** What a fault that stays must lead to when it struck; null when it is right. */
function judgeStaying(
  fault: FaultSpec,
  run: RandomRun,
  board: VirtualEsp32,
  image: Uint8Array,
  job: JobSnapshot,
): string | null {
  const isAlone = run.faults.filter(other => drawn[other.name].kind === 'stays').length === 1
  const isStored = isEqual(board.flash.readTarget(TARGET), image)
  const { features, storage } = run.kind
  const said = `${job.state} ${String(job.verdict)} ${String(job.provenLevel)} ${String(job.reason)} ${String(job.error?.code)}`
  switch (fault.name) {
    case 'liar':
    case 'stale-longer-file':
      if (isStored) return null
      // A proof of what runs says nothing of the file; it was judged on the way. A proof of the flash would be false.
      if (job.verdict === 'proven' && job.provenLevel !== 'stored') return fault.name === 'liar' ? said : null
      if (job.verdict === 'proven') return `proven although the flash differs: ${said}`
      if (!isAlone || !features.hash) return null
      return job.verdict === 'unproven' && job.reason === 'contradicted' ? null : `not contradicted: ${said}`
    case 'cached-hash':
    case 'buffer-hash':
      // Its hash proves nothing; the image that it runs may.
      if (job.verdict === 'proven' && job.provenLevel === 'stored') return `proven by an old hash: ${said}`
      if (!isAlone || !features.hash || job.verdict === 'proven') return null
      return job.verdict === 'received' || job.verdict === 'running' || job.verdict === 'unproven' ? null : said
    case 'wrong-chip': {
      if (!features.telemetry || !isApp(run)) return null
      const isRefused = job.error?.code === 'image.wrong-chip' && board.stats.chunkPosts.length === 0
      return isRefused ? null : `not refused: ${said}`
    }
    case 'other-device-after-reboot': {
      const hasRebooted = board.stats.boots > 1
      if (!hasRebooted || !features.telemetry || !isAlone || job.verdict === 'proven') return null
      return job.error?.code === 'device.identity-changed' ? null : said
    }
    case 'disk-full':
      if (job.verdict === 'proven') return isStored ? null : `proven although the flash differs: ${said}`
      if (!isAlone || isStored || (!features.hash && job.reason === 'outcome-unknown')) return null
      return ['device.rejected', 'network.reset', 'network.timeout'].includes(job.error?.code ?? '') ? null : said
    case 'bad-self-check': {
      const isCaught = board.flash.refusedImage() !== null
      if (!isCaught || !isAlone || !features.telemetry || !features.status) return null
      return job.verdict === 'unproven' && job.reason === 'contradicted' ? null : `not contradicted: ${said}`
    }
    case 'rollback':
      return run.require === 'confirmed' && job.verdict === 'proven' && board.stats.boots > 2 ? said : null
    case 'leak':
      if (job.verdict === 'proven') return isStored ? null : said
      return job.verdict === null && job.error === null ? said : null
    default:
      return `${fault.name} (${storage}) is not judged`
  }
}

function isApp(run: RandomRun): boolean {
  return pool[run.image]?.isApp === true
}

/** How the runs ended, counted. */
export function countEnds(results: readonly RunResult[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { job } of results) {
    const end = `${job.state} ${job.verdict ?? job.error?.code ?? ''}${job.reason === null ? '' : ` (${job.reason})`}`
    counts[end] = (counts[end] ?? 0) + 1
  }
  return counts
}

/** One line that says all about a failing run. */
export function describeRun({ run, job, problems }: RunResult): string {
  const { evidence, state, verdict, reason, error, attempts, retries } = job
  const facts = evidence.map(fact => `${fact.level}/${fact.method}/${String(fact.matches)}/${String(fact.fresh)}`)
  const shown = { state, verdict, reason, error: error?.message, attempts, retries, facts }
  return `FLASHPROOF_SEED=${String(run.seed)} ${problems.join('; ')}\n  ${JSON.stringify({ ...run, kind: run.kind.name })}\n  ${JSON.stringify(shown)}`
}
