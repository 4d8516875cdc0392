/**
 * The simulator's process: `node src/simulator/index.ts --devices SPEC [--flash-dir DIR] [--seed N] [--announce INTERFACE]`,
 * or forked. Says once, over IPC or on stdout, which devices are ready; ends with its parent. With `--announce` the devices
 * listen on that interface instead of the computer's own loop, and announce themselves over mDNS. With `--make-firmware PATH [--size BYTES]
 * [--version TEXT]` it writes an application image for its boards instead and ends.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { asFlashproofError, FlashproofError, toWireError } from '../shared/errors.ts'
import { buildDemoFirmware } from '../core/formats/esp-image/demo-firmware.ts'
import { addressOfInterface, announce, type Announcer } from './announcing/announcer.ts'
import { serviceOf } from './announcing/services.ts'
import { listenAt } from './board/listen-address.ts'
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
  /** Whether the seed was given: without one every simulator's boards have MACs of their own. */
  readonly isSeeded: boolean
  /** An interface or one of this computer's addresses. */
  readonly announce: string | null
  readonly makeFirmware: { readonly path: string; readonly sizeBytes: number; readonly version: string } | null
}

const DEMO_FIRMWARE_BYTES = 1024 * 1024

async function run(): Promise<void> {
  const { makeFirmware } = readArguments(process.argv.slice(2))
  if (makeFirmware !== null) {
    writeFileSync(makeFirmware.path, buildDemoFirmware({ ...makeFirmware, seed: 1, projectName: 'thermostat' }))
    return
  }
  let stop = (): void => undefined
  // Before anything is started, so that a parent that dies meanwhile leaves nothing behind.
  const stopped = new Promise<void>(resolve => {
    stop = resolve
  })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop)
  if (process.send !== undefined) process.on('disconnect', stop)
  const { devices, flashDir, seed, isSeeded, announce: place } = readArguments(process.argv.slice(2))
  const address = place === null ? null : addressOfInterface(place)
  if (address !== null) listenAt(address)
  // A board that keeps its flash stays the same board.
  const fleetId = isSeeded ? null : (flashDir ?? `${String(process.pid)} ${String(Date.now())}`)
  const fleet = await startFleet(parseDeviceSpec(devices), { flashDir, seed, fleetId })
  const announcer = address === null ? null : await announceAll(fleet.announced, address)
  const registration = registerSimulator(fleet.announced, new Date().toISOString())
  process.on('exit', () => registration?.remove())
  tell({ type: 'ready', devices: fleet.announced })
  await stopped
  registration?.remove()
  await announcer?.close()
  await fleet.close()
}

function announceAll(devices: readonly AnnouncedDevice[], address: string): Promise<Announcer> {
  const services = devices.flatMap(device => serviceOf(device) ?? [])
  return announce(services, address)
}

function readArguments(argv: readonly string[]): Arguments {
  let values: {
    devices?: string
    'flash-dir'?: string
    seed?: string
    announce?: string
    'make-firmware'?: string
    size?: string
    version?: string
  }
  try {
    values = parseArgs({
      args: [...argv],
      options: {
        devices: { type: 'string' },
        'flash-dir': { type: 'string' },
        seed: { type: 'string' },
        announce: { type: 'string' },
        'make-firmware': { type: 'string' },
        size: { type: 'string' },
        version: { type: 'string' },
      },
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
  const path = values['make-firmware']
  const sizeBytes = Number(values.size ?? DEMO_FIRMWARE_BYTES)
  return {
    devices: values.devices ?? '4',
    flashDir: values['flash-dir'] ?? null,
    seed,
    isSeeded: values.seed !== undefined,
    announce: values.announce ?? null,
    makeFirmware: path === undefined ? null : { path, sizeBytes, version: values.version ?? '2.1.4' },
  }
}

function tell(message: SimulatorMessage): void {
  if (process.send === undefined) process.stdout.write(`${JSON.stringify(message)}\n`)
  else if (process.connected) process.send(message)
}

try {
  await run()
  if (process.connected) process.disconnect()
} catch (thrown) {
  const error = asFlashproofError(thrown)
  if (process.connected) tell({ type: 'error', error: toWireError(error) })
  else process.stderr.write(`${error.code}: ${error.message}\n`)
  process.exitCode = error.traits.exitCode
  if (process.connected) process.disconnect()
}
