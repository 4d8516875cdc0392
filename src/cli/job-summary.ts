/** The block of text after a batch: how many are proven and what else is to be known of them, and for each other one why and what to do. */
import type { JobSnapshot } from '../shared/contract/index.ts'
import type { Language } from '../shared/messages/index.ts'
import { messagesFor } from '../shared/messages/index.ts'
import { stripControl } from '../shared/units.ts'
import { isBelowStored, isProven } from './job-outcome.ts'
import { boardWords, errorText, hasEnded, lowerFirst, nameOf, outcomeWords, reasonWords, toneOf } from './job-words.ts'
import { isErrorCode } from './known-error-code.ts'
import type { Paint } from './terminal-style.ts'
import { textsFor } from './texts.ts'

/** More ids than this are no line that anybody copies. */
const MAXIMUM_NAMED_JOBS = 32

export interface SummaryOptions {
  readonly language: Language
  readonly paint: Paint
  readonly headHash: string | null
  /** A line that says where the record is, or how to get it. */
  readonly exportLine: string | null
  /** Nothing was to be proved: only what went wrong is listed. */
  readonly isDryRun?: boolean
}

export function renderSummary(jobs: readonly JobSnapshot[], options: SummaryOptions): string[] {
  const texts = textsFor(options.language)
  const proven = jobs.filter(isProven).length
  const tone = proven === jobs.length && jobs.length > 0 ? 'proven' : 'strong'
  const isDryRun = options.isDryRun === true
  const headline = isDryRun ? texts.dryRunDone : options.paint(tone, texts.provenOf(proven, jobs.length))
  const lines = ['', headline]
  for (const job of jobs) {
    const isAsExpected = isDryRun ? job.state === 'finished' : isProven(job)
    if (!isAsExpected) lines.push(...describeJob(job, options, jobs.length === 1 && isToldByItsError(job)))
  }
  if (!isDryRun) lines.push(...notesOnProven(jobs.filter(isProven), options))
  const resumable = jobs.filter(isResumable).map(job => job.jobId)
  if (resumable.length > 1 && resumable.length <= MAXIMUM_NAMED_JOBS) {
    lines.push(texts.next.resume(resumable.join(' ')))
  }
  if (options.exportLine !== null) lines.push(options.exportLine)
  if (options.headHash !== null) lines.push(texts.headHash(options.headHash))
  return lines
}

/** Stopped on the way, without anything to mend first. */
function isResumable(job: JobSnapshot): boolean {
  return job.state === 'cancelled' || job.state === 'interrupted' || !hasEnded(job)
}

/** Its error line, which follows the summary, says why it failed and what to do. */
function isToldByItsError(job: JobSnapshot): boolean {
  return job.state === 'failed' && job.error !== null && isErrorCode(job.error.code)
}

/** Green says what lies in flash; that the program crashed at its start, or waits for RESET, is said as well: each note once. */
function notesOnProven(jobs: readonly JobSnapshot[], { language }: SummaryOptions): string[] {
  const namesOf = new Map<string, string[]>()
  for (const job of jobs) {
    for (const warning of job.warnings) namesOf.set(warning, [...(namesOf.get(warning) ?? []), nameOf(job)])
  }
  return [...namesOf].map(([warning, names]) => {
    const [name = ''] = names
    return `  ${names.length === 1 ? name : textsFor(language).devices(names.length)}: ${stripControl(warning, 400)}`
  })
}

function describeJob(job: JobSnapshot, options: SummaryOptions, isToldElsewhere: boolean): string[] {
  const messages = messagesFor(options.language)
  const texts = textsFor(options.language)
  const name = nameOf(job)
  const target = stripControl(job.target, 200)
  const label = name === target ? name : `${name}  ${target}`
  const outcome = options.paint(toneOf(job), outcomeWords(job, messages))
  const reason = reasonWords(job, messages)
  const board = `${texts.boardNow}: ${lowerFirst(boardWords(job, messages))}`
  const lines = [`  ${label}`, `    ${upperFirst(board)}. ${outcome}`]
  if (reason !== null && !isToldElsewhere) lines.push(`    ${texts.reason}: ${reason}`)
  for (const warning of job.warnings) lines.push(`    ${stripControl(warning, 400)}`)
  if (!isToldElsewhere) lines.push(`    ${texts.nextStep}: ${nextStep(job, options.language)}`)
  return lines
}

function nextStep(job: JobSnapshot, language: Language): string {
  const { next, acceptWith } = textsFor(language)
  const wanted = job.error?.code === 'job.decision-needed' ? job.error.details['accept'] : undefined
  if (typeof wanted === 'string') return acceptWith(stripControl(wanted, 80))
  if (job.reason === 'contradicted') return next.contradicted(job.jobId)
  if (isResumable(job)) return next.resume(job.jobId)
  if (job.error !== null) {
    return errorText(job.error.code, messagesFor(language))?.hint ?? next.resume(job.jobId)
  }
  if (job.reason !== null) return next[job.reason](job.jobId)
  return isBelowStored(job) ? next.raise(job.jobId) : next.resume(job.jobId)
}

function upperFirst(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1)
}
