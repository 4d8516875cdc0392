/**
 * The simulator's process: `node src/simulator/index.ts --devices SPEC [--flash-dir DIR] [--seed N]`, or forked. Says
 * once, over IPC or on stdout, which devices are ready; ends with its parent.
 */
import { parseArgs } from 'node:util'
import { asFlashproofError, FlashproofError, toWireError } from '../shared/errors.ts'
import { parseDeviceSpec } from './device-spec.ts'
import { startFleet, type AnnouncedDevice } from './fleet.ts'
import { registerSimulator } from './registration.ts'

/** Sent over IPC, or printed as one line of JSON. */
export type SimulatorMessage =
  | { readonly type: 'ready'; readonly devices: readonly AnnouncedDevice[] }
  | { readonly type: 'error'; readonly error: ReturnType<typeof toWireError> }

interface Arguments {
  readonly devices: string
  readonly flashDir: string | null
  readonly seed: number
}

async function run(): Promise<void> {
  let stop = (): void => undefined
  // Before anything is started, so that a parent that dies meanwhile leaves nothing behind.
  const stopped = new Promise<void>(resolve => {
    stop = resolve
  })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop)
  if (process.send !== undefined) process.on('disconnect', stop)
  const { devices, flashDir, seed } = readArguments(process.argv.slice(2))
  const fleet = await startFleet(parseDeviceSpec(devices), { flashDir, seed })
  const registration = registerSimulator(fleet.announced, new Date().toISOString())
  process.on('exit', () => registration?.remove())
  tell({ type: 'ready', devices: fleet.announced })
  await stopped
  registration?.remove()
  await fleet.close()
}

function readArguments(argv: readonly string[]): Arguments {
  let values: { devices?: string; 'flash-dir'?: string; seed?: string }
  try {
    values = parseArgs({
      args: [...argv],
      options: { devices: { type: 'string' }, 'flash-dir': { type: 'string' }, seed: { type: 'string' } },
    }).values
  } catch (thrown) {
    throw new FlashproofError('usage.unknown-option', asFlashproofError(thrown).message, {}, { cause: thrown })
  }
  const seed = Number(values.seed ?? '1')
  if (!Number.isInteger(seed)) {
    throw new FlashproofError('option.invalid', `--seed takes a whole number, not "${String(values.seed)}"`, {
      option: 'seed',
    })
  }
  return { devices: values.devices ?? '4', flashDir: values['flash-dir'] ?? null, seed }
}

function tell(message: SimulatorMessage): void {
  if (process.send === undefined) process.stdout.write(`${JSON.stringify(message)}\n`)
  else process.send(message)
}

try {
  await run()
  if (process.connected) process.disconnect()
} catch (thrown) {
  const error = asFlashproofError(thrown)
  if (process.send !== undefined && process.connected) tell({ type: 'error', error: toWireError(error) })
  else process.stderr.write(`${error.code}: ${error.message}\n`)
  process.exitCode = error.traits.exitCode
  if (process.connected) process.disconnect()
}
