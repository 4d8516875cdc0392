/** Makes rows of the device list from what the system tells of its serial ports. Pure. */
import type { DeviceEntry } from '../../shared/contract/models.ts'
import type { LocalText } from '../../shared/messages/index.ts'
import { adapterKey, deviceEntry, isTellingSerial, normalMac, socketKey, type UsbPlace } from './device-key.ts'
import type { PortInfo } from './system-ports.ts'
import { findAdapter, type UsbSerialAdapter } from './usb-serial-adapters.ts'

export interface SerialRow {
  readonly path: string
  readonly adapter: UsbSerialAdapter | null
  readonly entry: DeviceEntry
}

/** One row a port that boards may hang on. @param at ISO 8601 with zone */
export function serialRows(ports: readonly PortInfo[], at: string): SerialRow[] {
  const rows = ports.filter(isWorthListing).map(port => describePort(port, at))
  // Two pieces with one serial number, or the ports of one adapter, are told apart by more and more of their place.
  const isAlone = (key: string, keyOf: (row: DescribedPort) => string): boolean =>
    rows.filter(row => keyOf(row) === key).length === 1
  return rows.map(({ port, adapter, entry, keys }) => {
    const own = keys.find((key, depth) => isAlone(key, row => row.keys[depth] ?? '')) ?? entry.target
    const hasOwnMac = entry.key !== keys[0] && isAlone(entry.key, row => row.entry.key)
    return { path: port.path, adapter, entry: { ...entry, key: hasOwnMac ? entry.key : own, adapterKey: own } }
  })
}

interface DescribedPort {
  readonly port: PortInfo
  readonly adapter: UsbSerialAdapter | null
  readonly entry: DeviceEntry
  /** Under which it may be known, the most lasting first. */
  readonly keys: readonly string[]
}

/** Linux names up to 32 ports of the main board whether or not there is anything behind them: nobody plugs boards in there. */
function isWorthListing(port: PortInfo): boolean {
  return port.vendorId !== undefined || !/^\/dev\/ttyS\d+$/.test(port.path)
}

function describePort(port: PortInfo, at: string): DescribedPort {
  const target = `serial:${port.path}`
  const usb: UsbPlace = {
    vendorId: parseId(port.vendorId),
    productId: parseId(port.productId),
    serialNumber: port.serialNumber?.trim() ?? null,
    location: port.locationId ?? null,
  }
  const adapter = findAdapter(usb.vendorId, usb.productId)
  const socket = socketKey(usb.location)
  const notes = adapter?.autoReset === 'by-hand' ? [byHand] : []
  const entry = deviceEntry(
    {
      target,
      source: 'serial',
      name: adapter?.name ?? port.manufacturer ?? null,
      identity: identityOf(usb, adapter),
      place: usb.location === null ? port.path : `USB ${usb.location}`,
      present: true,
      lastSeenAt: at,
      ...(socket === null ? {} : { socketKey: socket }),
      ...(notes.length === 0 ? {} : { notes }),
    },
    usb,
  )
  const number = port.interfaceNumber ?? 0
  const placed = socket === null ? target : `${socket}${number === 0 ? '' : `#${String(number)}`}`
  return { port, adapter, entry, keys: [adapterKey(target, usb), placed, target] }
}

function identityOf(usb: UsbPlace, adapter: UsbSerialAdapter | null): DeviceEntry['identity'] {
  const identity = {
    ...(isTellingSerial(usb.serialNumber) ? { usbSerial: usb.serialNumber } : {}),
    ...(adapter?.chip === undefined ? {} : { chip: adapter.chip }),
    ...macOf(usb),
  }
  return Object.keys(identity).length === 0 ? null : identity
}

/** Espressif's own USB gives the chip's MAC as its serial number; a bridge's number is only the bridge's. */
function macOf({ vendorId, serialNumber }: UsbPlace): { mac?: string } {
  const mac = vendorId === 0x303a && serialNumber?.length === 17 ? normalMac(serialNumber) : null
  return mac === null ? {} : { mac }
}

function parseId(text: string | undefined): number | null {
  const value = Number.parseInt(text ?? '', 16)
  return Number.isNaN(value) ? null : value
}

const byHand: LocalText = {
  en: 'This adapter cannot restart the board: set BOOT and press reset by hand when asked to.',
  vi: 'Bộ chuyển đổi này không khởi động lại được bo mạch: hãy tự đặt BOOT và nhấn reset khi được yêu cầu.',
}
