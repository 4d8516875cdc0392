/** THE table of what boards announce over mDNS, and what an announcement tells of its board. */
import type { DeviceEntry, DeviceIdentity } from '../../shared/contract/models.ts'
import type { LocalText } from '../../shared/messages/index.ts'
import { stripControl } from '../../shared/units.ts'
import type { AnnouncedEndpoint, Announcement, AnnouncementReader } from './announcement.ts'
import { normalMac } from './device-key.ts'
import { shellyNote } from './shelly.ts'

export interface ServiceKind {
  /** As on the wire, without `.local`. */
  readonly type: string
  /** Whether a web server answers at the announced port. */
  readonly isWeb: boolean
}

/** The first of several web servers of a board gives its target, where no protocol recognises anything. */
export const serviceKinds: readonly ServiceKind[] = [
  { type: '_http._tcp', isWeb: true },
  { type: '_shelly._tcp', isWeb: true },
  { type: '_prometheus-http._tcp', isWeb: true },
  { type: '_esp_local_ctrl._tcp', isWeb: true },
  { type: '_esphomelib._tcp', isWeb: false },
  { type: '_arduino._tcp', isWeb: false },
  { type: '_workstation._tcp', isWeb: false },
]

/** What is asked for under its own name, `TYPE.local`. */
export const serviceTypes: ReadonlySet<string> = new Set(serviceKinds.map(({ type }) => type))

export type Announced = Pick<DeviceEntry, 'target' | 'protocols' | 'name' | 'identity' | 'appName' | 'appVersion'> &
  Pick<DeviceEntry, 'otherTargets' | 'services' | 'notes'>

const TEXT_LENGTH = 64

interface Recognised extends AnnouncedEndpoint {
  readonly protocol: string
  readonly rank: number
}

/**
 * One board from all that it announces. Hostile text loses its control characters and its length.
 * @param address as `addressInUrl` takes it
 */
export function readAnnouncements(
  announcements: readonly Announcement[],
  address: string,
  readers: readonly AnnouncementReader[],
): Announced {
  const ranked = serviceKinds.flatMap(kind => announcements.filter(({ type }) => type === kind.type))
  const told = (...keys: string[]): string | null => firstTold(ranked, keys)
  const services = [...new Set(ranked.map(({ type }) => type))]
  const { targets, notes } = targetsOf(ranked, address, readers)
  const [first = { target: targetOf({ scheme: 'http', port: 80 }, address), protocols: [] }, ...others] = targets
  return {
    ...first,
    ...(others.length === 0 ? {} : { otherTargets: others }),
    ...(services.length === 0 ? {} : { services }),
    ...(notes.length === 0 ? {} : { notes }),
    name: told('friendly_name') ?? clean(ranked[0]?.instance.replace(/\s*\[[^\]]*\]$/, '')),
    identity: identityOf(ranked, told),
    appName: told('project_name', 'app'),
    appVersion: told('project_version', 'ver'),
  }
}

/** Every place where the board can be spoken to, the one of the protocol that proves most first. */
function targetsOf(
  services: readonly Announcement[],
  address: string,
  readers: readonly AnnouncementReader[],
): { targets: { target: string; protocols: string[] }[]; notes: LocalText[] } {
  const recognised = services
    .flatMap(service => readers.flatMap(reader => recognise(reader, service)))
    .toSorted((left, right) => right.rank - left.rank)
  const targets = new Map<string, Set<string>>()
  for (const endpoint of recognised) {
    const target = targetOf(endpoint, address)
    targets.set(target, (targets.get(target) ?? new Set()).add(endpoint.protocol))
  }
  const web = services.filter(({ type }) => serviceKinds.some(kind => kind.type === type && kind.isWeb))
  for (const { port } of web) {
    const target = targetOf({ scheme: 'http', port }, address)
    if (!targets.has(target)) targets.set(target, new Set())
  }
  const notes = recognised.flatMap(endpoint => endpoint.notes ?? [])
  const shelly = services.find(({ type }) => type === '_shelly._tcp')
  if (shelly !== undefined) notes.push(shellyNote([shelly.txt.get('app') ?? '', shelly.txt.get('ver') ?? ''].join(' ')))
  if (targets.size === 0 && services.length > 0) {
    notes.push({
      en: `It announces only ${services.map(({ type }) => type).join(', ')}: whether a web server answers at its address is not known.`,
      vi: `Thiết bị chỉ thông báo ${services.map(({ type }) => type).join(', ')}: không biết có máy chủ web nào trả lời ở địa chỉ này không.`,
    })
  }
  return { targets: [...targets].map(([target, protocols]) => ({ target, protocols: [...protocols] })), notes }
}

/** What the protocol reads, or what firmware that was made for Flashproof says itself: `fwproto=ID[;path=/PREFIX]`. */
function recognise(reader: AnnouncementReader, service: Announcement): Recognised[] {
  const { protocol, rank } = reader
  const read = reader.read(service)
  if (read !== null) return [{ ...read, protocol, rank }]
  const [id, ...parameters] = (service.txt.get('fwproto') ?? '').split(';').map(part => part.trim())
  if (id?.toLowerCase() !== protocol || !service.type.endsWith('._tcp')) return []
  const path = parameters.find(parameter => parameter.startsWith('path='))?.slice('path='.length) ?? ''
  // A path that could climb or hold anything but plain segments is no prefix.
  const isPlain = /^(\/[\w.~-]+)+$/.test(path) && !path.split('/').includes('..')
  return [{ scheme: 'http', port: service.port, protocol, rank, ...(isPlain ? { path } : {}) }]
}

function identityOf(
  services: readonly Announcement[],
  told: (...keys: string[]) => string | null,
): DeviceIdentity | null {
  const inBrackets = services.map(({ instance }) => /\[([0-9a-f:]{17})\]/i.exec(instance)?.[1])
  const mac = normalMac(told('mac') ?? inBrackets.find(text => text !== undefined))
  const chip = told('platform')
  const board = told('board')
  const identity = {
    ...(mac === null ? {} : { mac }),
    ...(chip === null ? {} : { chip }),
    ...(board === null ? {} : { board }),
  }
  return Object.keys(identity).length === 0 ? null : identity
}

function firstTold(services: readonly Announcement[], keys: readonly string[]): string | null {
  for (const key of keys) {
    for (const { txt } of services) {
      const value = clean(txt.get(key))
      if (value !== null) return value
    }
  }
  return null
}

function targetOf({ scheme, port, path = '' }: AnnouncedEndpoint, address: string): string {
  const host = addressInUrl(address)
  return scheme === 'http' && port === 80 ? `http://${host}${path}` : `${scheme}://${host}:${String(port)}${path}`
}

/** `192.0.2.9`, `[2001:db8::9]`, and with its zone `[fe80::9%25eth0]` (RFC 6874). */
export function addressInUrl(address: string): string {
  return address.includes(':') ? `[${address.replace('%', '%25')}]` : address
}

function clean(text: string | undefined): string | null {
  const cleaned = stripControl(text ?? '', TEXT_LENGTH).trim()
  return cleaned === '' ? null : cleaned
}
