/** Says in words and a tone what became of a job: green for `proven` alone. */
import type { JobSnapshot } from '../../../shared/contract/index.ts'
import { comesByItself } from '../../bench/row-words.ts'
import { formatRatio, stripControl } from '../../../shared/units.ts'
import { errorText, word, type TextValues } from '../../texts/text.ts'
import type { proofTexts } from '../../texts/proof-texts.ts'

export type VerdictTone = 'proven' | 'below' | 'bad' | 'live' | 'still'

export interface VerdictWords {
  readonly tone: VerdictTone
  /** The outcome or the state, such as `Proven: checked in flash`. */
  readonly title: string
  /** Why, and what is normal; empty where there is nothing to add. */
  readonly more: string
}

type ProofText = (key: keyof typeof proofTexts, values?: TextValues) => string

const MAXIMUM_DETAIL = 300

/** @returns words in the language of the moment: whoever renders them follows a change of it */
export function verdictWords(job: JobSnapshot, text: ProofText): VerdictWords {
  switch (job.state) {
    case 'finished':
      return finishedWords(job, text)
    case 'failed':
      return { tone: 'bad', title: word('state.failed'), more: faultWords(job) }
    case 'cancelled':
    case 'interrupted':
      return { tone: 'below', title: word(`state.${job.state}`), more: faultWords(job) }
    case 'transferring':
      // What this computer sends is there: now the second leg is what moves.
      if (job.relay?.state === 'running') return { tone: 'live', title: text('passingOn'), more: '' }
      return { tone: 'live', title: `${word('state.transferring')} ${formatRatio(ratioOf(job))}`, more: '' }
    case 'verifying':
      return { tone: 'live', title: text('checkingFlash'), more: '' }
    case 'waiting':
      return {
        tone: 'below',
        title: word('state.waiting'),
        more: stripControl(job.decision?.question ?? '', MAXIMUM_DETAIL),
      }
    case 'paused':
    case 'queued':
      return { tone: 'still', title: word(`state.${job.state}`), more: '' }
    case 'connecting':
      return {
        tone: 'live',
        title: word('state.connecting'),
        // The device decides when: until then nothing is amiss.
        more: comesByItself(job.target) ? text('waitsForDevice') : '',
      }
    case 'preparing':
    case 'rebooting':
    case 'confirming':
      return { tone: 'live', title: word(`state.${job.state}`), more: '' }
  }
}

/** How much of the image the device acknowledged, 0..1. */
export function ratioOf(job: Pick<JobSnapshot, 'doneBytes' | 'totalBytes'>): number {
  return job.totalBytes > 0 ? Math.min(1, job.doneBytes / job.totalBytes) : 0
}

/** “Checked in flash” inside a sentence: only a capital before a small letter is lowered, so “OK” stays. */
export function lowerFirst(text: string): string {
  return /^\p{Lu}\p{Ll}/u.test(text) ? text.charAt(0).toLocaleLowerCase() + text.slice(1) : text
}

function upperFirst(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1)
}

function finishedWords(job: JobSnapshot, text: ProofText): VerdictWords {
  const { verdict } = job
  if (verdict === 'proven') {
    const proven = word('verdict.proven')
    const level = job.provenLevel === null ? '' : `: ${lowerFirst(word(`level.${job.provenLevel}`))}`
    return { tone: 'proven', title: proven + level, more: '' }
  }
  if (verdict === 'unproven') {
    const reason = job.reason === null ? '' : upperFirst(word(`reason.${job.reason}`))
    const more = [reason, faultWords(job)].filter(part => part !== '').join('. ')
    return { tone: 'bad', title: word('verdict.unproven'), more }
  }
  if (verdict === null) return { tone: 'still', title: word('verdict.none'), more: '' }
  const calm = job.warnings.length === 0 ? text('normalBelow') : stripControl(job.warnings.join(' '), MAXIMUM_DETAIL)
  return { tone: 'below', title: word(`verdict.${verdict}`), more: calm }
}

function faultWords(job: JobSnapshot): string {
  if (job.error === null) return ''
  // The state above says it already.
  if (job.error.code === 'job.cancelled') return upperFirst(stripControl(job.error.message, MAXIMUM_DETAIL))
  return `${errorText(job.error.code).title}: ${stripControl(job.error.message, MAXIMUM_DETAIL)}`
}
