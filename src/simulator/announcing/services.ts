/** What each kind of virtual device announces over mDNS: what the real one does, and for our own firmware what it speaks. */
import type { AnnouncedDevice } from '../fleet.ts'

export interface AnnouncedService {
  /** What a person reads. */
  readonly instance: string
  /** Such as `_http._tcp`. */
  readonly type: string
  /** Without `.local`. */
  readonly host: string
  readonly address: string
  readonly port: number
  readonly txt: readonly string[]
}

interface Announcing {
  readonly type: string
  readonly txt: (device: AnnouncedDevice) => readonly string[]
}

/** A page without a marker: what speaks there shows only when it is asked. */
const plainPage: Announcing = { type: '_http._tcp', txt: () => [] }

/** Firmware of one's own says itself what it speaks. */
const ownFirmware: Announcing = {
  type: '_http._tcp',
  txt: ({ protocol, mac, chip }) => [`fwproto=${protocol}`, `mac=${mac.replaceAll(':', '')}`, `platform=${chip}`],
}

const announcing: Readonly<Record<string, Announcing>> = {
  'esp-parts': ownFirmware,
  'guid-chunks': ownFirmware,
  resumable: ownFirmware,
  'stm32-bridge': ownFirmware,
  'elegant-ota': plainPage,
  'http-update': plainPage,
  // Tasmota, support_network.ino
  tasmota: { type: '_http._tcp', txt: () => ['devicetype=tasmota'] },
  // ESPmDNS, enableArduino
  'arduino-ota': {
    type: '_arduino._tcp',
    txt: ({ chip }) => [`board=${chip.toLowerCase()}`, 'tcp_check=no', 'ssh_upload=no', 'auth_upload=no'],
  },
}

/** Null for a device that listens nowhere, or only on this computer's own loop, or that nothing announces. */
export function serviceOf(device: AnnouncedDevice): AnnouncedService | null {
  const kind = Object.hasOwn(announcing, device.protocol) ? announcing[device.protocol] : undefined
  const [, address, port] = /^[a-z]+:\/\/([\d.]+):(\d+)/.exec(device.target) ?? []
  if (kind === undefined || address === undefined || port === undefined || address.startsWith('127.')) return null
  const host = device.name.replaceAll(/[^\w-]/g, '-').toLowerCase()
  return { instance: device.name, type: kind.type, host, address, port: Number(port), txt: kind.txt(device) }
}
