/** Remembers what was heard over mDNS on one interface, record by record with its lifetime, and makes boards of it. */
import { isIPv6 } from 'node:net'
import type { DeviceEntry } from '../../shared/contract/models.ts'
import type { AnnouncementReader } from './announcement.ts'
import { deviceEntry } from './device-key.ts'
import { readAnnouncements, serviceTypes } from './mdns-services.ts'

/** More than a bench has; a noisy or hostile network does not fill the memory. */
const MAX_SERVICES = 1_000
const MAX_HOSTS = 1_000
const MAX_ADDRESSES = 16
/** Three rounds of queries without an answer: only asking the board itself would tell. */
export const SILENT_MS = 190_000
const FORGOTTEN_MS = 10 * 60_000
const GONE_MS = 60_000
/** Shares of a record's lifetime after which it is asked for again (RFC 6762, 5.2). */
const REFRESH_SHARES = [0.8, 0.85, 0.9, 0.95]
/** Questions in one packet, so that it fits one frame. */
const MAX_QUESTIONS = 40

export interface HeardRecord {
  readonly name: string
  readonly type: 'PTR' | 'SRV' | 'TXT' | 'A' | 'AAAA'
  readonly ttlSeconds: number
  /** Of a PTR the instance, of an A or AAAA the address, of a SRV the host. */
  readonly value: string
  readonly port: number
  readonly txt: ReadonlyMap<string, string>
}

export interface Question {
  readonly name: string
  readonly type: 'PTR' | 'SRV' | 'TXT' | 'A' | 'AAAA'
}

/** One packet of answers. */
export interface Heard {
  readonly records: readonly HeardRecord[]
  /** Where it came from, with the zone of a link-local address. */
  readonly referer: string
  /** ISO 8601 with zone. */
  readonly at: string
  readonly nowMs: number
}

/** What the interface is, for addresses that mean something only there. */
export interface CachePlace {
  readonly name: string
  /** What stands behind `%` in link-local addresses; null where the interface has no IPv6. */
  readonly zone: string | null
  readonly hasIpv4: boolean
}

/** How long one record holds, and how often it was asked for again since it came. */
interface Life {
  heardMs: number
  ttlMs: number
  asked: number
}

interface HostAddress extends Life {
  readonly address: string
  isReferer: boolean
}

interface Service {
  readonly fqdn: string
  readonly type: string
  readonly instance: string
  pointer: Life | null
  server: (Life & { readonly host: string; readonly port: number }) | null
  txt: (Life & { readonly values: ReadonlyMap<string, string> }) | null
  referer: string
  heardAt: string
  heardMs: number
  goneMs: number | null
  /** How often what is missing of it was asked for. */
  tries: number
}

export class MdnsCache {
  #place: CachePlace
  readonly #readers: readonly AnnouncementReader[]
  readonly #services = new Map<string, Service>()
  readonly #hosts = new Map<string, HostAddress[]>()

  constructor(place: CachePlace, readers: readonly AnnouncementReader[]) {
    this.#place = place
    this.#readers = readers
  }

  setZone(zone: string): void {
    this.#place = { ...this.#place, zone }
  }

