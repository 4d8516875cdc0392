/** A station and virtual boards in one process and one temporary home: what the engine's tests stand on. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JobOrderRequest } from '../../src/shared/contract/commands.ts'
import type { JobSnapshot } from '../../src/shared/contract/models.ts'
import { isEnded } from '../../src/core/jobs/job-engine.ts'
import type { RetryPolicy } from '../../src/core/transfer/retry.ts'
import { buildDemoFirmware } from '../../src/core/formats/esp-image.ts'
import { instantTimes, startVirtualEsp32, type VirtualEsp32, type VirtualEsp32Options } from '../../src/simulator/virtual-esp32.ts'
import { openStation, type Station, type StationOptions } from '../../src/worker/station.ts'

/** The real policy's shape with times that loopback needs. */
export const quickRetryPolicy: RetryPolicy = {
  tries: 5,
  firstDelayMs: 5,
  maximumDelayMs: 80,
  jitterRatio: 0.2,
  requestTimeoutMs: 1000,
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
  flash(order: Omit<JobOrderRequest, 'firmwareId'> & { readonly firmwareId?: string }, bytes?: Uint8Array): Promise<JobSnapshot[]>
  /** Resolves when the job's newest snapshot satisfies `when`. */
  until(jobId: string, when: (snapshot: JobSnapshot) => boolean): Promise<JobSnapshot>
  ended(jobId: string): Promise<JobSnapshot>
  board(options?: VirtualEsp32Options): Promise<VirtualEsp32>
  /** Closes the station and opens a new one on the same home, as a new process would. */
  reopen(): Promise<void>
  close(): Promise<void>
}

export async function openBench(options: Partial<StationOptions> = {}): Promise<Bench> {
  const home = mkdtempSync(join(tmpdir(), 'flashproof-bench-'))
  const snapshots: JobSnapshot[] = []
  const latest = new Map<string, JobSnapshot>()
  const watchers = new Set<(snapshot: JobSnapshot) => void>()
  const boards: VirtualEsp32[] = []
  const open = (): Station =>
    openStation({
      home,
      emit: () => undefined,
      isSimulated: () => false,
      retryPolicy: quickRetryPolicy,
      onSnapshot: snapshot => {
        snapshots.push(snapshot)
        latest.set(snapshot.jobId, snapshot)
        for (const watcher of watchers) watcher(snapshot)
      },
      ...options,
    })
  let station = open()
  let fileNumber = 0

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
      const board = await startVirtualEsp32({ ...instantTimes, apply: 'none', ...boardOptions })
      boards.push(board)
      return board
    },
    async reopen() {
      await station.close()
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
