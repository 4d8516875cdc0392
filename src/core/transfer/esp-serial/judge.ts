/** All that is to be known before the first byte, judged in one place: a review tells it, a run obeys it. */
import type { EvidenceLevel, TelemetrySample } from '../../../shared/contract/models.ts'
import { asFlashproofError, FlashproofError } from '../../../shared/errors.ts'
import type { Reach } from '../evidence.ts'
import { judgeProject, type Judgement } from '../judgement.ts'
import { judgeErase, judgeProtection, judgeRequired, reachOf } from './checks.ts'
import type { EspOptions } from './options.ts'
import { makePlan, type Board, type Plan, type PlanImage } from './plan.ts'

export interface JudgedOrder {
  /** Null where the image is refused. */
  readonly plan: Plan | null
  readonly reach: Reach
  readonly level: EvidenceLevel
  readonly judgements: readonly Judgement[]
}

export interface OrderToJudge {
  readonly image: PlanImage
  readonly board: Board
  readonly options: EspOptions
  readonly requiredLevel: EvidenceLevel | null
  /** What the board's flash says of the app that it runs. */
  readonly sample: TelemetrySample
  /** Where an earlier run of the job had begun to write to; null for a job that has not written yet. */
  readonly earlierPath: string | null
}

export function judgeOrder({ image, board, options, requiredLevel, sample, earlierPath }: OrderToJudge): JudgedOrder {
  const reach = reachOf(board.abilities, image.inspection)
  const required = judgeRequired(reach, requiredLevel)
  const protection = judgeProtection(board.facts, image.inspection)
  try {
    const plan = makePlan(image, board, options, earlierPath)
    // An earlier run asked its questions already, and what it wrote is what it was allowed to.
    const asked = (judgement: Judgement): boolean => earlierPath === null || judgement.kind !== 'question'
    const ofPlan = [
      ...plan.judgements,
      ...judgeErase(options, board, plan),
      ...leftAloneWarning(plan),
      ...judgeProject(image.inspection, sample),
    ].filter(asked)
    return { plan, reach, level: required.level, judgements: [...required.judgements, ...protection, ...ofPlan] }
  } catch (thrown) {
    const error = asFlashproofError(thrown)
    if (error.code === 'internal.unexpected') throw error
    const refusal: Judgement = { kind: 'refusal', error, ...wrongChipText(error) }
    return { plan: null, reach, level: required.level, judgements: [...required.judgements, refusal] }
  }
}

function wrongChipText({ code, details }: FlashproofError): Pick<Extract<Judgement, { kind: 'refusal' }>, 'text'> {
  const made = details['imageChip']
  const chip = details['deviceChip']
  if (code !== 'image.wrong-chip' || typeof made !== 'string' || typeof chip !== 'string') return {}
  return {
    text: {
      en: `Wrong chip: this firmware was made for the ${made}, the board is an ${chip}. Choose the build for the ${chip}.`,
      vi: `Sai chip: phần sụn này dành cho ${made}, bo mạch là ${chip}. Hãy chọn bản dành cho ${chip}.`,
    },
  }
}

function leftAloneWarning({ leftAlone }: Plan): Judgement[] {
  if (leftAlone.length === 0) return []
  const places = leftAlone.map(({ place }) => `“${place}”`).join(', ')
  return [
    {
      kind: 'warning',
      code: 'filler-left-out',
      text: {
        en: `The board’s own data stays: the filler of this file over ${places} is not written (writeFill would).`,
        vi: `Dữ liệu riêng của bo mạch được giữ: phần đệm của tệp trên ${places} không được ghi (writeFill thì có ghi).`,
      },
    },
  ]
}
