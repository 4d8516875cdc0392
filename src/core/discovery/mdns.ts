/** Boards that announce themselves over mDNS, listened for on every IPv4 interface as these come and go. */
import { BlockList } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { DiscoveryChannel } from '../../shared/contract/models.ts'
import { systemClock } from '../clock.ts'
import type { DeviceSource, DeviceWatch, WatchWorld } from './device-source.ts'
import { isListeningAllowed, listeningIsOff } from './listening.ts'
import { listenOn, type InterfaceAddress, type MdnsInterface } from './mdns-interface.ts'
import { openMdnsSocket, type OpenMdnsSocket } from './mdns-socket.ts'
import { startPeriodic } from './periodic.ts'

const INTERFACES_POLL_MS = 3_000

export interface MdnsSourceOptions {
  readonly interfaces?: () => readonly InterfaceAddress[]
  readonly open?: OpenMdnsSocket
  readonly isAllowed?: () => boolean
}

export function createMdnsSource(options: MdnsSourceOptions = {}): DeviceSource {
  const isAllowed = options.isAllowed ?? isListeningAllowed
  return {
    id: 'mdns',
    async list({ home, waitMs, signal }) {
      if (waitMs === 0 || !isAllowed()) return []
      const watch = watchInterfaces({ home, clock: systemClock, onChanged: () => undefined }, options)
      await systemClock.delay(waitMs, signal).catch(() => undefined)
      const devices = watch.devices()
      await watch.close()
      return devices
    },
    watch: world => (isAllowed() ? watchInterfaces(world, options) : offWatch()),
  }
}

function watchInterfaces(world: WatchWorld, options: MdnsSourceOptions): DeviceWatch {
  const { clock, onChanged } = world
  const { interfaces = ipv4Interfaces, open = openMdnsSocket } = options
  const listening = new Map<string, { subnet: BlockList; listener: MdnsInterface }>()
  const closing = new Set<Promise<void>>()

  // On Linux every socket hears what comes in on any interface: the sender's network tells whose it is.
  const isOurs = (id: string, referer: string): boolean => {
    const owners = [...listening].filter(([, { subnet }]) => subnet.check(referer))
    return owners.length === 0 || owners.some(([other]) => other === id)
  }
  const follow = (): void => {
    const present = new Map(interfaces().map(entry => [`${entry.name} ${entry.address}`, entry]))
    let hasChanged = false
    for (const [id, { listener }] of listening) {
      if (present.has(id)) continue
      listening.delete(id)
      const closed = listener.close().finally(() => closing.delete(closed))
      closing.add(closed)
      hasChanged = true
    }
    for (const [id, entry] of present) {
      if (listening.has(id)) continue
      const listener = listenOn(entry, { clock, open, isOurs: referer => isOurs(id, referer), onChanged })
      listening.set(id, { subnet: subnetOf(entry), listener })
      hasChanged = true
    }
    if (hasChanged) onChanged()
  }
  const periodic = startPeriodic(clock, [INTERFACES_POLL_MS], () => {
    follow()
    // What went silent becomes uncertain without any packet.
    onChanged()
  })
  return {
    devices: () => [...listening.values()].flatMap(({ listener }) => listener.devices()),
    channels: () => [...listening.values()].map(({ listener }) => listener.channel()),
    refresh: () => {
      periodic.hurry()
      for (const { listener } of listening.values()) listener.refresh()
    },
    close: async () => {
      await periodic.stop()
      await Promise.allSettled([...[...listening.values()].map(({ listener }) => listener.close()), ...closing])
    },
  }
}

function offWatch(): DeviceWatch {
  const channel: DiscoveryChannel = {
    id: 'mdns',
    source: 'mdns',
    name: 'mDNS',
    state: 'off',
    queriesSent: 0,
    answersHeard: 0,
    lastHeardAt: null,
    diagnosis: listeningIsOff,
  }
  return {
    devices: () => [],
    channels: () => [channel],
    refresh: () => undefined,
    close: () => Promise.resolve(),
  }
}

function subnetOf({ address, netmask }: InterfaceAddress): BlockList {
  const subnet = new BlockList()
  const prefix = netmask
    .split('.')
    .reduce((bits, part) => bits + Number(part).toString(2).replaceAll('0', '').length, 0)
  subnet.addSubnet(address, prefix, 'ipv4')
  return subnet
}

/** Without the computer's own loop, and without links to a single other end, on which no board can be. */
export function ipv4Interfaces(): InterfaceAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) => {
    const first = addresses?.find(
      ({ family, internal, netmask }) => family === 'IPv4' && !internal && netmask !== '255.255.255.255',
    )
    return first === undefined ? [] : [{ name, address: first.address, netmask: first.netmask }]
  })
}
