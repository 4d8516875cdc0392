/** Starts the virtual devices as Electron's utility process; they say on their standard output which ones are ready. */
import {
  readyDevices,
  simulatorWords,
  type SimulatorOptions,
  type SimulatorProcess,
} from '../host/simulator-process.ts'
import { FlashproofError } from '../shared/errors.ts'
import type { Timing } from '../shared/rpc/timing.ts'
import { resolvesWithin } from '../shared/rpc/timing.ts'
import { definedOnly, type UtilityChild, type UtilityForkOptions } from './utility-worker.ts'

const READY_DEADLINE_MS = 15_000
const STOP_DEADLINE_MS = 3_000
const KEPT_OUTPUT_CHARACTERS = 4_000

export interface UtilitySimulatorOptions {
  /** Electron's `utilityProcess.fork`. */
  readonly fork: (entryPath: string, words: string[], options: UtilityForkOptions) => UtilityChild
  readonly entryPath: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly timing: Pick<Timing, 'delay'>
  /** Ends a process at once. */
  readonly killProcess: (pid: number) => void
}

/**
 * Starts the devices and waits until all of them answer.
 * @throws {FlashproofError} usage.invalid-value with what the simulator says when it refuses or does not start
 */
export async function startUtilitySimulator(
  devices: SimulatorOptions,
  options: UtilitySimulatorOptions,
): Promise<SimulatorProcess> {
  const simulator = startChild(simulatorWords(devices), options)
  const { child, exited, kill } = simulator
  const deadline = new AbortController()
  const tooLate = options.timing.delay(READY_DEADLINE_MS, deadline.signal).then(
    () => null,
    () => null,
  )
  const ready = await Promise.race([simulator.ready, exited.then(() => null), tooLate])
  deadline.abort()
  if (ready === null) {
    kill()
    const output = simulator.readErrors()
    throw new FlashproofError(
      'usage.invalid-value',
      `the virtual devices did not start: ${output.split('\n').at(-1) ?? ''}`,
      { devices: devices.devices ?? null, output },
    )
  }
  return {
    devices: ready,
    exited,
    async stop() {
      child.kill()
      if (!(await resolvesWithin(options.timing, exited, STOP_DEADLINE_MS))) kill()
    },
    kill,
  }
}

/**
 * Has the simulator write a valid ESP32 application image of `sizeBytes` to `path`.
 * @throws {FlashproofError} internal.unexpected
 */
export async function makeUtilityFirmware(
  image: { readonly path: string; readonly sizeBytes: number; readonly version: string },
  options: UtilitySimulatorOptions,
): Promise<void> {
  const words = ['--make-firmware', image.path, '--size', String(image.sizeBytes), '--version', image.version]
  const { exited, readErrors } = startChild(words, options)
  const { code } = await exited
  if (code === 0) return
  throw new FlashproofError('internal.unexpected', 'the demonstration firmware could not be made', {
    output: readErrors(),
  })
}

interface SimulatorChild {
  readonly child: UtilityChild
  readonly ready: Promise<SimulatorProcess['devices']>
  readonly exited: SimulatorProcess['exited']
  /** The last of what it complained about. */
  readonly readErrors: () => string
  readonly kill: () => void
}

function startChild(words: string[], options: UtilitySimulatorOptions): SimulatorChild {
  const child = options.fork(options.entryPath, words, {
    env: definedOnly(options.env),
    serviceName: 'Flashproof virtual boards',
    stdio: 'pipe',
  })
  let errors = ''
  child.stderr?.on('data', chunk => {
    errors = (errors + chunk.toString()).slice(-KEPT_OUTPUT_CHARACTERS)
  })
  const exited = new Promise<{ code: number | null; signal: string | null }>(resolve => {
    child.once('exit', code => {
      resolve({ code, signal: null })
    })
  })
  return {
    child,
    ready: firstAnnouncement(child),
    exited,
    readErrors: () => errors.trim(),
    kill() {
      if (child.pid === undefined) child.kill()
      else options.killProcess(child.pid)
    },
  }
}

/** Never settles when the process says nothing: its exit does. */
function firstAnnouncement(child: UtilityChild): Promise<SimulatorProcess['devices']> {
  return new Promise(resolve => {
    let text = ''
    child.stdout?.on('data', chunk => {
      text += chunk.toString()
      const lines = text.split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) {
        const devices = readyDevices(parseLine(line))
        if (devices !== null) resolve(devices)
      }
    })
  })
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
