/** Says in words what a job's snapshot means: its verdict, its board, and the tone that both deserve. */
import type { JobSnapshot } from '../shared/contract/index.ts'
import type { Messages } from '../shared/messages/index.ts'
import { stripControl } from '../shared/units.ts'
import { isErrorCode } from './known-error-code.ts'
import type { Tone } from './terminal-style.ts'
import type { CountedGroup } from './texts.ts'

const ends: readonly string[] = ['finished', 'failed', 'cancelled', 'interrupted']

/** Whether the job is over; an interrupted one can be resumed, but nothing more comes of it by itself. */
export function hasEnded(job: JobSnapshot): boolean {
  return ends.includes(job.state)
}

/** Whether nothing is happening now: ended, paused, or waiting for a person. */
export function hasStopped(job: JobSnapshot): boolean {
  return hasEnded(job) || job.state === 'paused' || job.state === 'waiting'
}

/** The device's own name where it told one, else what identifies it, else its target. Safe to print. */
export function nameOf(job: JobSnapshot): string {
  const { device } = job
  return stripControl(device?.name ?? device?.id ?? device?.mac ?? job.target, 80)
}

/** Green is for `proven` alone; what ended below it is amber; unproven and failed are red. */
export function toneOf(job: JobSnapshot): Tone {
  if (job.state === 'failed' || job.verdict === 'unproven') return 'bad'
  if (!hasStopped(job)) return 'plain'
  return job.state === 'finished' && job.verdict === 'proven' ? 'proven' : 'below'
}

export function groupOf(job: JobSnapshot): CountedGroup {
  switch (job.state) {
    case 'queued':
    case 'waiting':
      return 'waiting'
    case 'paused':
    case 'cancelled':
    case 'interrupted':
      return 'stopped'
    case 'failed':
      return 'failed'
    case 'finished':
      if (job.verdict === 'proven') return 'proven'
      return job.verdict === 'unproven' ? 'unproven' : 'below'
    default:
      return 'running'
  }
}

/** “Proven: checked in flash”, “Not proven”, “Device says OK”, or the state while there is no verdict. */
export function outcomeWords(job: JobSnapshot, messages: Messages): string {
  const { words } = messages
  if (job.state === 'failed') return words['state.failed']
  if (!hasEnded(job) || job.verdict === null) return words[`state.${job.state}`]
  const verdict = words[`verdict.${job.verdict}`]
  if (job.verdict === 'proven' && job.provenLevel !== null) {
    return `${verdict}: ${lowerFirst(words[`level.${job.provenLevel}`])}`
  }
  return verdict
}

/** Why a job is not proven, in words: the reason of its verdict, or the title and text of its error. */
export function reasonWords(job: JobSnapshot, messages: Messages): string | null {
  if (job.error !== null) {
    const title = errorText(job.error.code, messages)?.title ?? job.error.code
    const detail = stripControl(job.error.message, 400)
    return detail === '' ? title : `${title}: ${detail}`
  }
  return job.reason === null ? null : messages.words[`reason.${job.reason}`]
}

/** “New firmware, safe to unplug”: the technician's first two questions. */
export function boardWords(job: JobSnapshot, messages: Messages): string {
  const { words } = messages
  return `${words[`board.${job.boardNow}`]}, ${lowerFirst(words[`unplug.${job.unplug}`])}`
}

/** Looks up an error's texts by a code that came over a border and may be unknown to this version. */
export function errorText(code: string, messages: Messages): { title: string; hint: string } | undefined {
  return isErrorCode(code) ? messages.errors[code] : undefined
}

export function lowerFirst(text: string): string {
  // “OK”-like words stay: only a capital that is followed by a small letter is lowered.
  return /^\p{Lu}\p{Ll}/u.test(text) ? text.charAt(0).toLocaleLowerCase() + text.slice(1) : text
}
