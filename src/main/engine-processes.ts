/**
 * How this app starts its other processes: as Electron's utility processes; in a checkout, where FLASHPROOF_WORKER_NODE names
 * a Node binary, with that one.
 */
import { fileURLToPath } from 'node:url'
import { entryUrl } from '../host/entry-url.ts'
import {
  forkSimulator,
  makeDemoFirmware,
  type SimulatorOptions,
  type SimulatorProcess,
} from '../host/simulator-process.ts'
import { forkWorker } from '../host/worker-process.ts'
import type { SpawnedWorker } from '../shared/rpc/supervisor.ts'
import type { Timing } from '../shared/rpc/timing.ts'
import { makeUtilityFirmware, startUtilitySimulator, type UtilitySimulatorOptions } from './utility-simulator.ts'
import { spawnUtilityWorker, type UtilityWorkerOptions } from './utility-worker.ts'

export interface EngineProcesses {
  readonly spawnWorker: (options: {
    readonly home: string
    readonly command: string
  }) => Promise<SpawnedWorker & { readonly pid: number }>
  readonly startSimulator: (options: SimulatorOptions) => Promise<SimulatorProcess>
  readonly makeDemoFirmware: (options: {
    readonly path: string
    readonly sizeBytes: number
    readonly version: string
  }) => Promise<void>
}

export interface EngineProcessesOptions {
  readonly fork: UtilityWorkerOptions['fork']
  readonly env: Readonly<Record<string, string | undefined>>
  readonly isPackaged: boolean
  readonly timing: Pick<Timing, 'delay'>
  readonly killProcess: (pid: number) => void
  /** Gets what the background process prints, when that is wanted. */
  readonly onOutput?: (text: string) => void
}

export function createEngineProcesses(options: EngineProcessesOptions): EngineProcesses {
  const node = developmentNode(options)
  return node === null ? utilityProcesses(options) : nodeProcesses(node)
}

/** The Node binary that is to run the other processes; null for Electron itself. A packaged app heeds no such wish. */
export function developmentNode({
  env,
  isPackaged,
}: Pick<EngineProcessesOptions, 'env' | 'isPackaged'>): string | null {
  const named = env['FLASHPROOF_WORKER_NODE'] ?? ''
  return isPackaged || named === '' ? null : named
}

function utilityProcesses(options: EngineProcessesOptions): EngineProcesses {
  const simulator: UtilitySimulatorOptions = {
    ...options,
    entryPath: fileURLToPath(entryUrl(import.meta.url, { source: '../simulator/index.ts', built: './simulator.js' })),
  }
  return {
    spawnWorker: ({ home, command }) =>
      spawnUtilityWorker({
        ...options,
        entryPath: fileURLToPath(entryUrl(import.meta.url, { source: '../worker/index.ts', built: './worker.js' })),
        env: { ...options.env, FLASHPROOF_HOME: home, FLASHPROOF_COMMAND: command },
      }),
    startSimulator: devices => startUtilitySimulator(devices, simulator),
    makeDemoFirmware: image => makeUtilityFirmware(image, simulator),
  }
}

function nodeProcesses(execPath: string): EngineProcesses {
  return {
    spawnWorker: ({ home, command }) => forkWorker({ home, execPath, env: { FLASHPROOF_COMMAND: command } }),
    startSimulator: devices => forkSimulator(devices, { execPath }),
    makeDemoFirmware: image => makeDemoFirmware(image, { execPath }),
  }
}
