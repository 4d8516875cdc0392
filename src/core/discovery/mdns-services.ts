/** THE table of what boards announce over mDNS, and what an announcement tells of its board. */
import type { DeviceIdentity } from '../../shared/contract/models.ts'
import { stripControl } from '../../shared/units.ts'
import { normalMac } from './device-key.ts'

export interface ServiceKind {
  /** As on the wire, without `.local`. */
  readonly type: string
  /** How the announced port is spoken to; null where it only tells that the board is there. */
  readonly scheme: 'http' | 'tcp' | 'udp' | null
}

/** The first of several that a board announces gives its target. */
export const serviceKinds: readonly ServiceKind[] = [
  { type: '_http._tcp', scheme: 'http' },
  { type: '_shelly._tcp', scheme: 'http' },
  { type: '_prometheus-http._tcp', scheme: 'http' },
  { type: '_esp_local_ctrl._tcp', scheme: 'http' },
  { type: '_esphomelib._tcp', scheme: 'tcp' },
  { type: '_arduino._tcp', scheme: 'udp' },
  { type: '_workstation._tcp', scheme: null },
]

/** What one announced service said, with names as they were announced. */
export interface Announcement {
  readonly type: string
  readonly instance: string
  readonly port: number
  readonly txt: ReadonlyMap<string, string>
}

export interface Announced {
  readonly target: string
  readonly name: string | null
  readonly identity: DeviceIdentity | null
  readonly appName: string | null
  readonly appVersion: string | null
}

const TEXT_LENGTH = 64

/** One board from all that it announces. Hostile text loses its control characters and its length. */
export function readAnnouncements(announcements: readonly Announcement[], address: string): Announced {
  const told = (...keys: string[]): string | null => {
    for (const key of keys) {
      for (const { txt } of announcements) {
        const value = clean(txt.get(key))
        if (value !== null) return value
      }
    }
    return null
  }
  const ranked = serviceKinds.flatMap(kind =>
    announcements.filter(({ type }) => type === kind.type).map(service => ({ ...service, scheme: kind.scheme })),
  )
  const reachable = ranked.find(({ scheme }) => scheme !== null)
  const inBrackets = ranked.map(({ instance }) => /\[([0-9a-f:]{17})\]/i.exec(instance)?.[1])
  const mac = normalMac(told('mac') ?? inBrackets.find(text => text !== undefined))
  const name = told('friendly_name') ?? clean(ranked[0]?.instance.replace(/\s*\[[^\]]*\]$/, ''))
  const chip = told('platform')
  const board = told('board')
  const identity = {
    ...(mac === null ? {} : { mac }),
    ...(chip === null ? {} : { chip }),
    ...(board === null ? {} : { board }),
  }
  return {
    target: targetOf(reachable?.scheme ?? 'http', address, reachable?.port ?? 80),
    name,
    identity: Object.keys(identity).length === 0 ? null : identity,
    appName: told('project_name', 'app'),
    appVersion: told('project_version', 'ver'),
  }
}

function targetOf(scheme: 'http' | 'tcp' | 'udp', address: string, port: number): string {
  const host = address.includes(':') ? `[${address}]` : address
  return scheme === 'http' && port === 80 ? `http://${host}` : `${scheme}://${host}:${String(port)}`
}

function clean(text: string | undefined): string | null {
  const cleaned = stripControl(text ?? '', TEXT_LENGTH).trim()
  return cleaned === '' ? null : cleaned
}
