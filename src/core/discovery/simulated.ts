/** Virtual devices of running simulators, found by the file that each leaves in the user's own temporary folder. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import type { DeviceEntry, DiscoveryChannel } from '../../shared/contract/models.ts'
import { deviceEntry } from './device-key.ts'
import type { DeviceSource } from './device-source.ts'
import { failedChannel } from './failed-channel.ts'
import { startPeriodic } from './periodic.ts'

const Registration = z.object({
  pid: z.number().int(),
  devices: z.array(
    z.object({
      name: z.string(),
      target: z.string(),
      mac: z.string().optional(),
      chip: z.string().optional(),
      protocol: z.string().optional(),
    }),
  ),
})

const POLL_MS = 1_000

export const simulatedSource: DeviceSource = createSimulatedSource()

/** @param list what is registered now */
export function createSimulatedSource(list: () => DeviceEntry[] = listSimulated): DeviceSource {
  return {
    id: 'simulated',
    // What a source is asked with is no folder.
    list: () => list(),
    watch({ clock, onChanged }) {
      let devices: DeviceEntry[] = []
      let failed: DiscoveryChannel[] = []
      const change = (now: DeviceEntry[], nowFailed: DiscoveryChannel[]): void => {
        if (JSON.stringify([now, nowFailed]) === JSON.stringify([devices, failed])) return
        devices = now
        failed = nowFailed
        onChanged()
      }
      const look = (): void => {
        change(list(), [])
      }
      const periodic = startPeriodic(clock, [POLL_MS], look, fault => {
        change(devices, [failedChannel('simulated', fault)])
      })
      return {
        devices: () => devices,
        channels: () => failed,
        refresh: () => {
          periodic.hurry()
        },
        close: () => periodic.stop(),
      }
    },
  }
}

/** Reads every registration whose process still lives; what cannot be read is not there. */
export function listSimulated(folder = registrationFolder()): DeviceEntry[] {
  const entry = lstatSync(folder, { throwIfNoEntry: false })
  const isOurs = entry?.isDirectory() === true && (process.getuid === undefined || entry.uid === process.getuid())
  if (!isOurs) return []
  return readdirSync(folder)
    .filter(name => name.endsWith('.json'))
    .flatMap(name => readRegistration(join(folder, name)))
}

function registrationFolder(): string {
  return join(tmpdir(), `flashproof-simulators-${String(process.getuid?.() ?? 'user')}`)
}

function readRegistration(path: string): DeviceEntry[] {
  try {
    const registration = Registration.parse(JSON.parse(readFileSync(path, 'utf8')))
    // Signal 0 only asks whether the process is there.
    process.kill(registration.pid, 0)
    return registration.devices.map(device =>
      deviceEntry({
        target: device.target,
        name: device.name,
        identity: {
          name: device.name,
          ...(device.mac === undefined ? {} : { mac: device.mac }),
          ...(device.chip === undefined ? {} : { chip: device.chip }),
        },
        source: 'simulated',
        protocols: device.protocol === undefined ? [] : [device.protocol],
        simulated: true,
        present: true,
      }),
    )
  } catch {
    return []
  }
}
