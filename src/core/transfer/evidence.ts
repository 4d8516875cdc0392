/** Arithmetic of evidence levels: their order, and which required level a set of facts satisfies. */
import { evidenceLevels, type EvidenceFact, type EvidenceLevel } from '../../shared/contract/models.ts'

export function levelRank(level: EvidenceLevel): number {
  return evidenceLevels.indexOf(level)
}

export type Reach = Readonly<Record<EvidenceLevel, 'yes' | 'no' | 'unknown'>>

/**
 * The level that is required when nobody named one: `stored` where the device can prove it, else the highest level up
 * to `received` that it surely reaches. `running` and `confirmed` are required only when asked for.
 */
export function defaultRequiredLevel(reach: Reach): EvidenceLevel {
  const candidates: readonly EvidenceLevel[] = ['stored', 'received', 'acknowledged']
  return candidates.find(level => reach[level] === 'yes') ?? 'sent'
}

/** A fact that proves what lies in flash: read back, or hashed from flash for this question, and equal to ours. */
export function provesStored(fact: EvidenceFact): boolean {
  if (fact.level !== 'stored' || fact.matches !== true) return false
  // What we read is as new as our reading; what the device computed must answer this question.
  return fact.basis === 'host-read' ? fact.fresh !== false : fact.basis === 'device-hash' && fact.fresh === true
}

/** A fact that proves what runs: the device reports our image's hash, and reported another one before. */
export function provesRunning(fact: EvidenceFact): boolean {
  return fact.level === 'running' && fact.method === ELF_HASH_METHOD && fact.matches === true && fact.fresh === true
}

/** `method` of a running fact that is an image hash, not a version text. */
export const ELF_HASH_METHOD = 'elf-sha256'

/**
 * A fact by which the device names our image as the one that runs: by its hash, by its version, or by a version that is
 * another one than before the restart (programs do not always report the version that their image carries).
 */
export function reportsOurImage(fact: EvidenceFact): boolean {
  return fact.level === 'running' && (fact.matches === true || (fact.matches === null && fact.fresh === true))
}

/** A fact by which the device said at least that it took the whole upload. */
function isWordOfSuccess(fact: EvidenceFact): boolean {
  if (fact.level === 'running') return reportsOurImage(fact)
  return fact.level !== 'sent' && fact.level !== 'confirmed'
}

/** A fact by which what arrived was hashed and is ours, although perhaps not what lies in flash now. */
function isWordOfArrival({ level, basis, matches }: EvidenceFact): boolean {
  return (level === 'received' || level === 'stored') && basis !== 'device-said' && matches === true
}

/** Whether the facts reach `required`. A proof of a higher kind stands for the lower ones; a version text does not. */
export function satisfies(facts: readonly EvidenceFact[], required: EvidenceLevel): boolean {
  const agreeing = facts.filter(fact => fact.matches !== false)
  const isProven = agreeing.some(fact => provesStored(fact) || provesRunning(fact))
  switch (required) {
    case 'sent':
      return agreeing.length > 0
    case 'acknowledged':
      return isProven || agreeing.some(isWordOfSuccess)
    case 'received':
      return isProven || agreeing.some(isWordOfArrival)
    case 'stored':
      return isProven
    case 'running':
      return agreeing.some(reportsOurImage)
    case 'confirmed':
      return agreeing.some(reportsOurImage) && agreeing.some(fact => fact.level === 'confirmed')
  }
}