  /**
   * Takes the records of one packet; a board may spread what it says over several, in any order.
   * @returns how many records of our services were in it
   */
  hear(heard: Heard): number {
    let count = 0
    for (const record of heard.records) {
      if (record.type === 'A' || record.type === 'AAAA') this.#hearAddress(record, heard)
      else if (this.#hearService(record, heard)) count++
    }
    return count
  }

  /**
   * What is announced but was not told yet: some responders leave it to the asker, and some never say it.
   * @param maximumTries services that were asked for this often are left out
   */
  missing(maximumTries: number): Question[] {
    const questions: Question[] = []
    for (const service of this.#services.values()) {
      const { fqdn, server, txt, referer, goneMs, tries } = service
      if (goneMs !== null || tries >= maximumTries) continue
      const wanted: Question[] = []
      if (server === null) wanted.push({ name: fqdn, type: 'SRV' })
      if (txt === null) wanted.push({ name: fqdn, type: 'TXT' })
      if (server !== null && this.#isAddressInQuestion(server.host, referer)) {
        wanted.push(...this.#addressQuestions(server.host))
      }
      if (wanted.length > 0) service.tries++
      questions.push(...wanted)
    }
    return unique(questions)
  }

  /** Records whose lifetime runs out soon: each is asked for at 80, 85, 90 and 95 % of it. */
  expiring(nowMs: number): Question[] {
    const questions: Question[] = []
    const add = (life: Life | null, question: Question): void => {
      if (life !== null && isDue(life, nowMs)) questions.push(question)
    }
    for (const { fqdn, type, pointer, server, txt, goneMs } of this.#services.values()) {
      if (goneMs !== null) continue
      add(pointer, { name: `${type}.local`, type: 'PTR' })
      add(server, { name: fqdn, type: 'SRV' })
      add(txt, { name: fqdn, type: 'TXT' })
    }
    const wanted = new Set([...this.#services.values()].map(({ server }) => server?.host))
    for (const [host, addresses] of this.#hosts) {
      if (!wanted.has(host)) continue
      for (const address of addresses) {
        add(address, { name: host, type: isIPv6(address.address) ? 'AAAA' : 'A' })
      }
    }
    return unique(questions)
  }

  /**
   * Boards, one a host name. What said goodbye is away; what went silent, or let its records run out, is uncertain: a
   * lifetime promises nothing. Both go after a while.
   */
  devices(nowMs: number): DeviceEntry[] {
    this.#forget(nowMs)
    const byHost = new Map<string, Service[]>()
    for (const service of this.#services.values()) {
      if (service.server === null) continue
      byHost.set(service.server.host, [...(byHost.get(service.server.host) ?? []), service])
    }
    return [...byHost].map(([host, services]) => this.#deviceOf(host, services, nowMs))
  }

  #deviceOf(host: string, services: readonly Service[], nowMs: number): DeviceEntry {
    const newest = services.reduce((left, right) => (right.heardMs > left.heardMs ? right : left))
    const present = services.filter(({ goneMs }) => goneMs === null)
    const announced = readAnnouncements(
      (present.length === 0 ? services : present).map(({ type, instance, server, txt }) => ({
        type,
        instance,
        port: server?.port ?? 0,
        txt: txt?.values ?? new Map<string, string>(),
      })),
      this.#addressOf(host, nowMs) ?? newest.referer,
      this.#readers,
    )
    const isHeard = present.some(
      ({ heardMs, pointer }) => nowMs - heardMs < Math.min(SILENT_MS, pointer?.ttlMs ?? SILENT_MS),
    )
    return deviceEntry({
      ...announced,
      source: 'mdns',
      place: this.#place.name,
      lastSeenAt: newest.heardAt,
      present: present.length === 0 ? false : isHeard ? true : null,
    })
  }

  #hearService(record: HeardRecord, heard: Heard): boolean {
    const { ttlSeconds } = record
    const service = this.#serviceOf(record.type === 'PTR' ? record.value : record.name, record, heard)
    if (service === null) return false
    const { referer, at, nowMs } = heard
    if (ttlSeconds === 0) {
      // A goodbye. What the board said of itself stays for as long as its row.
      if (record.type !== 'TXT') service.goneMs ??= nowMs
      return true
    }
    const life = { heardMs: nowMs, ttlMs: ttlSeconds * 1000, asked: 0 }
    if (record.type === 'PTR') service.pointer = life
    else if (record.type === 'SRV') service.server = { ...life, host: record.value.toLowerCase(), port: record.port }
    else service.txt = { ...life, values: record.txt }
    Object.assign(service, { referer, heardAt: at, heardMs: nowMs, goneMs: null })
    return true
  }

  /** The service that an instance's full name means; made when it is new, one of ours, and not a goodbye. */
  #serviceOf(fqdn: string, record: HeardRecord, heard: Heard): Service | null {
    const known = this.#services.get(fqdn.toLowerCase())
    if (known !== undefined) return known
    // Names may hold dots: the known end is cut off, whatever stands before it.
    const [suffix, type] = /\._[^.]+\._(?:tcp|udp)\.local\.?$/i.exec(fqdn)?.[0].match(/^\.(.+)\.local\.?$/i) ?? []
    if (suffix === undefined || type === undefined || !serviceTypes.has(type.toLowerCase())) return null
    if (record.type === 'PTR' && record.name.toLowerCase().replace(/\.$/, '') !== `${type.toLowerCase()}.local`) {
      return null
    }
    if (record.ttlSeconds === 0 || this.#services.size >= MAX_SERVICES) return null
    const service: Service = {
      fqdn,
      type: type.toLowerCase(),
      instance: fqdn.slice(0, -suffix.length),
      pointer: null,
      server: null,
      txt: null,
      referer: heard.referer,
      heardAt: heard.at,
      heardMs: heard.nowMs,
      goneMs: null,
      tries: 0,
    }
    this.#services.set(fqdn.toLowerCase(), service)
    return service
  }

  #hearAddress({ name, value, ttlSeconds }: HeardRecord, { referer, nowMs }: Heard): void {
    const host = name.toLowerCase()
    const known = this.#hosts.get(host) ?? []
    const others = known.filter(({ address }) => address !== value)
    if (ttlSeconds === 0) {
      this.#hosts.set(host, others)
      return
    }
    if (!this.#hosts.has(host) && this.#hosts.size >= MAX_HOSTS) return
    const isReferer = withoutZone(referer) === value
    const held = { address: value, heardMs: nowMs, ttlMs: ttlSeconds * 1000, asked: 0, isReferer }
    this.#hosts.set(host, [held, ...others].slice(0, MAX_ADDRESSES))
  }

  /** The newest address that holds, IPv4 where this computer has it; of several in one packet the one it came from. */
  #addressOf(host: string, nowMs: number): string | null {
    const held = (this.#hosts.get(host) ?? []).filter(({ heardMs, ttlMs }) => nowMs - heardMs < ttlMs)
    const familyRank = (address: string): number => {
      if (!isIPv6(address)) return this.#place.hasIpv4 ? 0 : 3
      return isLinkLocal(address) ? 2 : 1
    }
    const [best] = held.toSorted(
      (left, right) =>
        familyRank(left.address) - familyRank(right.address) ||
        right.heardMs - left.heardMs ||
        Number(right.isReferer) - Number(left.isReferer),
    )
    if (best === undefined) return null
    const { zone } = this.#place
    return isLinkLocal(best.address) && zone !== null ? `${best.address}%${zone}` : best.address
  }

  /** Never told, or told otherwise than where its newest packet came from: it may have moved. */
  #isAddressInQuestion(host: string, referer: string): boolean {
    const known = this.#hosts.get(host) ?? []
    const sameFamily = known.filter(({ address }) => isIPv6(address) === isIPv6(withoutZone(referer)))
    return (
      known.length === 0 || (sameFamily.length > 0 && !sameFamily.some(one => one.address === withoutZone(referer)))
    )
  }

  #addressQuestions(name: string): Question[] {
    const { zone, hasIpv4 } = this.#place
    return [
      ...(hasIpv4 ? [{ name, type: 'A' } as const] : []),
      ...(zone === null ? [] : [{ name, type: 'AAAA' } as const]),
    ]
  }

  #forget(nowMs: number): void {
    for (const [key, { goneMs, heardMs }] of this.#services) {
      const isForgotten = goneMs === null ? nowMs - heardMs >= FORGOTTEN_MS : nowMs - goneMs >= GONE_MS
      if (isForgotten) this.#services.delete(key)
    }
    for (const [host, addresses] of this.#hosts) {
      const held = addresses.filter(({ heardMs }) => nowMs - heardMs < FORGOTTEN_MS)
      if (held.length === 0) this.#hosts.delete(host)
      else if (held.length < addresses.length) this.#hosts.set(host, held)
    }
  }
}

/** Whether one more share of the lifetime has passed; counts it. */
function isDue(life: Life, nowMs: number): boolean {
  const passed = REFRESH_SHARES.filter(share => nowMs - life.heardMs >= life.ttlMs * share).length
  if (passed <= life.asked) return false
  life.asked = passed
  return true
}

function unique(questions: readonly Question[]): Question[] {
  const byText = new Map(questions.map(question => [`${question.type} ${question.name}`, question]))
  return [...byText.values()].slice(0, MAX_QUESTIONS)
}

function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address) && isIPv6(address)
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/, '')
}
