/** Serial ports of this computer, looked through once a second and whenever one comes or goes. It never opens one. */
import type { DeviceEntry, DiscoveryChannel } from '../../shared/contract/models.ts'
import type { LocalText } from '../../shared/messages/index.ts'
import { isoWithZone, systemClock, type Clock } from '../clock.ts'
import { deviceKey } from './device-key.ts'
import type { DeviceSource, DeviceWatch, WatchWorld } from './device-source.ts'
import { isListeningAllowed, listeningIsOff } from './listening.ts'
import { startPeriodic } from './periodic.ts'
import { watchPortFolder } from './port-folder.ts'
import { PortHindrances } from './port-hindrances.ts'
import { serialRows, type SerialRow } from './serial-entries.ts'
import { SerialRows } from './serial-rows.ts'
import { listSystemPorts, type PortInfo } from './system-ports.ts'

const POLL_MS = 1_000

/** What is in the way of one port. */
type Hindrances = Pick<PortHindrances, 'of'>

export interface SerialSourceOptions {
  readonly listPorts?: () => Promise<readonly PortInfo[]>
  readonly isAllowed?: () => boolean
  readonly hindrances?: Hindrances
  /** Calls back when a port may have come or gone; returns what ends that. */
  readonly watchFolder?: (onChanged: () => void) => () => void
}

export function createSerialSource(options: SerialSourceOptions = {}): DeviceSource {
  const listPorts = options.listPorts ?? listSystemPorts
  const isAllowed = options.isAllowed ?? isListeningAllowed
  const hindrancesFor = (clock: Clock): Hindrances =>
    options.hindrances ?? new PortHindrances({ clock, platform: process.platform, root: '/' })
  return {
    id: 'serial',
    async list() {
      if (!isAllowed()) return []
      return await entriesOf(await listPorts(), systemClock, hindrancesFor(systemClock))
    },
    watch(world) {
      if (!isAllowed()) return offWatch()
      return watchPorts(world, listPorts, hindrancesFor(world.clock), options.watchFolder ?? watchPortFolder)
    },
  }
}

function watchPorts(
  world: WatchWorld,
  listPorts: () => Promise<readonly PortInfo[]>,
  hindrances: Hindrances,
  watchFolder: (onChanged: () => void) => () => void,
): DeviceWatch {
  const { clock, onChanged } = world
  const rows = new SerialRows()
  const learned = new Map<string, DeviceEntry>()
  let channel: DiscoveryChannel = { ...idle, state: 'listening' }
  let lastPaths = ''
  // It tells its own faults.
  const look = async (): Promise<void> => {
    try {
      const present = await entriesOf(await listPorts(), clock, hindrances)
      forgetAbsent(learned, present)
      rows.take(
        present.map(entry => withLearned(entry, learned)),
        clock.monotonicMs(),
      )
      const paths = present.map(entry => entry.target).join('\n')
      const at = paths === lastPaths ? channel.lastHeardAt : isoWithZone(clock.nowMs())
      lastPaths = paths
      // Nothing is sent to a port, so no queries are counted; the answers are the ports that there are.
      channel = { ...channel, state: 'listening', answersHeard: present.length, lastHeardAt: at, diagnosis: null }
    } catch (error) {
      channel = { ...channel, state: 'failed', diagnosis: diagnose(error) }
    }
    onChanged()
  }
  const periodic = startPeriodic(clock, [POLL_MS], look, () => undefined)
  const unwatch = watchFolder(() => {
    periodic.hurry()
  })
  return {
    devices: () => rows.entries(),
    channels: () => [channel],
    refresh: () => {
      periodic.hurry()
    },
    learn: entry => {
      if (entry.adapterKey === undefined) return
      learned.set(entry.adapterKey, entry)
      periodic.hurry()
    },
    close: async () => {
      unwatch()
      await periodic.stop()
    },
  }
}

/** A board behind a bridge is known only as long as nobody can have plugged in another one. */
function forgetAbsent(learned: Map<string, DeviceEntry>, present: readonly DeviceEntry[]): void {
  for (const key of learned.keys()) if (!present.some(entry => entry.adapterKey === key)) learned.delete(key)
}

function withLearned(entry: DeviceEntry, learned: ReadonlyMap<string, DeviceEntry>): DeviceEntry {
  const said = learned.get(entry.adapterKey ?? '')
  if (said === undefined) return entry
  const identity = { ...said.identity, ...entry.identity }
  const { appName, appVersion, protocols } = said
  const key = identity.mac === undefined ? entry.key : deviceKey(entry.target, identity)
  return { ...entry, key, identity, appName, appVersion, protocols }
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

async function entriesOf(ports: readonly PortInfo[], clock: Clock, hindrances: Hindrances): Promise<DeviceEntry[]> {
  const rows = serialRows(ports, isoWithZone(clock.nowMs()))
  return await Promise.all(rows.map(row => withHindrances(row, hindrances)))
}

async function withHindrances({ path, adapter, entry }: SerialRow, hindrances: Hindrances): Promise<DeviceEntry> {
  const notes = [...(await hindrances.of(path, adapter)), ...(entry.notes ?? [])]
  return notes.length === 0 ? entry : { ...entry, notes }
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
