/** The ladder of evidence as it is shown: each level with its facts and how it stands. Pure. */
import type { EvidenceFact, EvidenceLevel, JobSnapshot } from '../../../shared/contract/index.ts'
import { levelsInOrder, pipsOf, type PipFace, type PipReach } from '../proof/proof-pips.ts'

export interface LadderStep {
  readonly level: EvidenceLevel
  readonly face: PipFace
  readonly isOnlySaid: boolean
  readonly isRequired: boolean
  readonly facts: readonly EvidenceFact[]
}

/** @param job null: nothing was asked of the device yet */
export function ladderOf(
  job: Pick<JobSnapshot, 'evidence' | 'required'> | null,
  reach: PipReach | null,
): readonly LadderStep[] {
  const evidence = job?.evidence ?? []
  const pips = pipsOf(evidence, reach)
  return levelsInOrder.flatMap((level, index) => {
    const pip = pips[index]
    if (pip === undefined) return []
    return [
      {
        level,
        face: pip.face,
        isOnlySaid: pip.isOnlySaid,
        isRequired: job?.required === level,
        facts: evidence.filter(fact => fact.level === level),
      },
    ]
  })
}

/** Long hashes at their two ends; everything else as it is. */
export function shortValue(value: string): string {
  return /^[0-9a-f]{24,}$/i.test(value) ? `${value.slice(0, 8)}…${value.slice(-6)}` : value
}
