/** Boards that announce themselves over mDNS, listened for on every interface as these come and go. */
import { BlockList, isIPv4 } from 'node:net'
import type { DeviceEntry, DiscoveryChannel } from '../../shared/contract/models.ts'
import { isoWithZone, systemClock } from '../clock.ts'
import type { AnnouncementReader } from './announcement.ts'
import type { DeviceSource, DeviceWatch, WatchWorld } from './device-source.ts'
import { failedChannel } from './failed-channel.ts'
import { Fingerprints, type FingerprintWorld } from './fingerprints.ts'
import { isListeningAllowed, listeningIsOff } from './listening.ts'
import { findForeignRoute, type FindRoute } from './local-route.ts'
import { diagnoseGone } from './mdns-diagnosis.ts'
import { interfaceLabel, listenOn, type InterfaceAddress, type MdnsInterface } from './mdns-interface.ts'
import { openMdnsSocket, type OpenMdnsSocket } from './mdns-socket.ts'
import { listInterfaces } from './network-interfaces.ts'
import { startPeriodic, type Periodic } from './periodic.ts'

const INTERFACES_POLL_MS = 3_000
/** How long a network that this computer left is spoken of. */
const GONE_CHANNEL_MS = 10 * 60_000

export interface MdnsSourceOptions {
  readonly interfaces?: () => readonly InterfaceAddress[]
  readonly open?: OpenMdnsSocket
  readonly isAllowed?: () => boolean
  /** What protocols read from announcements; none unless given. */
  readonly readers?: readonly AnnouncementReader[]
  readonly findRoute?: FindRoute
  /** How web servers without a telling announcement are asked what they are; nobody is asked unless given. */
  readonly fingerprints?: FingerprintWorld
}

/** After listening for once: how long boards that are being asked may still take. */
const LAST_ANSWERS_MS = 4_000

export function createMdnsSource(options: MdnsSourceOptions = {}): DeviceSource {
  const isAllowed = options.isAllowed ?? isListeningAllowed
  return {
    id: 'mdns',
    async list({ home, waitMs, signal, onChannels }) {
      if (waitMs === 0 || !isAllowed()) return []
      const watch = new InterfacesWatch({ home, clock: systemClock, onChanged: () => undefined }, options)
      await systemClock.delay(waitMs, signal).catch(() => undefined)
      await watch.settled(AbortSignal.any([signal, AbortSignal.timeout(LAST_ANSWERS_MS)]))
      const devices = watch.devices()
      onChannels?.(watch.channels())
      await watch.close()
      return devices
    },
    watch: world => (isAllowed() ? new InterfacesWatch(world, options) : offWatch()),
  }
}

interface Listening {
  readonly place: InterfaceAddress
  readonly subnet: BlockList | null
  readonly listener: MdnsInterface
}

class InterfacesWatch implements DeviceWatch {
  readonly #world: WatchWorld
  readonly #options: MdnsSourceOptions
  readonly #listening = new Map<string, Listening>()
  readonly #closing = new Set<Promise<void>>()
  /** Networks that this computer was on, by the interface's name. */
  readonly #gone = new Map<string, { channel: DiscoveryChannel; address: string; sinceMs: number }>()
  readonly #fingerprints: Fingerprints | null
  readonly #periodic: Periodic
  #failed: DiscoveryChannel[] = []

