/** The one page for the customer: site, before and after, proof in words, operator, the hash of the record. */
import { createHash } from 'node:crypto'
import { JobRecord, type JobSnapshot, type SaveRequest } from '../../shared/contract/index.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { messagesFor, type Language, type Messages } from '../../shared/messages/index.ts'
import type { Client } from '../../shared/rpc/client.ts'
import { formatBytes, stripControl } from '../../shared/units.ts'
import { serviceReportStyle } from './service-report-style.ts'
import { reportTexts, type ReportText } from './service-report-texts.ts'

/** One job, with what its record adds to the snapshot; a job without a record has not ended. */
interface ReportedJob {
  readonly snapshot: JobSnapshot
  readonly record: JobRecord | null
  readonly sequence: number | null
}

export interface ServiceReport {
  readonly language: Language
  readonly jobs: readonly ReportedJob[]
  readonly isPractice: boolean
  readonly headHash: string | null
  /** Of the first job that names one. */
  readonly order: string | null
  readonly at: Date
  readonly version: string
}

type ReportRequest = Omit<Extract<SaveRequest, { kind: 'service-report' }>, 'kind' | 'format'> & { readonly now: Date }

/** Reads what the report tells. @throws {FlashproofError} job.not-found, journal.*, worker.* */
export async function collectServiceReport(
  client: Pick<Client, 'call'>,
  { jobIds, practice = false, language, now }: ReportRequest,
  signal: AbortSignal,
): Promise<ServiceReport> {
  const jobs: ReportedJob[] = []
  // One after the other: each reads a whole record, and a batch may have a thousand.
  for (const jobId of jobIds) {
    const { entry, record } = await client.call('log.show', { jobId }, { signal })
    if (entry.snapshot.simulated !== practice) {
      throw new FlashproofError('journal.wrong-kind', `job ${jobId} is not of this journal`, { jobId, practice })
    }
    jobs.push({ snapshot: entry.snapshot, record: readRecord(record), sequence: entry.sequence })
  }
  const { headHash } = await client.call('log.list', { jobIds: jobIds.slice(0, 1), practice }, { signal })
  const { version } = await client.call('catalog.get', {}, { signal })
  const order = jobs.map(({ record }) => record?.order ?? null).find(value => value !== null && value !== '') ?? null
  return { language, jobs, isPractice: practice, headHash, order, at: now, version }
}

function readRecord(record: unknown): JobRecord | null {
  const parsed = JobRecord.safeParse(record)
  return parsed.success ? parsed.data : null
}

type Say = (key: ReportText, values?: Readonly<Record<string, string>>) => string

/** @returns a whole HTML document without scripts, that loads nothing; what devices and people wrote is escaped */
export function renderServiceReport(report: ServiceReport): string {
  const messages = messagesFor(report.language)
  const say: Say = (key, values = {}) =>
    text(
      reportTexts[key][report.language].replaceAll(/\{(\w+)\}/g, (whole, name: string) =>
        Object.hasOwn(values, name) ? (values[name] ?? whole) : whole,
      ),
    )
  const styleHash = createHash('sha256').update(serviceReportStyle).digest('base64')
  const proven = report.jobs.filter(({ snapshot }) => isProven(snapshot)).length
  return (
    `<!doctype html>\n<html lang="${report.language}"><head><meta charset="utf-8">` +
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'">` +
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">' +
    `<title>${say('title')}</title><style>${serviceReportStyle}</style></head><body>\n` +
    (report.isPractice ? `<p class="practice">${say('practice')}</p>\n` : '') +
    `<header><h1>${say('title')}</h1><p>${say('summary', { proven: String(proven), all: String(report.jobs.length) })}</p></header>\n` +
    `${headFacts(report, say)}${firmwareFacts(report, say)}${boardTable(report, say, messages)}` +
    `<p class="meaning">${say('meaning')}</p>\n${sealFacts(report, say)}${signatures(say)}` +
    `<footer>${say('madeBy', { version: report.version })}</footer>\n</body></html>\n`
  )
}

function headFacts(report: ServiceReport, say: Say): string {
  const records = report.jobs.flatMap(({ record }) => record ?? [])
  return facts([
    [say('site'), joined(records.map(record => record.station))],
    [say('date'), localTime(report.at, report.language)],
    [say('order'), joined(records.map(record => record.order))],
    [say('operator'), joined(records.map(record => record.operator ?? record.osUser))],
    [say('note'), joined(records.map(record => record.note))],
  ])
}

function firmwareFacts(report: ServiceReport, say: Say): string {
  const images = new Map(report.jobs.map(({ snapshot }) => [snapshot.firmware.imageSha256, snapshot.firmware]))
  const rows = [...images.values()].map((firmware): [string, string] => [
    say('firmware'),
    `${firmware.fileName} (${formatBytes(firmware.sizeBytes)}), SHA-256 ${firmware.imageSha256}`,
  ])
  return facts(rows)
}

function boardTable(report: ServiceReport, say: Say, messages: Messages): string {
  const head = (['board', 'before', 'after', 'proof', 'boardNow', 'time'] as const)
    .map(key => `<th scope="col">${say(key)}</th>`)
    .join('')
  const rows = report.jobs.map(job => boardRow(job, report, say, messages)).join('')
  return `<h2>${say('boards')}</h2>\n<table><thead><tr>${head}</tr></thead><tbody>\n${rows}</tbody></table>\n`
}

