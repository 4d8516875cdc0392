/** Turns a job's facts into six pips, one a level, each with one of four faces. Pure. */
import type { EvidenceFact, EvidenceLevel } from '../../../shared/contract/index.ts'

/** The lowest first. A record, so that a level which is forgotten does not compile. */
const order = {
  sent: 0,
  acknowledged: 1,
  received: 2,
  stored: 3,
  running: 4,
  confirmed: 5,
} satisfies Readonly<Record<EvidenceLevel, number>>
// The keys are those of the record above.
export const levelsInOrder = Object.keys(order) as readonly EvidenceLevel[]

/** `missing`: not shown so far; `beyond`: this device cannot tell; `contradicted`: it disagrees with us or with itself. */
export type PipFace = 'shown' | 'missing' | 'beyond' | 'contradicted'

export type PipReach = Readonly<Partial<Record<EvidenceLevel, 'yes' | 'no' | 'probe' | 'unknown'>>>

export interface Pip {
  readonly level: EvidenceLevel
  readonly face: PipFace
  /** Nothing but the device's word stands for it. */
  readonly isOnlySaid: boolean
}

/** @param reach what the device or its protocol can prove; null where nobody asked yet */
export function pipsOf(evidence: readonly EvidenceFact[], reach: PipReach | null): Pip[] {
  return levelsInOrder.map(level => {
    const facts = evidence.filter(fact => fact.level === level)
    const isOnlySaid = facts.length > 0 && facts.every(fact => fact.basis === 'device-said' || fact.fresh === false)
    return { level, face: faceOf(level, facts, reach), isOnlySaid }
  })
}

function faceOf(level: EvidenceLevel, facts: readonly EvidenceFact[], reach: PipReach | null): PipFace {
  if (facts.some(fact => fact.matches === false) || disagree(level, facts)) return 'contradicted'
  if (facts.length > 0) return 'shown'
  return reach?.[level] === 'no' ? 'beyond' : 'missing'
}

/** Whether one method gave two values for one level; what was sent or answered may well be told several times. */
function disagree(level: EvidenceLevel, facts: readonly EvidenceFact[]): boolean {
  if (level === 'sent' || level === 'acknowledged') return false
  return facts.some(fact => facts.some(other => other.method === fact.method && other.value !== fact.value))
}
