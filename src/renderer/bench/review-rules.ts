/** What a review allows: which boards go, which are refused, and what a person must say first. Pure. */
import type { TargetReview } from '../../shared/contract/index.ts'
import { stripControl } from '../../shared/units.ts'

const MOST_TYPED_CHARACTERS = 80

export type ReviewFinding = TargetReview['findings'][number]
export type Standing = 'fits' | 'refused' | 'needs-word'

/** One thing to be said by a person before some boards may go. */
export interface Override {
  readonly code: string
  readonly finding: ReviewFinding
  /** The boards it is about. */
  readonly targets: readonly string[]
}

/** Codes that were ticked, or whose words were typed. */
export type Accepted = ReadonlySet<string>

/** Whether the board may be written once every open override is given: a refusal that nobody may lift stands for ever. */
export function canFit(review: TargetReview): boolean {
  const refusals = review.findings.filter(finding => finding.severity === 'refusal')
  if (refusals.some(finding => finding.accept === null)) return false
  return review.fits || refusals.length > 0
}

export function standingOfReview(review: TargetReview, accepted: Accepted): Standing {
  if (!canFit(review)) return 'refused'
  const isOpen = review.findings.some(finding => finding.accept !== null && !accepted.has(finding.accept))
  return isOpen ? 'needs-word' : 'fits'
}

/** What must be accepted, each once; two boards with other words to type are two questions. */
export function overridesOf(reviews: readonly TargetReview[]): Override[] {
  const found = new Map<string, Override>()
  for (const review of reviews) {
    if (!canFit(review)) continue
    for (const finding of review.findings) {
      if (finding.accept === null) continue
      const key = JSON.stringify([finding.accept, finding.typed, finding.text])
      const known = found.get(key)
      const targets = [...(known?.targets ?? []), review.target]
      found.set(key, { code: finding.accept, finding, targets })
    }
  }
  return [...found.values()]
}

/** Whether what was typed is the word that is asked for; spaces around it do not matter. */
export function isTypedRight(override: Override, typed: string): boolean {
  return override.finding.typed !== null && typed.trim() === wordToType(override.finding.typed)
}

/** What a person is asked to type: a device's own word as it can be shown, so that a hostile one can be typed too. */
export function wordToType(word: string): string {
  return stripControl(word, MOST_TYPED_CHARACTERS).trim()
}

/** The first reason why it is refused; null when it is not. */
export function refusalOf(review: TargetReview): ReviewFinding | null {
  return review.findings.find(finding => finding.severity === 'refusal') ?? null
}