  constructor(world: WatchWorld, options: MdnsSourceOptions) {
    this.#world = world
    this.#options = options
    const { fingerprints } = options
    this.#fingerprints =
      fingerprints === undefined ? null : new Fingerprints(fingerprints, world.clock, world.onChanged)
    const look = (): void => {
      this.#follow()
      this.#failed = []
      // What went silent becomes uncertain without any packet.
      world.onChanged()
    }
    this.#periodic = startPeriodic(world.clock, [INTERFACES_POLL_MS], look, fault => {
      this.#failed = [failedChannel('mdns', fault)]
      world.onChanged()
    })
  }

  devices(): DeviceEntry[] {
    const entries = [...this.#listening.values()].flatMap(({ listener }) => listener.devices())
    return this.#fingerprints?.apply(entries) ?? entries
  }

  /** Resolves when every board that is being asked what it is has answered. */
  async settled(signal: AbortSignal): Promise<void> {
    // Listing alone finds out who is to be asked.
    this.devices()
    await this.#fingerprints?.settled(signal)
  }

  channels(): DiscoveryChannel[] {
    const present = [...this.#listening.values()].flatMap(({ listener }) => listener.channel() ?? [])
    return [...present, ...[...this.#gone.values()].map(({ channel }) => channel), ...this.#failed]
  }

  refresh(): void {
    this.#periodic.hurry()
    for (const { listener } of this.#listening.values()) listener.refresh()
  }

  async close(): Promise<void> {
    await Promise.all([this.#periodic.stop(), this.#fingerprints?.close()])
    const listeners = [...this.#listening.values()].map(({ listener }) => listener.close())
    await Promise.allSettled([...listeners, ...this.#closing])
  }

  #follow(): void {
    const { interfaces = listInterfaces } = this.#options
    const present = new Map(interfaces().map(place => [idOf(place), place]))
    for (const [id, listening] of this.#listening) {
      if (!present.has(id)) this.#leave(id, listening)
    }
    for (const [id, place] of present) {
      const listening = this.#listening.get(id)
      if (listening === undefined) this.#enter(id, place)
      else if (listening.place.zone !== place.zone && place.zone !== null) {
        listening.listener.addZone(place.zone)
        this.#listening.set(id, { ...listening, place })
      }
    }
    for (const [name, { sinceMs }] of this.#gone) {
      if (this.#world.clock.monotonicMs() - sinceMs >= GONE_CHANNEL_MS) this.#gone.delete(name)
    }
  }

  #enter(id: string, place: InterfaceAddress): void {
    const { open = openMdnsSocket, readers = [], findRoute = findForeignRoute } = this.#options
    const { clock, onChanged } = this.#world
    const former = this.#gone.get(place.name)?.address ?? null
    this.#gone.delete(place.name)
    const listener = listenOn(place, {
      clock,
      open,
      readers,
      findRoute,
      formerAddress: former === place.address ? null : former,
      isOurs: referer => this.#isOurs(id, referer),
      onChanged,
    })
    this.#listening.set(id, { place, subnet: subnetOf(place), listener })
  }

  #leave(id: string, { place, listener }: Listening): void {
    this.#listening.delete(id)
    const channel = listener.channel()
    const { clock } = this.#world
    // Adapters come and go; only one on which boards were heard is missed.
    if (channel !== null && channel.answersHeard > 0 && place.address !== null) {
      const diagnosis = diagnoseGone(place.address, isoWithZone(clock.nowMs()))
      const goneChannel: DiscoveryChannel = { ...channel, name: interfaceLabel(place.name), state: 'failed', diagnosis }
      this.#gone.set(place.name, { channel: goneChannel, address: place.address, sinceMs: clock.monotonicMs() })
    }
    const closed = listener.close().finally(() => this.#closing.delete(closed))
    this.#closing.add(closed)
  }

  /** On Linux every socket hears what comes in on any interface: the sender's network, or its zone, tells whose it is. */
  #isOurs(id: string, referer: string): boolean {
    const zone = /%(.+)$/.exec(referer)?.[1]
    const owners = [...this.#listening].filter(([, { place, subnet }]) =>
      zone === undefined ? isIPv4(referer) && subnet?.check(referer) === true : place.zone === zone,
    )
    return owners.length === 0 || owners.some(([other]) => other === id)
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

/** An interface whose address changed is another one; IPv6 comes to one a moment after IPv4, and may stay away. */
function idOf({ name, address, zone, refusal }: InterfaceAddress): string {
  return [name, address ?? zone ?? '', refusal === undefined ? '' : 'refuses'].join(' ')
}

function subnetOf({ address, netmask }: InterfaceAddress): BlockList | null {
  if (address === null || netmask === null) return null
  const subnet = new BlockList()
  const prefix = netmask
    .split('.')
    .reduce((bits, part) => bits + Number(part).toString(2).replaceAll('0', '').length, 0)
  subnet.addSubnet(address, prefix, 'ipv4')
  return subnet
}
