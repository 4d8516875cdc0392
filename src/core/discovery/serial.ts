/** Serial ports of this computer, looked through once a second. It lists them; it never opens one. */
import type { DeviceEntry, DiscoveryChannel } from '../../shared/contract/models.ts'
import type { LocalText } from '../../shared/messages/index.ts'
import { isoWithZone, systemClock, type Clock } from '../clock.ts'
import { deviceEntry } from './device-key.ts'
import type { DeviceSource, DeviceWatch, WatchWorld } from './device-source.ts'
import { isListeningAllowed, listeningIsOff } from './listening.ts'
import { startPeriodic } from './periodic.ts'
import { findAdapter } from './usb-serial-adapters.ts'

const POLL_MS = 1_000
/** A board that restarts leaves the bus for a moment: its row stays that long, marked as away. */
const REENUMERATION_MS = 10_000

/** What the system tells of one port. */
export interface PortInfo {
  readonly path: string
  readonly manufacturer?: string | undefined
  readonly serialNumber?: string | undefined
  readonly pnpId?: string | undefined
  readonly locationId?: string | undefined
  readonly vendorId?: string | undefined
  readonly productId?: string | undefined
}

export interface SerialSourceOptions {
  readonly listPorts?: () => Promise<readonly PortInfo[]>
  readonly isAllowed?: () => boolean
}

/** Loaded when first needed: the binding is native, and a computer without it must still do everything else. */
async function listSystemPorts(): Promise<readonly PortInfo[]> {
  const { SerialPort } = await import('serialport')
  return await SerialPort.list()
}

export function createSerialSource(options: SerialSourceOptions = {}): DeviceSource {
  const listPorts = options.listPorts ?? listSystemPorts
  const isAllowed = options.isAllowed ?? isListeningAllowed
  return {
    id: 'serial',
    async list() {
      if (!isAllowed()) return []
      return entriesOf(await listPorts(), systemClock)
    },
    watch: world => (isAllowed() ? watchPorts(world, listPorts) : offWatch()),
  }
}

function watchPorts(world: WatchWorld, listPorts: () => Promise<readonly PortInfo[]>): DeviceWatch {
  const { clock, onChanged } = world
  const known = new Map<string, { entry: DeviceEntry; awaySinceMs: number | null }>()
  let channel: DiscoveryChannel = { ...idle, state: 'listening' }
  let lastPaths = ''
  // It tells its own faults.
  const look = async (): Promise<void> => {
    try {
      const present = new Map(entriesOf(await listPorts(), clock).map(entry => [entry.key, entry]))
      for (const [key, { entry, awaySinceMs }] of known) {
        if (present.has(key)) continue
        const sinceMs = awaySinceMs ?? clock.monotonicMs()
        const isAtNewPath = [...present.values()].some(other => other.target === entry.target)
        if (isAtNewPath || clock.monotonicMs() - sinceMs >= REENUMERATION_MS) known.delete(key)
        else known.set(key, { entry: { ...entry, present: false }, awaySinceMs: sinceMs })
      }
      for (const [key, entry] of present) known.set(key, { entry, awaySinceMs: null })
      const paths = [...present.values()].map(entry => entry.target).join('\n')
      const at = paths === lastPaths ? channel.lastHeardAt : isoWithZone(clock.nowMs())
      lastPaths = paths
      // Nothing is sent to a port, so no queries are counted; the answers are the ports that there are.
      channel = { ...channel, state: 'listening', answersHeard: present.size, lastHeardAt: at, diagnosis: null }
    } catch (error) {
      channel = { ...channel, state: 'failed', diagnosis: diagnose(error) }
    }
    onChanged()
  }
  const periodic = startPeriodic(clock, [POLL_MS], look, () => undefined)
  return {
    devices: () => [...known.values()].map(({ entry }) => entry),
    channels: () => [channel],
    refresh: () => {
      periodic.hurry()
    },
    close: () => periodic.stop(),
  }
}

const idle: DiscoveryChannel = {
  id: 'serial',
  source: 'serial',
  name: 'Serial ports',
  state: 'off',
  queriesSent: 0,
  answersHeard: 0,
  lastHeardAt: null,
  diagnosis: null,
}

function offWatch(): DeviceWatch {
  return {
    devices: () => [],
    channels: () => [{ ...idle, diagnosis: listeningIsOff }],
    refresh: () => undefined,
    close: () => Promise.resolve(),
  }
}

function entriesOf(ports: readonly PortInfo[], clock: Clock): DeviceEntry[] {
  const entries = ports.filter(isWorthListing).map(port => entryOf(port, isoWithZone(clock.nowMs())))
  const keys = entries.map(entry => entry.key)
  // Two pieces with one serial number, or two ports of one adapter: each is known by its port then.
  return entries.map(entry =>
    keys.indexOf(entry.key) === keys.lastIndexOf(entry.key) ? entry : { ...entry, key: entry.target },
  )
}

/** Linux names up to 32 ports of the main board whether or not there is anything behind them: nobody plugs boards in there. */
function isWorthListing(port: PortInfo): boolean {
  return port.vendorId !== undefined || !/^\/dev\/ttyS\d+$/.test(port.path)
}

function entryOf(port: PortInfo, at: string): DeviceEntry {
  const vendorId = parseId(port.vendorId)
  const productId = parseId(port.productId)
  const adapter = findAdapter(vendorId, productId)
  const serialNumber = port.serialNumber ?? null
  const location = port.locationId ?? null
  const identity = {
    ...(serialNumber === null ? {} : { usbSerial: serialNumber }),
    ...(adapter?.chip === undefined ? {} : { chip: adapter.chip }),
    ...macOf(vendorId, serialNumber),
  }
  return deviceEntry(
    {
      target: `serial:${port.path}`,
      source: 'serial',
      name: adapter?.name ?? port.manufacturer ?? null,
      identity: Object.keys(identity).length === 0 ? null : identity,
      place: location === null ? port.path : `USB ${location}`,
      present: true,
      lastSeenAt: at,
    },
    { vendorId, productId, serialNumber, location },
  )
}

/** Espressif's own USB gives the chip's MAC as its serial number; a bridge's number is only the bridge's. */
function macOf(vendorId: number | null, serialNumber: string | null): { mac?: string } {
  const isMac = vendorId === 0x303a && serialNumber !== null && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(serialNumber)
  return isMac ? { mac: serialNumber.toLowerCase() } : {}
}

function parseId(text: string | undefined): number | null {
  const value = Number.parseInt(text ?? '', 16)
  return Number.isNaN(value) ? null : value
}

/** The fault as the next step of whoever sits at this computer. */
export function diagnose(error: unknown): LocalText {
  const text = error instanceof Error ? error.message : String(error)
  if (text.includes('udevadm')) {
    return {
      en: 'Serial ports cannot be listed: the program udevadm is missing. Install the package udev.',
      vi: 'Không liệt kê được cổng nối tiếp: thiếu chương trình udevadm. Hãy cài gói udev.',
    }
  }
  if (/Cannot find (module|package)|native build|\.node\b|ERR_DLOPEN/i.test(text)) {
    return {
      en: `Serial ports cannot be listed: the serial driver of Flashproof did not load. Install Flashproof again. (${text.slice(0, 200)})`,
      vi: `Không liệt kê được cổng nối tiếp: trình điều khiển nối tiếp của Flashproof không nạp được. Hãy cài lại Flashproof. (${text.slice(0, 200)})`,
    }
  }
  return {
    en: `Serial ports cannot be listed: ${text.slice(0, 200)}`,
    vi: `Không liệt kê được cổng nối tiếp: ${text.slice(0, 200)}`,
  }
}
