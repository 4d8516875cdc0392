/** One client in a process of its own: the whole engine writes one image to boards on serial lines, and tells when which byte was there. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rememberedSource } from '../../../src/core/discovery/remembered.ts'
import type { JobSnapshot } from '../../../src/shared/contract/models.ts'
import type { OptionValue } from '../../../src/shared/option-spec.ts'
import { openStation } from '../../../src/worker/station.ts'
import { median } from '../table.ts'
import { measureBareLine, type Exchange } from './bare-line.ts'

export interface UartTask {
  readonly protocol: string
  readonly targets: readonly string[]
  readonly options: Readonly<Record<string, OptionValue>>
  readonly image: Uint8Array
  /** Measured in the same process, right before and right after. */
  readonly bare: { readonly target: string; readonly exchanges: readonly Exchange[]; readonly blocks: number } | null
}

export interface UartFigures {
  /** From the order to the last record, all boards together. */
  readonly wallMs: number
  /** While the image was written: bytes a second of each board, between the first and the last report of progress. */
  readonly bytesPerSecond: readonly number[]
  readonly cpuMs: number
  /** Milliseconds of a bare block; null where none was measured. */
  readonly bareBlockMs: number | null
}

interface Report {
  readonly atMs: number
  readonly doneBytes: number
}

/** @throws {Error} when a board fails or is unproven */
async function run(task: UartTask): Promise<UartFigures> {
  const home = mkdtempSync(join(tmpdir(), 'flashproof-bench-'))
  const reports = new Map<string, Report[]>()
  const ended = new Map<string, JobSnapshot>()
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const station = openStation({
    home,
    emit: () => undefined,
    isSimulated: () => false,
    deviceSources: [rememberedSource],
    onSnapshot: snapshot => {
      const { jobId, state, doneBytes } = snapshot
      const list = reports.get(jobId) ?? []
      reports.set(jobId, list)
      if (state === 'transferring' && doneBytes > (list.at(-1)?.doneBytes ?? 0)) {
        list.push({ atMs: performance.now(), doneBytes })
      }
      if (snapshot.endedAt !== null) ended.set(jobId, snapshot)
      if (ended.size === task.targets.length) resolve(undefined)
    },
  })
  try {
    const path = join(home, 'app.bin')
    writeFileSync(path, task.image)
    const { firmwareId } = await station.firmware.open({ path })
    const bareMs: number[] = []
    const measureBare = async (): Promise<void> => {
      if (task.bare === null) return
      bareMs.push(await measureBareLine(task.bare.target, task.bare.exchanges, task.bare.blocks))
    }
    await measureBare()
    const cpu = process.cpuUsage()
    const startedMs = performance.now()
    await station.engine.start({
      firmwareId,
      targets: [...task.targets],
      protocol: task.protocol,
      options: { ...task.options },
      parallel: task.targets.length,
    })
    await promise
    const wallMs = performance.now() - startedMs
    const used = process.cpuUsage(cpu)
    for (const { verdict, state, error } of ended.values()) {
      if (verdict === null || verdict === 'unproven')
        throw new Error(`${state}, ${String(verdict)}: ${JSON.stringify(error)}`)
    }
    await measureBare()
    const bareBlockMs = bareMs.length === 0 ? null : median(bareMs)
    const bytesPerSecond = [...reports.values()].map(rateOf)
    return { wallMs, bytesPerSecond, cpuMs: (used.user + used.system) / 1000, bareBlockMs }
  } finally {
    await station.close()
    rmSync(home, { recursive: true, force: true })
  }
}

function rateOf(reports: readonly Report[]): number {
  const [first] = reports
  const last = reports.at(-1)
  if (first === undefined || last === undefined || first === last) return Number.NaN
  return ((last.doneBytes - first.doneBytes) * 1000) / (last.atMs - first.atMs)
}

process.once('message', message => {
  // The bench's own parent sends exactly a UartTask.
  void run(message as UartTask).then(
    figures => {
      process.send?.(figures, () => process.exit(0))
    },
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`)
      process.exit(1)
    },
  )
})
