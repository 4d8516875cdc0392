/** Says under which key a board stays the same board, whatever address or port it has at the moment. */
import type { DeviceEntry, DeviceIdentity } from '../../shared/contract/models.ts'

/** Where and on what a device hangs, as far as its source can tell. */
export interface UsbPlace {
  readonly vendorId: number | null
  readonly productId: number | null
  readonly serialNumber: string | null
  /** The system's name of the socket, such as `1-1.3`. */
  readonly location: string | null
}

/** Serial numbers that makers of bridges leave in every piece: they tell no two boards apart. */
const DUMMY_SERIALS = new Set(['0', '0001', '0000', '1', '12345678', '123456', '0123456789', '0123456789abcdef'])

/** Six bytes as `aa:bb:cc:dd:ee:ff`, from any usual spelling; null when it is no MAC address. */
export function normalMac(text: string | undefined): string | null {
  const digits = (text ?? '').replaceAll(/[:.\-\s]/g, '').toLowerCase()
  return /^[0-9a-f]{12}$/.test(digits) ? (digits.match(/../g) ?? []).join(':') : null
}

/**
 * Whether a USB serial number can tell one board from another. What Windows makes up for a part of a composite device
 * holds an `&` and changes with the socket.
 */
export function isTellingSerial(serialNumber: string | null): serialNumber is string {
  const text = (serialNumber ?? '').trim()
  return text !== '' && !text.includes('&') && !DUMMY_SERIALS.has(text.toLowerCase())
}

/** The key: `mac:…`, else `usb:VID:PID:SERIAL`, else `socket:…`, else the target. */
export function deviceKey(target: string, identity: DeviceIdentity | null, usb?: UsbPlace): string {
  const mac = normalMac(identity?.mac)
  if (mac !== null) return `mac:${mac}`
  return usb === undefined ? target : adapterKey(target, usb)
}

/** The key of what a board hangs on: `usb:VID:PID:SERIAL`, else `socket:…`, else the target. */
export function adapterKey(target: string, usb: UsbPlace): string {
  if (usb.vendorId !== null && usb.productId !== null && isTellingSerial(usb.serialNumber)) {
    return `usb:${hex4(usb.vendorId)}:${hex4(usb.productId)}:${usb.serialNumber.trim()}`
  }
  return socketKey(usb.location) ?? target
}

/** The key under which a USB socket is named, whatever is plugged in there. */
export function socketKey(location: string | null): string | null {
  return location === null ? null : `socket:${location}`
}

/** An entry of which only some is known: its key is derived, the rest is empty. */
export function deviceEntry(
  known: Pick<DeviceEntry, 'target' | 'source'> & Partial<DeviceEntry>,
  usb?: UsbPlace,
): DeviceEntry {
  return {
    key: deviceKey(known.target, known.identity ?? null, usb),
    name: null,
    identity: null,
    protocols: [],
    lastSeenAt: null,
    simulated: false,
    label: null,
    place: null,
    present: null,
    appName: null,
    appVersion: null,
    ...known,
  }
}

export function hex4(value: number): string {
  return value.toString(16).toUpperCase().padStart(4, '0')
}
