/** Remembers what was heard over mDNS on one interface, record by record, and makes boards of it. */
import type { DeviceEntry } from '../../shared/contract/models.ts'
import { deviceEntry } from './device-key.ts'
import { readAnnouncements, serviceKinds, type Announcement } from './mdns-services.ts'

/** More than a bench has; a noisy or hostile network does not fill the memory. */
const MAX_SERVICES = 1_000
/** Three rounds of queries without an answer: only asking the board itself would tell. */
export const SILENT_MS = 190_000
const FORGOTTEN_MS = 10 * 60_000
const GONE_MS = 60_000

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
  readonly type: 'PTR' | 'SRV' | 'TXT' | 'A'
}

interface Service {
  readonly fqdn: string
  readonly type: string
  readonly instance: string
  host: string | null
  port: number
  txt: ReadonlyMap<string, string>
  referer: string
  heardAt: string
  heardMs: number
  goneMs: number | null
}

export class MdnsCache {
  readonly #place: string
  readonly #services = new Map<string, Service>()
  readonly #addresses = new Map<string, string>()

  constructor(place: string) {
    this.#place = place
  }

  /**
   * Takes the records of one packet.
   * @param referer where the packet came from: the address of a board that announces none
   * @returns how many of our services were in it
   */
  hear(records: readonly HeardRecord[], referer: string, at: string, nowMs: number): number {
    let count = 0
    for (const record of records) {
      if (record.type === 'PTR' && this.#hearInstance(record, referer, at, nowMs)) count++
    }
    for (const record of records) {
      const service = this.#services.get(record.name.toLowerCase())
      if (record.type === 'SRV' && service !== undefined && record.ttlSeconds > 0) {
        Object.assign(service, { host: record.value.toLowerCase(), port: record.port, referer })
      } else if (record.type === 'TXT' && service !== undefined && record.ttlSeconds > 0) {
        service.txt = record.txt
      }
    }
    const hosts = new Set([...this.#services.values()].map(({ host }) => host))
    const addresses = records.filter(({ type, ttlSeconds }) => type === 'A' && ttlSeconds > 0)
    for (const { name, value } of addresses) {
      const host = name.toLowerCase()
      if (!hosts.has(host)) continue
      // A board with several addresses is reached on the one that it answered from.
      const isReferer = addresses.some(other => other.name.toLowerCase() === host && other.value === referer)
      this.#addresses.set(host, isReferer ? referer : value)
    }
    return count
  }

  /** What is announced but was not told yet: some responders leave it to the asker. */
  missing(): Question[] {
    const questions: Question[] = []
    for (const { fqdn, host, goneMs } of this.#services.values()) {
      if (goneMs !== null) continue
      if (host === null) questions.push({ name: fqdn, type: 'SRV' }, { name: fqdn, type: 'TXT' })
      else if (!this.#addresses.has(host)) questions.push({ name: host, type: 'A' })
    }
    return questions.slice(0, 40)
  }

  /** Boards, one a host name. What said goodbye is away, what went silent is uncertain; both go after a while. */
  devices(nowMs: number): DeviceEntry[] {
    const byHost = new Map<string, Service[]>()
    for (const service of this.#services.values()) {
      if (isForgotten(service, nowMs)) this.#services.delete(service.fqdn.toLowerCase())
      else if (service.host !== null) byHost.set(service.host, [...(byHost.get(service.host) ?? []), service])
    }
    return [...byHost].map(([host, services]) => this.#deviceOf(host, services, nowMs))
  }

  #deviceOf(host: string, services: readonly Service[], nowMs: number): DeviceEntry {
    const newest = services.reduce((left, right) => (right.heardMs > left.heardMs ? right : left))
    const announced = readAnnouncements(
      services satisfies readonly Announcement[],
      this.#addresses.get(host) ?? newest.referer,
    )
    const isGone = services.every(({ goneMs }) => goneMs !== null)
    return deviceEntry({
      ...announced,
      source: 'mdns',
      place: this.#place,
      lastSeenAt: newest.heardAt,
      present: isGone ? false : nowMs - newest.heardMs < SILENT_MS ? true : null,
    })
  }

  #hearInstance(record: HeardRecord, referer: string, at: string, nowMs: number): boolean {
    const type = record.name.toLowerCase().replace(/\.local\.?$/, '')
    const suffix = `.${record.name}`.toLowerCase()
    const fqdn = record.value
    if (!serviceKinds.some(kind => kind.type === type) || !fqdn.toLowerCase().endsWith(suffix)) return false
    const known = this.#services.get(fqdn.toLowerCase())
    if (record.ttlSeconds === 0) {
      if (known !== undefined) known.goneMs ??= nowMs
      return known !== undefined
    }
    if (known !== undefined) {
      Object.assign(known, { referer, heardAt: at, heardMs: nowMs, goneMs: null })
      return true
    }
    if (this.#services.size >= MAX_SERVICES) return false
    this.#services.set(fqdn.toLowerCase(), {
      fqdn,
      type,
      // Names may hold dots: only the known end is cut off.
      instance: fqdn.slice(0, -suffix.length),
      host: null,
      port: 0,
      txt: new Map(),
      referer,
      heardAt: at,
      heardMs: nowMs,
      goneMs: null,
    })
    return true
  }
}

function isForgotten({ goneMs, heardMs }: Service, nowMs: number): boolean {
  return goneMs === null ? nowMs - heardMs >= FORGOTTEN_MS : nowMs - goneMs >= GONE_MS
}
