/** Listens for boards on one network interface, over IPv4 and IPv6: asks, hears, counts, and says what is wrong. */
import type { DeviceEntry, DiscoveryChannel } from '../../shared/contract/models.ts'
import { isoWithZone, type Clock } from '../clock.ts'
import type { AnnouncementReader } from './announcement.ts'
import type { FindRoute } from './local-route.ts'
import { MdnsCache, type HeardRecord, type Question } from './mdns-cache.ts'
import { diagnoseInterface } from './mdns-diagnosis.ts'
import { serviceKinds } from './mdns-services.ts'
import type { MdnsSocket, OpenMdnsSocket } from './mdns-socket.ts'
import { startPeriodic } from './periodic.ts'

/** One answer may be lost: asked again soon, then about once a minute. */
const QUERY_PAUSES_MS = [1_000, 2_000, 6_000, 60_000]
const FOLLOW_UP_MS = 250
/** Beyond the rounds: a service that never says all of itself does not make this computer ask after every packet. */
const FOLLOW_UP_TRIES = 5
/** How often the lifetimes of what was heard are looked through. */
const EXPIRY_LOOK_MS = 1_000

export interface InterfaceAddress {
  readonly name: string
  /** Its IPv4 address; null where it has none. */
  readonly address: string | null
  readonly netmask: string | null
  /** What stands behind `%` in its link-local addresses, which are what IPv6 is heard by; null without IPv6. */
  readonly zone: string | null
  /** Whether it has nothing but a link-local address: nobody set it up, so its silence is no news. */
  readonly isUnconfigured?: boolean
  /** Why nothing can be sent to all on it, where the system says so beforehand. */
  readonly refusal?: Error
}

export interface MdnsInterface {
  devices(): DeviceEntry[]
  /** Null for an interface that is not worth a word. */
  channel(): DiscoveryChannel | null
  refresh(): void
  /** IPv6 came to the interface. */
  addZone(zone: string): void
  close(): Promise<void>
}

export interface ListenWorld {
  readonly clock: Clock
  readonly open: OpenMdnsSocket
  readonly readers: readonly AnnouncementReader[]
  readonly findRoute: FindRoute
  /** The address that the interface had before this one; null when it is new or the same. */
  readonly formerAddress: string | null
  /** Whether a packet from this address came in on this interface. */
  readonly isOurs: (referer: string) => boolean
  readonly onChanged: () => void
}

/** One socket: IPv4 and IPv6 have one each. */
interface Leg {
  readonly address: string
  socket: MdnsSocket | null
  fault: Error | null
  refusal: Error | null
}

export function listenOn(place: InterfaceAddress, world: ListenWorld): MdnsInterface {
  return new InterfaceListener(place, world)
}

class InterfaceListener implements MdnsInterface {
  readonly #place: InterfaceAddress
  readonly #world: ListenWorld
  readonly #cache: MdnsCache
  readonly #end = new AbortController()
  readonly #legs: Leg[]
  readonly #rounds: { hurry(): void; stop(): Promise<void> }
  readonly #looks: { stop(): Promise<void> }
  #queriesSent = 0
  #answersHeard = 0
  #packetsHeard = 0
  #lastHeardAt: string | null = null
  #lastError: string | null = null
  #routeVia: string | null = null
  #isFollowingUp = false

  constructor(place: InterfaceAddress, world: ListenWorld) {
    this.#place = place
    this.#world = world
    const { name, address, zone } = place
    this.#cache = new MdnsCache({ name, zone, hasIpv4: address !== null }, world.readers)
    const addresses = [...(address === null ? [] : [address]), ...(zone === null ? [] : [`::%${zone}`])]
    const refusal = place.refusal ?? null
    this.#legs = addresses.map(legAddress => ({ address: legAddress, socket: null, fault: null, refusal }))
    const tell = (fault: unknown): void => {
      this.#lastError = (fault instanceof Error ? fault.message : String(fault)).slice(0, 200)
      world.onChanged()
    }
    this.#rounds = startPeriodic(world.clock, QUERY_PAUSES_MS, () => this.#round(), tell)
    const look = (): void => {
      this.#ask(this.#cache.expiring(world.clock.monotonicMs()))
    }
    this.#looks = startPeriodic(world.clock, [EXPIRY_LOOK_MS], look, tell)
  }

  devices(): DeviceEntry[] {
    return this.#cache.devices(this.#world.clock.monotonicMs())
  }

