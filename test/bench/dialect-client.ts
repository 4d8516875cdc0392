/**
 * One client in a process of its own: sends one image to the device of a dialect, by the engine and bare in turn, and tells
 * the times.
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JobSnapshot } from '../../src/shared/contract/models.ts'
import type { OptionValue } from '../../src/shared/option-spec.ts'
import { rememberedSource } from '../../src/core/discovery/remembered.ts'
import { openStation } from '../../src/worker/station.ts'
import { dialects } from './dialects/index.ts'
import type { Dialect } from './dialects/dialect.ts'

export interface DialectTask {
  /** `id what` of the dialect. */
  readonly name: string
  readonly target: string
  readonly imageBytes: number
  readonly options: Readonly<Record<string, OptionValue>>
  /** Pairs that are measured after one that only warms up; 0: one run of the engine alone. */
  readonly pairs: number
}

export interface DialectFigures {
  /** From the first byte of the image to the last answer. */
  readonly wallMs: number
  /** What comes before that: taking the order, reading the image, asking the device who it is. */
  readonly startMs: number
  /** What comes after that: judging and sealing the record. */
  readonly endMs: number
  /** Of all of it. */
  readonly cpuMs: number
}

export interface DialectPair {
  readonly bare: DialectFigures
  readonly ours: DialectFigures
}

/** Bytes without a pattern of any format, so that they go as they are. */
function randomImage(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  let state = 12345
  for (let index = 0; index < sizeBytes; index++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
}

type Transfer = () => Promise<DialectFigures>

/**
 * The whole engine: job, journal, ledger, snapshots. The image is opened and kept before the clock starts: a dry run does
 * that, and asks the device what it can be asked.
 */
async function withEngine<Result>(
  dialect: Dialect,
  task: DialectTask,
  image: Uint8Array,
  work: (transfer: Transfer) => Promise<Result>,
): Promise<Result> {
  const home = mkdtempSync(join(tmpdir(), 'flashproof-bench-'))
  let onEnd: (snapshot: JobSnapshot) => void = () => undefined
  let transferringMs: number | null = null
  let lastWordMs = 0
  const station = openStation({
    home,
    emit: () => undefined,
    isSimulated: () => false,
    deviceSources: [rememberedSource],
    onSnapshot: snapshot => {
      if (snapshot.state === 'transferring') transferringMs ??= performance.now()
      if (snapshot.endedAt !== null) onEnd(snapshot)
      else lastWordMs = performance.now()
    },
  })
  try {
    const path = join(home, 'app.bin')
    writeFileSync(path, image)
    const { firmwareId } = await station.firmware.open({ path })
    const order = {
      firmwareId,
      targets: [task.target],
      protocol: dialect.id,
      options: { ...task.options },
      secrets: { ...dialect.secrets },
    }
    const runOrder = async (dryRun: boolean): Promise<void> => {
      const { promise, resolve } = Promise.withResolvers<JobSnapshot>()
      onEnd = resolve
      transferringMs = null
      await station.engine.start({ ...order, dryRun })
      const { state, verdict, error } = await promise
      if (state !== 'finished' || verdict === 'unproven') throw new Error(`${state}: ${JSON.stringify(error)}`)
    }
    if (dialect.skipsDryRun !== true) await runOrder(true)
    return await work(async () => {
      await untilCounted()
      return await measure(
        () => runOrder(false),
        () => ({ transferringMs, lastWordMs }),
      )
    })
  } finally {
    await station.close()
    rmSync(home, { recursive: true, force: true })
  }
}

/** Lets the bench begin a new count of what the device sees. */
async function untilCounted(): Promise<void> {
  const counted = once(process, 'message')
  process.send?.('ready')
  await counted
}

interface Marks {
  readonly transferringMs: number | null
  readonly lastWordMs: number
}

/** @param marks asked after the work; without a mark of the transfer all of the work counts */
async function measure(work: () => Promise<void>, marks: () => Marks): Promise<DialectFigures> {
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  await work()
  const endedMs = performance.now()
  const used = process.cpuUsage(cpu)
  const { transferringMs, lastWordMs } = marks()
  return {
    wallMs: lastWordMs - (transferringMs ?? startedMs),
    startMs: (transferringMs ?? startedMs) - startedMs,
    endMs: endedMs - lastWordMs,
    cpuMs: (used.user + used.system) / 1000,
  }
}

async function runBare(dialect: Dialect, task: DialectTask, image: Uint8Array): Promise<DialectFigures> {
  let transferringMs: number | null = null
  let lastWordMs = 0
  return await measure(
    async () => {
      await dialect.runBare(task.target, image, () => {
        transferringMs ??= performance.now()
      })
      lastWordMs = performance.now()
    },
    () => ({ transferringMs, lastWordMs }),
  )
}

/** Both ways take turns in one process, so that what else this computer does meets both, and neither runs cold. */
async function run(task: DialectTask): Promise<DialectPair[]> {
  const dialect = dialects.find(({ id, what }) => `${id} ${what}` === task.name)
  if (dialect === undefined) throw new Error(`there is no dialect ${task.name}`)
  const image = dialect.image?.(task.imageBytes) ?? randomImage(task.imageBytes)
  return await withEngine(dialect, task, image, async transfer => {
    if (task.pairs === 0) {
      await transfer()
      return []
    }
    const pairs: DialectPair[] = []
    for (let pair = 0; pair <= task.pairs; pair++) {
      const bare = await runBare(dialect, task, image)
      const ours = await transfer()
      if (pair > 0) pairs.push({ bare, ours })
    }
    return pairs
  })
}

process.once('message', message => {
  // The bench's own parent sends exactly a DialectTask.
  void run(message as DialectTask).then(
    pairs => {
      process.send?.(pairs, () => process.exit(0))
    },
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`)
      process.exit(1)
    },
  )
})
