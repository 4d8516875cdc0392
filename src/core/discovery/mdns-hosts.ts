/** The addresses of hosts that were heard over mDNS on one interface, and which of them is used. */
import { isIPv6 } from 'node:net'
import type { Heard, HeardRecord, Question } from './mdns-cache.ts'
import { isAlive, isRefreshDue, type RecordLife } from './record-life.ts'

const MAX_HOSTS = 1_000
const MAX_ADDRESSES = 16

/** What the interface is, for addresses that mean something only there. */
export interface CachePlace {
  readonly name: string
  /** What stands behind `%` in link-local addresses; null where the interface has no IPv6. */
  readonly zone: string | null
  readonly hasIpv4: boolean
}

interface HostAddress extends RecordLife {
  readonly address: string
  /** Whether the packet came from this address. */
  readonly isReferer: boolean
}

export class MdnsHosts {
  readonly #addresses = new Map<string, HostAddress[]>()

  hear({ name, value, ttlSeconds }: HeardRecord, { referer, nowMs }: Heard): void {
    const host = name.toLowerCase()
    const others = this.#of(host).filter(({ address }) => address !== value)
    if (ttlSeconds === 0) {
      this.#addresses.set(host, others)
      return
    }
    if (!this.#addresses.has(host) && this.#addresses.size >= MAX_HOSTS) return
    const isReferer = withoutZone(referer) === value
    const held = { address: value, heardMs: nowMs, ttlMs: ttlSeconds * 1000, asked: 0, isReferer }
    this.#addresses.set(host, [held, ...others].slice(0, MAX_ADDRESSES))
  }

  /**
   * The newest address that holds, IPv4 where this computer has it; of several in one packet the one it came from.
   * @returns a link-local one with its zone; null where none holds
   */
  addressOf(host: string, place: CachePlace, nowMs: number): string | null {
    const familyRank = (address: string): number => {
      if (!isIPv6(address)) return place.hasIpv4 ? 0 : 3
      return isLinkLocal(address) ? 2 : 1
    }
    const [best] = this.#of(host)
      .filter(held => isAlive(held, nowMs))
      .toSorted(
        (left, right) =>
          familyRank(left.address) - familyRank(right.address) ||
          right.heardMs - left.heardMs ||
          Number(right.isReferer) - Number(left.isReferer),
      )
    if (best === undefined) return null
    return isLinkLocal(best.address) && place.zone !== null ? `${best.address}%${place.zone}` : best.address
  }

  /** What to ask where a host never told its address, or told another than its newest packet came from: it may have moved. */
  questions(host: string, referer: string, { zone, hasIpv4 }: CachePlace): Question[] {
    const sender = withoutZone(referer)
    const known = this.#of(host)
    const sameFamily = known.filter(({ address }) => isIPv6(address) === isIPv6(sender))
    const hasMoved = sameFamily.length > 0 && !sameFamily.some(({ address }) => address === sender)
    if (known.length > 0 && !hasMoved) return []
    return [
      ...(hasIpv4 ? [{ name: host, type: 'A' } as const] : []),
      ...(zone === null ? [] : [{ name: host, type: 'AAAA' } as const]),
    ]
  }

  /** Addresses of these hosts whose lifetime runs out soon. */
  expiring(hosts: ReadonlySet<string>, nowMs: number): Question[] {
    return [...hosts].flatMap(name =>
      this.#of(name)
        .filter(held => isRefreshDue(held, nowMs))
        .map(({ address }): Question => ({ name, type: isIPv6(address) ? 'AAAA' : 'A' })),
    )
  }

  /** Takes out what was heard longer ago than this. */
  forget(olderThanMs: number, nowMs: number): void {
    for (const [host, addresses] of this.#addresses) {
      const held = addresses.filter(({ heardMs }) => nowMs - heardMs < olderThanMs)
      if (held.length === 0) this.#addresses.delete(host)
      else if (held.length < addresses.length) this.#addresses.set(host, held)
    }
  }

  #of(host: string): readonly HostAddress[] {
    return this.#addresses.get(host) ?? []
  }
}

function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address) && isIPv6(address)
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/, '')
}