function boardRow({ snapshot, record }: ReportedJob, report: ServiceReport, say: Say, messages: Messages): string {
  const { device } = snapshot
  const name = device?.name ?? device?.id ?? device?.mac ?? snapshot.target
  const serial = record?.unitSerial ?? null
  const about = [
    ...new Set([device?.chip, device?.mac ?? device?.usbSerial, snapshot.target].filter(part => part !== undefined)),
  ]
  const version = (value: string | null | undefined): string =>
    value === null || value === undefined || value === '' ? say('notSaid') : text(value)
  // What the board did not say itself counts only where it was proven.
  const after = snapshot.versionAfter ?? (isProven(snapshot) ? record?.image.version : null)
  const outcome = outcomeOf(snapshot, messages)
  return (
    `<tr><td><b>${text(name)}</b><span>${text(about.filter(part => part !== name).join(' · '))}</span>` +
    `${serial === null ? '' : `<span>${say('unitSerial')}: ${text(serial)}</span>`}</td>` +
    `<td>${version(snapshot.versionBefore)}</td><td>${version(after)}</td>` +
    `<td><b class="${outcome.tone}">${text(outcome.label)}</b>${outcome.why === '' ? '' : `<span>${text(outcome.why)}</span>`}${ladder(snapshot, say, messages)}</td>` +
    `<td>${text(messages.words[`board.${snapshot.boardNow}`])}<span>${text(messages.words[`unplug.${snapshot.unplug}`])}</span></td>` +
    `<td>${text(localTime(new Date(snapshot.endedAt ?? snapshot.createdAt), report.language))}</td></tr>\n`
  )
}

/** Which levels were shown, and which a later answer contradicted. */
function ladder({ evidence }: JobSnapshot, say: Say, messages: Messages): string {
  const levelsOf = (wanted: boolean): string => {
    const levels = evidence.filter(fact => (fact.matches === false) === wanted).map(fact => fact.level)
    return [...new Set(levels)].map(level => messages.words[`level.${level}`]).join(', ')
  }
  const [shown, contradicted] = [levelsOf(false), levelsOf(true)]
  return (
    (shown === '' ? '' : `<span>${say('shown', { levels: shown })}</span>`) +
    (contradicted === '' ? '' : `<span class="red">${say('contradicted', { levels: contradicted })}</span>`)
  )
}

interface Outcome {
  readonly tone: 'green' | 'amber' | 'red'
  readonly label: string
  readonly why: string
}

function isProven(job: JobSnapshot): boolean {
  return job.state === 'finished' && job.verdict === 'proven'
}

/** Green is for proven alone. */
function outcomeOf(job: JobSnapshot, { words, errors }: Messages): Outcome {
  const titles: Readonly<Record<string, { readonly title: string }>> = errors
  const code = job.error?.code
  const title = code !== undefined && Object.hasOwn(titles, code) ? titles[code]?.title : code
  const why = job.reason === null ? (title ?? '') : words[`reason.${job.reason}`]
  if (job.state !== 'finished') return { tone: 'red', label: words[`state.${job.state}`], why }
  if (isProven(job)) {
    const level = job.provenLevel === null ? '' : `: ${words[`level.${job.provenLevel}`]}`
    return { tone: 'green', label: `${words['verdict.proven']}${level}`, why: '' }
  }
  if (job.verdict === null || job.verdict === 'unproven') return { tone: 'red', label: words['verdict.unproven'], why }
  return { tone: 'amber', label: words[`verdict.${job.verdict}`], why: '' }
}

function sealFacts(report: ServiceReport, say: Say): string {
  const sequences = report.jobs.flatMap(({ sequence }) => sequence ?? [])
  const rows = facts([
    [say('records'), sequences.map(String).join(', ')],
    [say('headHash'), report.headHash ?? reportTexts.noHeadHash[report.language]],
  ])
  return `<section class="seal"><h2>${say('seal')}</h2>\n${rows}<p>${say('sealMeaning')}</p></section>\n`
}

function signatures(say: Say): string {
  const line = (who: ReportText): string => `<div><b>${say(who)}</b><span>${say('signature')}</span></div>`
  return `<section class="signatures">${line('technician')}${line('customer')}</section>\n`
}

/** @param rows labels are HTML already, values are not; rows without a value are left out */
function facts(rows: readonly (readonly [string, string])[]): string {
  const shown = rows.filter(([, value]) => value !== '')
  return `<dl>${shown.map(([label, value]) => `<div><dt>${label}</dt><dd>${text(value)}</dd></div>`).join('')}</dl>\n`
}

/** Each different value once, in the order in which they came. */
function joined(values: readonly (string | null)[]): string {
  return [...new Set(values.filter(value => value !== null && value !== ''))].join(', ')
}

function localTime(at: Date, language: Language): string {
  return at.toLocaleString(language === 'vi' ? 'vi-VN' : 'en-GB', { dateStyle: 'medium', timeStyle: 'short' })
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text of devices and people in HTML: shown, never interpreted. */
function text(value: string): string {
  return stripControl(value).replace(/[&<>"']/g, character => escapes[character] ?? character)
}
