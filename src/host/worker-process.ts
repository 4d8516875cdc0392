/** Starts the background process as a child of this Node process and gives its link. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { FlashproofError } from '../shared/errors.ts'
import { createIpcChannelLink, type IpcChannelLink } from '../shared/rpc/ipc-channel-link.ts'
import type { SpawnedWorker, WorkerExit } from '../shared/rpc/supervisor.ts'
import { entryUrl } from './entry-url.ts'

const OLDEST_NODE_MAJOR = 24
/** How much of what the worker prints is kept for the message about its crash. */
const OUTPUT_RING_CHARACTERS = 16 * 1024

export interface ForkWorkerOptions {
  /** FLASHPROOF_HOME of the worker. */
  readonly home: string
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly execArgv?: readonly string[]
  /** Another Node binary than the one that runs this; its version is not checked here. */
  readonly execPath?: string
  /** Another entry than the worker's own. */
  readonly entry?: URL
}

export interface WorkerProcess extends SpawnedWorker {
  readonly link: IpcChannelLink
  readonly pid: number
}

/**
 * Forks the worker. What it prints goes to our stderr when FLASHPROOF_DEBUG is set; else its end is kept for `exited`.
 * @throws {FlashproofError} environment.node-too-old, worker.exited when the process cannot be started
 */
export async function forkWorker(options: ForkWorkerOptions): Promise<WorkerProcess> {
  if (options.execPath === undefined) assertNodeVersion(process.versions.node)
  const entry = options.entry ?? entryUrl(import.meta.url, { source: '../worker/index.ts', built: './worker.js' })
  const child = fork(fileURLToPath(entry), [], {
    serialization: 'advanced',
    execPath: options.execPath ?? process.execPath,
    execArgv: [...(options.execArgv ?? [])],
    env: { ...process.env, ...options.env, FLASHPROOF_HOME: options.home },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const output = keepOutput(child)
  const exited = new Promise<WorkerExit>(resolve => {
    // Not `close`: Node does not raise it when this side disconnected the channel first.
    child.once('exit', (code, signal) => {
      void output.ended.then(() => {
        resolve({ code, signal, output: output.read() })
      })
    })
  })
  const link = createIpcChannelLink(child)
  try {
    await once(child, 'spawn')
  } catch (thrown) {
    throw new FlashproofError('worker.exited', 'the background process cannot be started', {}, { cause: thrown })
  }
  // Later errors of the handle (a failed kill or send) show as the exit or the end of the link.
  child.on('error', () => undefined)
  return {
    link,
    pid: child.pid ?? -1,
    exited,
    kill: () => {
      child.kill('SIGKILL')
    },
  }
}

/** @throws {FlashproofError} environment.node-too-old */
export function assertNodeVersion(version: string): void {
  if (Number.parseInt(version, 10) >= OLDEST_NODE_MAJOR) return
  throw new FlashproofError(
    'environment.node-too-old',
    `Node ${version} is too old: Flashproof needs Node ${String(OLDEST_NODE_MAJOR)}; in a checkout start it with “npm run -s cli -- …”, which brings its own`,
    { version, neededMajor: OLDEST_NODE_MAJOR },
  )
}

interface KeptOutput {
  /** The last of what the child printed. */
  read(): string
  /** Resolves when the child's stdout and stderr have ended. */
  readonly ended: Promise<unknown>
}

/** Drains the child's output, so that a chatty worker never blocks on a full pipe. */
function keepOutput(child: ChildProcess): KeptOutput {
  const isDebugging = (process.env['FLASHPROOF_DEBUG'] ?? '') !== ''
  let tail = ''
  const streams = [child.stdout, child.stderr].filter(stream => stream !== null)
  const ends = streams.map(stream => {
    stream.setEncoding('utf8').on('data', (text: string) => {
      if (isDebugging) process.stderr.write(text)
      tail = (tail + text).slice(-OUTPUT_RING_CHARACTERS)
    })
    return once(stream, 'close')
  })
  return { read: () => tail.trim(), ended: Promise.allSettled(ends) }
}
