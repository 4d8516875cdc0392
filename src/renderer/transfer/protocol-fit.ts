/** Which protocols a device may speak, and what a protocol can prove. Pure. */
import type { DeviceEntry, EvidenceLevel, ProtocolDescriptor } from '../../shared/contract/index.ts'

type Endpoint = ProtocolDescriptor['endpoints'][number]

/** From the weakest to the strongest. */
export const levels: readonly EvidenceLevel[] = ['sent', 'acknowledged', 'received', 'stored', 'running', 'confirmed']

const endpointOfScheme: Readonly<Record<string, Endpoint>> = {
  http: 'http',
  https: 'http',
  serial: 'serial',
  tcp: 'tcp',
  rfc2217: 'rfc2217',
  udp: 'udp',
  pull: 'pull',
}

/** Whether the protocol may work there: by what the device said that it speaks, else by the kind of its address. */
export function acceptsTarget(
  protocol: Pick<ProtocolDescriptor, 'id' | 'endpoints'>,
  device: Pick<DeviceEntry, 'target' | 'protocols'>,
): boolean {
  if (device.protocols.length > 0) return device.protocols.includes(protocol.id)
  const scheme = device.target.slice(0, Math.max(0, device.target.indexOf(':')))
  const endpoint = Object.hasOwn(endpointOfScheme, scheme) ? endpointOfScheme[scheme] : undefined
  // A name or a MAC says nothing of the connection.
  return endpoint === undefined || protocol.endpoints.includes(endpoint)
}

export interface Ceiling {
  /** The highest level that is certain. */
  readonly certain: EvidenceLevel | null
  /** The highest one that only the device can tell of, where it lies above the certain one. */
  readonly possible: EvidenceLevel | null
}

export type AnyReach = Readonly<Partial<Record<EvidenceLevel, 'yes' | 'no' | 'probe' | 'unknown'>>>

/** What can be shown at most, by a protocol's own words or by what a device answered. */
export function ceilingOf(reach: AnyReach): Ceiling {
  const certain = levels.findLast(level => reach[level] === 'yes') ?? null
  const open = levels.findLast(level => reach[level] === 'probe' || reach[level] === 'unknown') ?? null
  const isAbove = open !== null && levels.indexOf(open) > (certain === null ? -1 : levels.indexOf(certain))
  return { certain, possible: isAbove ? open : null }
}

/** What every one of several can show: `no` where one cannot, `yes` where all can. */
export function commonReach(reaches: readonly AnyReach[]): AnyReach | null {
  if (reaches.length === 0) return null
  const entries = levels.map(level => {
    const answers = reaches.map(reach => reach[level] ?? 'unknown')
    if (answers.includes('no')) return [level, 'no'] as const
    return [level, answers.every(answer => answer === 'yes') ? 'yes' : 'unknown'] as const
  })
  // One entry for each level.
  return Object.fromEntries(entries)
}

/** Whether a required level can be reached: `unsure` where only the device can tell. */
export function standingOfNeed(reach: AnyReach, need: EvidenceLevel): 'reachable' | 'unsure' | 'beyond' {
  const answer = reach[need]
  if (answer === 'yes') return 'reachable'
  return answer === 'no' ? 'beyond' : 'unsure'
}
