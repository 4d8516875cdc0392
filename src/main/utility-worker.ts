/** Starts the background process as Electron's utility process: a packaged app cannot start itself as Node. */
import { FlashproofError } from '../shared/errors.ts'
import type { SpawnedWorker, WorkerExit } from '../shared/rpc/supervisor.ts'
import { createUtilityProcessLink, type UtilityProcessLike } from '../shared/rpc/utility-process-link.ts'

/** How much of what it prints is kept for the message about its crash. */
const OUTPUT_RING_CHARACTERS = 16 * 1024

interface TextStream {
  on(event: 'data', listener: (chunk: Buffer | string) => void): unknown
}

/** What is needed of Electron's `UtilityProcess`. */
export interface UtilityChild extends UtilityProcessLike {
  readonly pid: number | undefined
  readonly stdout: TextStream | null
  readonly stderr: TextStream | null
  once(event: 'spawn', listener: () => void): unknown
  once(event: 'exit', listener: (code: number) => void): unknown
}

export interface UtilityForkOptions {
  readonly env: Record<string, string>
  readonly serviceName: string
  readonly stdio: 'pipe'
}

export interface UtilityWorkerOptions {
  /** Electron's `utilityProcess.fork`. */
  readonly fork: (entryPath: string, words: string[], options: UtilityForkOptions) => UtilityChild
  readonly entryPath: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Ends a process at once. */
  readonly killProcess: (pid: number) => void
  /** Gets what the process prints, when that is wanted. */
  readonly onOutput?: (text: string) => void
}

export interface UtilityWorker extends SpawnedWorker {
  readonly pid: number
}

/** @throws {FlashproofError} worker.exited when the process cannot be started */
export async function spawnUtilityWorker(options: UtilityWorkerOptions): Promise<UtilityWorker> {
  const child = options.fork(options.entryPath, [], {
    env: definedOnly(options.env),
    serviceName: 'Flashproof engine',
    stdio: 'pipe',
  })
  const link = createUtilityProcessLink(child)
  const readOutput = keepOutput(child, options.onOutput)
  const exited = new Promise<WorkerExit>(resolve => {
    child.once('exit', code => {
      resolve({ code, signal: null, output: readOutput() })
    })
  })
  const spawned = new Promise<'spawned'>(resolve => {
    child.once('spawn', () => {
      resolve('spawned')
    })
  })
  const first = await Promise.race([spawned, exited])
  if (first !== 'spawned') {
    throw new FlashproofError('worker.exited', 'the background process cannot be started', { ...first })
  }
  return {
    link,
    pid: child.pid ?? -1,
    exited,
    kill() {
      // Electron's own way only asks a process to end, which one that hangs may not hear.
      if (child.pid === undefined) child.kill()
      else options.killProcess(child.pid)
    },
  }
}

export function definedOnly(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  )
}

function keepOutput(child: UtilityChild, onOutput?: (text: string) => void): () => string {
  let tail = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', chunk => {
      const text = chunk.toString()
      onOutput?.(text)
      tail = (tail + text).slice(-OUTPUT_RING_CHARACTERS)
    })
  }
  return () => tail.trim()
}
