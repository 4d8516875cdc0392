/** The verdict: one pure, total function of the facts. Green is for `proven` alone. */
import type { EvidenceFact, EvidenceLevel, Verdict, VerdictReason } from '../../shared/contract/models.ts'
import { levelRank, provesRunning, provesStored, satisfies } from './evidence.ts'

export interface VerdictInput {
  readonly facts: readonly EvidenceFact[]
  /** The level in force; null asks for nothing. */
  readonly required: EvidenceLevel | null
  readonly outcome: 'answered' | 'outcome-unknown' | 'not-answered'
}

export interface VerdictResult {
  readonly verdict: Verdict
  /** The highest level that was proven; set for `proven` alone. */
  readonly provenLevel: EvidenceLevel | null
  readonly reason: VerdictReason | null
}

/**
 * Judges a finished job. A fact that contradicts our image or another fact outweighs everything; then the required
 * level; then proof; then the highest level that the device's word reaches.
 */
export function judge(input: VerdictInput): VerdictResult {
  if (isContradicted(input.facts)) return unproven('contradicted')
  if (input.required !== null && !satisfies(input.facts, input.required)) {
    return unproven(input.outcome === 'answered' ? 'below-required' : input.outcome)
  }
  const proofs = input.facts.filter(fact => provesStored(fact) || provesRunning(fact))
  if (proofs.length > 0) {
    const isConfirmed = input.facts.some(fact => fact.level === 'confirmed' && fact.matches !== false)
    const isRunningProven = proofs.some(provesRunning)
    return {
      verdict: 'proven',
      provenLevel: isRunningProven ? (isConfirmed ? 'confirmed' : 'running') : 'stored',
      reason: null,
    }
  }
  const highest = highestWord(input.facts)
  return highest === null
    ? unproven(input.outcome === 'answered' ? 'not-answered' : input.outcome)
    : { verdict: highest, provenLevel: null, reason: null }
}

/** Whether a fact differs from our image, or two facts of one method give different values for one level. */
export function isContradicted(facts: readonly EvidenceFact[]): boolean {
  if (facts.some(fact => fact.matches === false)) return true
  const seen = new Map<string, string>()
  for (const fact of facts) {
    if (fact.level === 'sent' || fact.level === 'acknowledged') continue
    const key = `${fact.level} ${fact.method}`
    const earlier = seen.get(key)
    if (earlier !== undefined && earlier !== fact.value) return true
    seen.set(key, fact.value)
  }
  return false
}

function unproven(reason: VerdictReason): VerdictResult {
  return { verdict: 'unproven', provenLevel: null, reason }
}

/** The highest level that counts without proof; a `stored` that is only the device's word counts as its word. */
function highestWord(facts: readonly EvidenceFact[]): Exclude<Verdict, 'proven' | 'unproven'> | null {
  let highest: EvidenceLevel | null = null
  for (const fact of facts) {
    const level = wordLevel(fact)
    if (highest === null || levelRank(level) > levelRank(highest)) highest = level
  }
  switch (highest) {
    case null:
      return null
    case 'confirmed':
    case 'running':
      return 'running'
    case 'stored':
    case 'received':
      return 'received'
    case 'acknowledged':
      return 'acknowledged'
    case 'sent':
      return 'sent'
  }
}

function wordLevel(fact: EvidenceFact): EvidenceLevel {
  if (fact.level !== 'stored') return fact.level
  return fact.basis === 'device-said' ? 'acknowledged' : 'received'
}
