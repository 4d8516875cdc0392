/** The verdict: one pure, total function of the facts. Green is for `proven` alone. */
import type { EvidenceFact, EvidenceLevel, Verdict, VerdictReason } from '../../shared/contract/models.ts'
import { provesRunning, provesStored, reportsOurImage, satisfies } from './evidence.ts'

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

/** The highest level that counts without proof. */
function highestWord(facts: readonly EvidenceFact[]): Exclude<Verdict, 'proven' | 'unproven'> | null {
  const levels = facts.map(wordLevel)
  const words = ['running', 'received', 'acknowledged', 'sent'] as const
  return words.find(word => levels.includes(word)) ?? null
}

/**
 * What a fact is worth as a word. A `stored` that the device only says counts as OK, a hash of some time ago as
 * `received`; a restart into something else than our image counts as nothing, and so does health alone.
 */
function wordLevel(fact: EvidenceFact): EvidenceLevel | null {
  switch (fact.level) {
    case 'stored':
    case 'received':
      return fact.matches === true && fact.basis !== 'device-said' ? 'received' : 'acknowledged'
    case 'running':
      return reportsOurImage(fact) ? 'running' : null
    case 'confirmed':
      return null
    case 'sent':
    case 'acknowledged':
      return fact.level
  }
}
