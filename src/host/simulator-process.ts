/** Starts the virtual devices in a process of their own. The command line spawns it by its address and never imports it. */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { WireError } from '../shared/errors.ts'
import { FlashproofError, fromWireError } from '../shared/errors.ts'
import { entryUrl } from './entry-url.ts'

export interface SimulatedDevice {
  readonly name: string
  readonly target: string
  /** Where it answers telemetry, when that is not at its target. */
  readonly telemetryUrl?: string
  /** What it speaks; absent where the simulator does not say. */
  readonly protocol?: string
  readonly mac: string
  readonly chip: string
  /** Ids of what is wrong with it on purpose; empty for a good device. */
  readonly faults: readonly string[]
}

export interface SimulatorOptions {
  /** Where the devices keep their flash; undefined keeps it in memory. */
  readonly flashFolder: string | undefined
  /** Which devices, such as `demo`; undefined leaves it to the simulator. */
  readonly devices: string | undefined
}

export interface SimulatorRuntime {
  /** Another Node binary than the one that runs this. */
  readonly execPath?: string
}

export interface SimulatorProcess {
  readonly devices: readonly SimulatedDevice[]
  /** Resolves when the process has ended, by itself or not. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>
  stop(): Promise<void>
  kill(): void
}

const READY_DEADLINE_MS = 15_000
const STOP_DEADLINE_MS = 3_000
const KEPT_OUTPUT_CHARACTERS = 4_000

function simulatorPath(): string {
  return fileURLToPath(entryUrl(import.meta.url, { source: '../simulator/index.ts', built: './simulator.js' }))
}

/** The words that tell the simulator which devices it is to be. */
export function simulatorWords({ devices, flashFolder }: SimulatorOptions): string[] {
  return [
    ...(devices === undefined ? [] : ['--devices', devices]),
    ...(flashFolder === undefined ? [] : ['--flash-dir', flashFolder]),
  ]
}

/**
 * Starts the devices and waits until all of them answer.
 * @throws {FlashproofError} usage.invalid-value with what the simulator says when it refuses or does not start
 */
export async function forkSimulator(
  options: SimulatorOptions,
  { execPath = process.execPath }: SimulatorRuntime = {},
): Promise<SimulatorProcess> {
  const child = fork(simulatorPath(), simulatorWords(options), {
    execPath,
    // A group of its own: Ctrl-C reaches us alone, and the devices outlive the orderly stop of the jobs on them.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-KEPT_OUTPUT_CHARACTERS)
    })
  }
  child.on('error', () => undefined)
  const exited = new Promise<{ code: number | null; signal: string | null }>(resolve => {
    child.once('exit', (code, signal) => {
      resolve({ code, signal })
    })
  })
  const ready = new Promise<readonly SimulatedDevice[]>((resolve, reject) => {
    child.on('message', message => {
      const devices = readyDevices(message)
      if (devices !== null) resolve(devices)
      const error = refusal(message)
      if (error !== null) reject(fromWireError(error))
    })
  })
  const deadline = new AbortController()
  const lateOrEnded = Promise.race([
    exited,
    new Promise<null>(resolve => {
      const timer = setTimeout(resolve, READY_DEADLINE_MS, null)
      deadline.signal.addEventListener('abort', () => {
        clearTimeout(timer)
      })
    }),
  ])
  const devices = await Promise.race([ready, lateOrEnded.then(() => null)])
  deadline.abort()
  if (devices === null) {
    child.kill('SIGKILL')
    const said = output.trim().split('\n').at(-1) ?? ''
    throw new FlashproofError('usage.invalid-value', `the virtual devices did not start: ${said}`, {
      devices: options.devices ?? null,
      output: output.trim(),
    })
  }
  return {
    devices,
    exited,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS)
      await exited
      clearTimeout(timer)
    },
    kill() {
      child.kill('SIGKILL')
    },
  }
}

/** Reads the one message that the simulator sends; anything else is none of ours. */
export function readyDevices(message: unknown): readonly SimulatedDevice[] | null {
  if (typeof message !== 'object' || message === null || !('type' in message) || message.type !== 'ready') return null
  if (!('devices' in message) || !Array.isArray(message.devices)) return null
  return message.devices.flatMap(device => readDevice(device) ?? [])
}

/** Reads the message of a simulator that refuses its arguments or cannot start. */
function refusal(message: unknown): WireError | null {
  if (typeof message !== 'object' || message === null || !('type' in message) || message.type !== 'error') return null
  // Both processes are of one build; the error was made by `toWireError` there.
  return 'error' in message ? (message.error as WireError) : null
}

function readDevice(value: unknown): SimulatedDevice | null {
  if (typeof value !== 'object' || value === null) return null
  const fields: Readonly<Record<string, unknown>> = { ...value }
  const text = (key: string): string => (typeof fields[key] === 'string' ? fields[key] : '')
  const faults = Array.isArray(fields['faults']) ? fields['faults'].flatMap(fault => nameOfFault(fault) ?? []) : []
  const target = text('target')
  if (target === '') return null
  const [telemetryUrl, protocol] = [text('telemetryUrl'), text('protocol')]
  return {
    name: text('name'),
    target,
    ...(telemetryUrl === '' ? {} : { telemetryUrl }),
    ...(protocol === '' ? {} : { protocol }),
    mac: text('mac'),
    chip: text('chip'),
    faults,
  }
}

/** A fault is told with its parameters, such as `{ name: 'reboot', chunk: 40 }`. */
function nameOfFault(fault: unknown): string | null {
  if (typeof fault !== 'object' || fault === null || !('name' in fault)) return null
  return typeof fault.name === 'string' ? fault.name : null
}

/** Has the simulator write a valid ESP32 application image. @throws {FlashproofError} internal.unexpected */
export async function makeDemoFirmware(
  options: { readonly path: string; readonly sizeBytes: number; readonly version: string },
  { execPath = process.execPath }: SimulatorRuntime = {},
): Promise<void> {
  const { path, sizeBytes, version } = options
  const words = ['--make-firmware', path, '--size', String(sizeBytes), '--version', version]
  const child = spawn(execPath, [simulatorPath(), ...words], { stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-KEPT_OUTPUT_CHARACTERS)
  })
  await once(child, 'close')
  if (child.exitCode === 0) return
  throw new FlashproofError('internal.unexpected', 'the demonstration firmware could not be made', { output })
}
