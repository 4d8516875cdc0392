/** One client in a process of its own: sends one image to the device of a dialect, by the engine or bare, and tells the time. */
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
  readonly way: 'flashproof' | 'bare'
  readonly target: string
  readonly imageBytes: number
  readonly options: Readonly<Record<string, OptionValue>>
}

export interface DialectFigures {
  /** From the first byte, or from the moment in which the job begins to transfer. */
  readonly wallMs: number
  /** What comes before that: taking the order, reading the image, asking the device who it is. */
  readonly startMs: number
  readonly cpuMs: number
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

/**
 * The whole engine: job, journal, ledger, snapshots. The image is opened and kept before the clock starts: a dry run does
 * that, and asks the device what it can be asked.
 */
async function byFlashproof(dialect: Dialect, task: DialectTask, image: Uint8Array): Promise<DialectFigures> {
  const home = mkdtempSync(join(tmpdir(), 'flashproof-bench-'))
  let onEnd: (snapshot: JobSnapshot) => void = () => undefined
  let transferringMs = 0
  const station = openStation({
    home,
    emit: () => undefined,
    isSimulated: () => false,
    deviceSources: [rememberedSource],
    onSnapshot: snapshot => {
      if (snapshot.state === 'transferring' && transferringMs === 0) transferringMs = performance.now()
      if (snapshot.endedAt !== null) onEnd(snapshot)
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
      await station.engine.start({ ...order, dryRun })
      const { state, verdict, error } = await promise
      if (state !== 'finished' || verdict === 'unproven') throw new Error(`${state}: ${JSON.stringify(error)}`)
    }
    if (dialect.skipsDryRun !== true) await runOrder(true)
    await untilCounted()
    const startedMs = performance.now()
    const whole = await measure(() => runOrder(false))
    const startMs = transferringMs - startedMs
    return { ...whole, wallMs: whole.wallMs - startMs, startMs }
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

async function measure(work: () => Promise<void>): Promise<DialectFigures> {
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  await work()
  const wallMs = performance.now() - startedMs
  const used = process.cpuUsage(cpu)
  return { wallMs, startMs: 0, cpuMs: (used.user + used.system) / 1000 }
}

async function run(task: DialectTask): Promise<DialectFigures> {
  const dialect = dialects.find(({ id, what }) => `${id} ${what}` === task.name)
  if (dialect === undefined) throw new Error(`there is no dialect ${task.name}`)
  const image = dialect.image?.(task.imageBytes) ?? randomImage(task.imageBytes)
  if (task.way === 'flashproof') return await byFlashproof(dialect, task, image)
  await untilCounted()
  return await measure(() => dialect.runBare(task.target, image))
}

process.once('message', message => {
  // The bench's own parent sends exactly a DialectTask.
  void run(message as DialectTask).then(
    figures => {
      process.send?.(figures, () => process.exit(0))
    },
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`)
      process.exit(1)
    },
  )
})
