/** A station and virtual boards in one process and one temporary home: what the engine's tests stand on. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JobOrderRequest } from '../../src/shared/contract/commands.ts'
import { events } from '../../src/shared/contract/events.ts'
import type { JobLogLine, JobSnapshot } from '../../src/shared/contract/models.ts'
import { isEnded } from '../../src/core/jobs/job-engine.ts'
import { rememberedSource } from '../../src/core/discovery/remembered.ts'
import { simulatedSource } from '../../src/core/discovery/simulated.ts'
import { readFirmware } from '../../src/core/jobs/firmware-reader.ts'
import type { RetryPolicy } from '../../src/core/transfer/retry.ts'
import { buildDemoFirmware } from '../../src/core/formats/esp-image/demo-firmware.ts'
import type { StartOptions, VirtualDevice } from '../../src/simulator/device-kind.ts'
import { deviceKinds } from '../../src/simulator/device-kinds.ts'
import {
  instantTimes,
  startVirtualEsp32,
  type VirtualEsp32,
  type VirtualEsp32Options,
} from '../../src/simulator/virtual-esp32.ts'
import { openStation, type Station, type StationOptions } from '../../src/worker/station.ts'

/** The real policy's shape with times that loopback needs. */
export const quickRetryPolicy: RetryPolicy = {
  tries: 5,
  firstDelayMs: 5,
  maximumDelayMs: 80,
  jitterRatio: 0.2,
  requestTimeoutMs: 1000,
  completionFloorMs: 500,
  completionBytesPerMs: 2000,
  jobTries: 4,
  rebootTimeoutMs: 4000,
  confirmMs: 50,
}

export interface Bench {
  readonly home: string
  readonly station: Station
  readonly snapshots: JobSnapshot[]
  /** Writes a file into the home and opens it. */
  firmwareId(bytes: Uint8Array, fileName?: string): Promise<string>
  /** Starts an order and resolves with the last snapshots, in the order of the targets. */
  flash(
    order: Omit<JobOrderRequest, 'firmwareId'> & { readonly firmwareId?: string },
    bytes?: Uint8Array,
  ): Promise<JobSnapshot[]>
  /** Resolves when the job's newest snapshot satisfies `when`. */
  until(jobId: string, when: (snapshot: JobSnapshot) => boolean): Promise<JobSnapshot>
  ended(jobId: string): Promise<JobSnapshot>
  board(options?: VirtualEsp32Options): Promise<VirtualEsp32>
  /** Starts a virtual device of any kind. @param options start options, such as those of its traits */
  device(kindId: string, options?: Partial<StartOptions>): Promise<VirtualDevice>
  /** Calls `look` with every snapshot from now on; the result stops that. */
  watch(look: (snapshot: JobSnapshot) => void): () => void
  /** Calls `look` with every log line of every job from now on; the result stops that. */
  watchLog(look: (jobId: string, line: JobLogLine) => void): () => void
  /** Closes the station and opens a new one on the same home, as a new process would; `changed` options stay changed. */
  reopen(changed?: Partial<StationOptions>): Promise<void>
  close(): Promise<void>
}

export async function openBench(options: Partial<StationOptions> = {}): Promise<Bench> {
  const home = mkdtempSync(join(tmpdir(), 'flashproof-bench-'))
  const snapshots: JobSnapshot[] = []
  const latest = new Map<string, JobSnapshot>()
  const watchers = new Set<(snapshot: JobSnapshot) => void>()
  const logWatchers = new Set<(jobId: string, line: JobLogLine) => void>()
  let changes: Partial<StationOptions> = options
  const boards: { close(): Promise<void> }[] = []
  const open = (): Station =>
    openStation({
      home,
      emit: (name, payload) => {
        if (name !== 'job.logged' || logWatchers.size === 0) return
        const { jobId, line } = events['job.logged'].parse(payload)
        for (const watcher of logWatchers) watcher(jobId, line)
      },
      isSimulated: () => false,
      // Nothing here listens on the network or looks for ports.
      deviceSources: [simulatedSource, rememberedSource],
      retryPolicy: quickRetryPolicy,
      readFirmware: request => Promise.resolve().then(() => readFirmware(request)),
      onSnapshot: snapshot => {
        snapshots.push(snapshot)
        latest.set(snapshot.jobId, snapshot)
        for (const watcher of watchers) watcher(snapshot)
      },
      ...changes,
    })
  let station = open()
  let fileNumber = 0
  let boardNumber = 0

  const bench: Bench = {
    home,
    get station() {
      return station
    },
    snapshots,
    async firmwareId(bytes, fileName = `app-${String(++fileNumber)}.bin`) {
      const path = join(home, fileName)
      writeFileSync(path, bytes)
      return (await station.firmware.open({ path })).firmwareId
    },
    async flash(order, bytes) {
      const firmwareId = order.firmwareId ?? (await bench.firmwareId(bytes ?? demoImage()))
      const { jobIds } = await station.engine.start({ ...order, firmwareId })
      return await Promise.all(jobIds.map(jobId => bench.ended(jobId)))
    },
    until(jobId, when) {
      return new Promise(resolve => {
        const look = (snapshot: JobSnapshot): void => {
          if (snapshot.jobId !== jobId || !when(snapshot)) return
          watchers.delete(look)
          resolve(snapshot)
        }
        watchers.add(look)
        const known = latest.get(jobId)
        if (known !== undefined) look(known)
      })
    },
    ended: jobId => bench.until(jobId, isEnded),
    async board(boardOptions = {}) {
      const board = await startVirtualEsp32({
        ...instantTimes,
        apply: 'none',
        ...boardOptions,
        // Two boards never have one MAC, so that a batch can hold many of them.
        identity: { id: `board-${String(++boardNumber)}`, ...boardOptions.identity },
      })
      boards.push(board)
      return board
    },
    async device(kindId, deviceOptions = {}) {
      const kind = deviceKinds.find(({ id }) => id === kindId)
      if (kind === undefined) throw new Error(`there is no kind ${kindId} of virtual devices`)
      const id = `device-${String(++boardNumber)}`
      const device = await kind.start({
        ...kind.traits['instant'],
        faults: [],
        flashDir: null,
        seed: 1,
        ...deviceOptions,
        identity: { id, name: id },
      })
      boards.push(device)
      return device
    },
    watch(look) {
      watchers.add(look)
      return () => watchers.delete(look)
    },
    watchLog(look) {
      logWatchers.add(look)
      return () => logWatchers.delete(look)
    },
    async reopen(changed = {}) {
      await station.close()
      changes = { ...changes, ...changed }
      latest.clear()
      station = open()
    },
    async close() {
      await station.close()
      await Promise.all(boards.map(board => board.close()))
      rmSync(home, { recursive: true, force: true })
    },
  }
  return bench
}

/** A valid ESP32 app image of the project's own writer. */
export function demoImage(sizeBytes = 64 * 1024, seed = 1): Uint8Array {
  return buildDemoFirmware({ sizeBytes, version: `2.1.${String(seed)}`, seed })
}
