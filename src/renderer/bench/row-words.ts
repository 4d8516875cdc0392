/** What a row of the bench calls its board, and how it tells two of the same name apart. Pure. */
import type { DeviceEntry, FirmwareSummary } from '../../shared/contract/index.ts'
import { stripControl } from '../../shared/units.ts'

export type Medium = 'usb' | 'network' | 'practice'

const MAXIMUM_NAME = 64

/** What a target is made of where the device comes to this computer: `pull://INTERFACE[:PORT]/DEVICE-ID`. */
const PULL_TARGET = /^pull:\/\/([^/]+)\/(.+)$/i

/** The technician's own name first, then the board's, then where it is reached, or the id that it comes with. */
export function baseNameOf(device: DeviceEntry): string {
  const own = device.label ?? device.name ?? device.identity?.name
  return stripControl(own ?? PULL_TARGET.exec(device.target)?.[2] ?? device.target, MAXIMUM_NAME)
}

/** The last two bytes of the MAC, such as `1F:A2`; null where the board told none. */
export function macTailOf(device: DeviceEntry): string | null {
  const digits = (device.identity?.mac ?? '').replaceAll(/[^0-9a-f]/gi, '').toUpperCase()
  return digits.length < 4 ? null : `${digits.slice(-4, -2)}:${digits.slice(-2)}`
}

/** Names by key: whoever shares a name carries its MAC tail, its socket or its address. */
export function namesOf(devices: readonly DeviceEntry[]): ReadonlyMap<string, string> {
  const counts = new Map<string, number>()
  for (const device of devices) {
    const name = baseNameOf(device)
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return new Map(
    devices.map(device => {
      const name = baseNameOf(device)
      if ((counts.get(name) ?? 0) < 2) return [device.key, name]
      const apart = macTailOf(device) ?? device.place ?? device.target
      return [device.key, `${name} (${stripControl(apart, MAXIMUM_NAME)})`]
    }),
  )
}

export function mediumOf(device: DeviceEntry): Medium {
  if (device.simulated) return 'practice'
  return device.source === 'serial' || device.target.startsWith('serial:') ? 'usb' : 'network'
}

/** Whether the device comes to this computer, which waits for it. */
export function comesByItself(target: string): boolean {
  return /^pull:/i.test(target)
}

/** Where it is: the socket or the address without its scheme; `→ wlan0:8070` is where a device comes to. */
export function addressOf(device: DeviceEntry): string {
  const door = PULL_TARGET.exec(device.target)?.[1]
  if (door !== undefined) return stripControl(`→ ${door}`, 120)
  return stripControl(device.target.replace(/^(?:https?|serial|tcp|rfc2217|udp):(?:\/\/)?/, ''), 120)
}

/** What a search looks through, in small letters. */
export function searchTextOf(device: DeviceEntry): string {
  const { identity } = device
  const parts = [
    device.label,
    device.name,
    device.target,
    device.place,
    device.socketLabel,
    device.appName,
    device.appVersion,
    identity?.mac,
    identity?.chip,
    identity?.board,
    identity?.id,
    identity?.usbSerial,
  ]
  return parts
    .filter(part => part !== null && part !== undefined)
    .join(' ')
    .toLowerCase()
}

/** Product and version for people: `thermostat 2.1.4`, else the file's name. */
export function productOf(firmware: FirmwareSummary): { readonly name: string; readonly version: string | null } {
  const app = firmware.inspection.esp?.app ?? null
  if (app === null || app.projectName === '') return { name: stripControl(firmware.fileName, 80), version: null }
  return {
    name: stripControl(app.projectName, 40),
    version: app.version === '' ? null : stripControl(app.version, 32),
  }
}