  channel(): DiscoveryChannel | null {
    const { name, address, isUnconfigured = false } = this.#place
    if (isUnconfigured && this.#answersHeard === 0) return null
    // Boards speak IPv4 as a rule: what is wrong with the first leg is told even where the second works.
    const [leg] = this.#legs
    const isWorking = this.#legs.some(({ fault, refusal }) => fault === null && refusal === null)
    return {
      id: `mdns:${name}:${address ?? 'ipv6'}`,
      source: 'mdns',
      name: interfaceLabel(name),
      state: isWorking ? 'listening' : 'failed',
      queriesSent: this.#queriesSent,
      answersHeard: this.#answersHeard,
      lastHeardAt: this.#lastHeardAt,
      lastError: this.#lastError,
      diagnosis: diagnoseInterface({
        fault: leg?.fault ?? null,
        refusal: leg?.refusal ?? null,
        queriesSent: this.#queriesSent,
        answersHeard: this.#answersHeard,
        packetsHeard: this.#packetsHeard,
        routeVia: this.#routeVia,
        formerAddress: this.#world.formerAddress,
        address: address ?? name,
      }),
    }
  }

  refresh(): void {
    this.#rounds.hurry()
  }

  addZone(zone: string): void {
    const address = `::%${zone}`
    if (this.#legs.some(leg => leg.address === address)) return
    this.#cache.setZone(zone)
    this.#legs.push({ address, socket: null, fault: null, refusal: this.#place.refusal ?? null })
    this.#rounds.hurry()
  }

  async close(): Promise<void> {
    this.#end.abort()
    await Promise.all([this.#rounds.stop(), this.#looks.stop()])
    await Promise.all(this.#legs.flatMap(leg => leg.socket?.close() ?? []))
  }

  async #round(): Promise<void> {
    await Promise.all(this.#legs.map(leg => this.#openOnce(leg)))
    if (this.#end.signal.aborted) return
    this.#ask([...serviceKinds.map(kind => question(kind.type)), ...this.#cache.missing(Infinity)])
    await this.#lookForRoute()
  }

  async #openOnce(leg: Leg): Promise<void> {
    // An adapter of which the system says that it refuses is left alone.
    if (leg.socket !== null || this.#place.refusal !== undefined) return
    try {
      leg.socket = await this.#world.open(leg.address, {
        onFault: fault => {
          this.#fail(leg, fault)
        },
        onJoined: fault => {
          leg.refusal = fault
          if (fault !== null) this.#lastError = fault.message.slice(0, 200)
          this.#world.onChanged()
        },
        onQuery: () => {
          this.#packetsHeard++
        },
        onRecords: (records, referer) => {
          this.#hear(records, referer)
        },
      })
    } catch (error) {
      this.#fail(leg, error instanceof Error ? error : new Error(String(error)))
    }
  }

  #hear(records: readonly HeardRecord[], referer: string): void {
    const { clock, isOurs, onChanged } = this.#world
    this.#packetsHeard++
    if (!isOurs(referer)) return
    const at = isoWithZone(clock.nowMs())
    if (this.#cache.hear({ records, referer, at, nowMs: clock.monotonicMs() }) > 0) {
      this.#answersHeard++
      this.#lastHeardAt = at
    }
    this.#followUp()
    onChanged()
  }

  #followUp(): void {
    if (this.#isFollowingUp) return
    this.#isFollowingUp = true
    this.#world.clock.delay(FOLLOW_UP_MS, this.#end.signal).then(
      () => {
        this.#isFollowingUp = false
        this.#ask(this.#cache.missing(FOLLOW_UP_TRIES))
      },
      () => undefined,
    )
  }

  #ask(questions: readonly Question[]): void {
    if (questions.length === 0) return
    for (const leg of this.#legs) {
      leg.socket?.query(questions, fault => {
        if (fault === null) {
          this.#queriesSent++
          leg.fault = null
        } else this.#fail(leg, fault)
        this.#world.onChanged()
      })
    }
  }

  #fail(leg: Leg, fault: Error): void {
    leg.fault = fault
    this.#lastError = fault.message.slice(0, 200)
    this.#world.onChanged()
  }

  async #lookForRoute(): Promise<void> {
    const { address, netmask } = this.#place
    if (address === null || netmask === null) return
    const routeVia = await this.#world.findRoute({ address, netmask }).catch(() => null)
    if (routeVia === this.#routeVia) return
    this.#routeVia = routeVia
    this.#world.onChanged()
  }
}

function question(type: string): Question {
  return { name: `${type}.local`, type: 'PTR' }
}

/** `Wi-Fi (wlan0)`, as far as the system's name tells what it is. */
export function interfaceLabel(name: string): string {
  if (/^(wl|wi-?fi)/i.test(name)) return `Wi-Fi (${name})`
  return /^(eth|enp|eno|ens|enx)/i.test(name) ? `Ethernet (${name})` : name
}
