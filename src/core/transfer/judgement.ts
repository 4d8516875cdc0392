/** What is to be known of one image for one device before the first byte: a review tells it, a run obeys it. */
import type { EvidenceLevel, Inspection, TelemetrySample } from '../../shared/contract/models.ts'
import type { FlashproofError } from '../../shared/errors.ts'
import type { LocalText } from '../../shared/messages/index.ts'
import { stripControl } from '../../shared/units.ts'
import type { TransferContext } from './transfer-protocol.ts'

export type Judgement =
  /** Nothing is sent. `text` says it in both languages where title and hint of the error say too little. */
  | { readonly kind: 'refusal'; readonly error: FlashproofError; readonly text?: LocalText }
  /** Nothing is sent until a person accepts `code`. */
  | {
      readonly kind: 'question'
      readonly code: string
      readonly text: LocalText
      readonly details: Readonly<Record<string, unknown>>
      /** Words that a person types before the acceptance counts; null where a tick is enough. */
      readonly typed: string | null
    }
  /** Sent all the same; the row says it calmly. */
  | { readonly kind: 'warning'; readonly code: string; readonly text: LocalText }

/** What the judgement of a required level comes to. */
export interface RequiredLevel {
  readonly level: EvidenceLevel
  readonly judgements: readonly Judgement[]
}

/**
 * Makes a run do what its judgements say: throws the first refusal, warns, and asks what must be asked.
 * @throws {FlashproofError} the refusal's, job.decision-needed
 */
export async function obeyJudgements(
  judgements: readonly Judgement[],
  context: Pick<TransferContext, 'warn' | 'decide'>,
): Promise<void> {
  // Nobody is asked about an image that is refused anyway.
  for (const judgement of judgements) if (judgement.kind === 'refusal') throw judgement.error
  for (const judgement of judgements) {
    if (judgement.kind === 'warning') context.warn(judgement.text.en)
    if (judgement.kind === 'question') await context.decide(judgement.code, judgement.text.en, judgement.details)
  }
}

const LONGEST_NAME = 80

export const OTHER_PROJECT = 'other-project'

/** What every build of a toolchain calls itself: such a name tells nothing of the product. */
const NAMES_OF_NOTHING = ['arduino-lib-builder']

/** Asks before firmware of one product goes to a board that runs another one. */
export function judgeProject(inspection: Inspection, sample: TelemetrySample | null): Judgement[] {
  // Both are hostile until cleaned, and are shown and typed as they are compared.
  const ours = stripControl(inspection.esp?.app?.projectName ?? '', LONGEST_NAME).trim()
  const theirs = stripControl(sample?.appName ?? '', LONGEST_NAME).trim()
  const tellsNothing = (name: string): boolean => name === '' || NAMES_OF_NOTHING.includes(name.toLowerCase())
  if (tellsNothing(ours) || tellsNothing(theirs) || ours.toLowerCase() === theirs.toLowerCase()) return []
  return [
    {
      kind: 'question',
      code: OTHER_PROJECT,
      typed: theirs,
      details: { imageProject: ours, boardProject: theirs },
      text: {
        en: `This firmware is “${ours}”; the board runs “${theirs}”. Send it all the same?`,
        vi: `Phần sụn này là “${ours}”; bo mạch đang chạy “${theirs}”. Vẫn gửi chứ?`,
      },
    },
  ]
}
