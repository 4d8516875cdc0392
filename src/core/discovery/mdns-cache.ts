/** Remembers what was heard over mDNS on one interface, record by record with its lifetime, and makes boards of it. */
import type { DeviceEntry } from '../../shared/contract/models.ts'
import type { AnnouncementReader } from './announcement.ts'
import { deviceEntry } from './device-key.ts'
import { MdnsHosts, type CachePlace } from './mdns-hosts.ts'
import { readAnnouncements, serviceTypes } from './mdns-services.ts'
import { isRefreshDue, type RecordLife } from './record-life.ts'

/** More than a bench has; a noisy or hostile network does not fill the memory. */
const MAX_SERVICES = 1_000
/** Three rounds of queries without an answer: only asking the board itself would tell. */
export const SILENT_MS = 190_000
const FORGOTTEN_MS = 10 * 60_000
const GONE_MS = 60_000
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

interface Service {
  readonly fqdn: string
  readonly type: string
  readonly instance: string
  pointer: RecordLife | null
  server: (RecordLife & { readonly host: string; readonly port: number }) | null
  txt: (RecordLife & { readonly values: ReadonlyMap<string, string> }) | null
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
  readonly #hosts = new MdnsHosts()

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
      if (record.type === 'A' || record.type === 'AAAA') this.#hosts.hear(record, heard)
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
      if (server !== null) wanted.push(...this.#hosts.questions(server.host, referer, this.#place))
      if (wanted.length > 0) service.tries++
      questions.push(...wanted)
    }
    return unique(questions)
  }

  /** Records whose lifetime runs out soon: each is asked for at 80, 85, 90 and 95 % of it. */
  expiring(nowMs: number): Question[] {
    const questions: Question[] = []
    const hosts = new Set<string>()
    const add = (life: RecordLife | null, question: Question): void => {
      if (life !== null && isRefreshDue(life, nowMs)) questions.push(question)
    }
    for (const { fqdn, type, pointer, server, txt, goneMs } of this.#services.values()) {
      if (goneMs !== null) continue
      add(pointer, { name: `${type}.local`, type: 'PTR' })
      add(server, { name: fqdn, type: 'SRV' })
      add(txt, { name: fqdn, type: 'TXT' })
      if (server !== null) hosts.add(server.host)
    }
    return unique([...questions, ...this.#hosts.expiring(hosts, nowMs)])
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
      this.#hosts.addressOf(host, this.#place, nowMs) ?? newest.referer,
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

  #forget(nowMs: number): void {
    for (const [key, { goneMs, heardMs }] of this.#services) {
      const isForgotten = goneMs === null ? nowMs - heardMs >= FORGOTTEN_MS : nowMs - goneMs >= GONE_MS
      if (isForgotten) this.#services.delete(key)
    }
    this.#hosts.forget(FORGOTTEN_MS, nowMs)
  }
}

function unique(questions: readonly Question[]): Question[] {
  const byText = new Map(questions.map(question => [`${question.type} ${question.name}`, question]))
  return [...byText.values()].slice(0, MAX_QUESTIONS)
}
