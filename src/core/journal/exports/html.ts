/**
 * The report that a technician hands over: one self-contained HTML file, made for A4, without scripts or outside
 * resources. What devices said is escaped; the records themselves are inside, for `log verify`.
 */
import { createHash } from 'node:crypto'
import type { JobLogLine, TelemetrySample } from '../../../shared/contract/models.ts'
import type { JobRecord } from '../../../shared/contract/record.ts'
import { messagesFor } from '../../../shared/messages/index.ts'
import { formatAddress, formatBytes, formatDuration, stripControl } from '../../../shared/units.ts'
import { readDetailRows } from '../detail-rows.ts'
import { parseStored, toChunk, toLogLine } from '../job-reader.ts'
import type { Database } from '../sqlite.ts'
import type { ExportScope, ExportWriter } from './export-writer.ts'
import { type CurvePoint, evidenceLadder, memoryChart, progressChart } from './html-charts.ts'
import { reportStyle } from './html-style.ts'
import { escapeHtml } from './html-text.ts'
import { recordLine } from './json-lines.ts'
import { deviceNameOf, outcomeOf } from './outcome.ts'
import type { SealedJob } from './record-source.ts'

const { words } = messagesFor('en')

const MAXIMUM_POINTS = 180
const MAXIMUM_LOG_LINES = 400

/** What stands around a record's JSON in its line at the end of the report. */
export const htmlRecordLine = { before: '<pre class="record">', after: '</pre>' } as const

export const htmlWriter: ExportWriter = {
  *begin(scope) {
    yield pageHead(scope)
    yield* summaryTable(scope)
    yield '<h2>Devices</h2>\n'
  },
  *record(job, scope) {
    yield card(job, scope)
  },
  *end(scope) {
    yield sealSection(scope)
    for (const job of scope.records()) {
      yield `${htmlRecordLine.before}${escapeHtml(recordLine(job.link, job.entry.record.simulated))}${htmlRecordLine.after}\n`
    }
    yield '</body></html>\n'
  },
}

function text(value: string): string {
  return escapeHtml(stripControl(value))
}

function pageHead(scope: ExportScope): string {
  const { manifest } = scope
  const styleHash = createHash('sha256').update(reportStyle).digest('base64')
  const isPractice = manifest.kind === 'practice'
  const practice = isPractice
    ? '<div class="watermark" aria-hidden="true"><span>PRACTICE</span></div>' +
      '<p class="practice-banner">PRACTICE: virtual devices only. No real board was written.</p>'
    : ''
  const title = `Firmware transfer report${isPractice ? ' (PRACTICE)' : ''}`
  const stations = new Set<string>()
  for (const job of scope.records()) if (stations.size < 4) stations.add(job.entry.record.station)
  return (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">' +
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'">` +
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">' +
    `<title>${title}</title><style>${reportStyle}</style></head><body>\n${practice}` +
    `<header class="head"><div><h1>${title}</h1><p>${[...stations].map(text).join(', ')}</p></div>` +
    `<div class="brand"><b>Flashproof</b>${text(shortTime(manifest.generatedAt))}</div></header>\n`
  )
}

function* summaryTable(scope: ExportScope): Generator<string> {
  const counts = { green: 0, amber: 0, red: 0 }
  for (const job of scope.records()) counts[outcomeOf(job.entry.record).tone]++
  const box = (tone: keyof typeof counts, label: string): string =>
    `<div class="count ${counts[tone] > 0 ? tone : ''}"><b>${String(counts[tone])}</b><span>${label}</span></div>`
  yield `<div class="counts">${box('green', 'proven')}${box('amber', 'accepted, not compared with flash')}${box('red', 'not proven or failed')}</div>\n`
  yield '<table class="summary"><thead><tr><th>No.</th><th>Device</th><th>Firmware</th><th>Result</th><th>Board now</th><th>Ended</th></tr></thead><tbody>\n'
  for (const job of scope.records()) yield summaryRow(job)
  yield '</tbody></table>\n'
}

function summaryRow({ link, entry: { record } }: SealedJob): string {
  const outcome = outcomeOf(record)
  const version = record.versionAfter ?? record.image.version
  const sub = (value: string): string => (value === '' ? '' : `<span class="sub">${text(value)}</span>`)
  return (
    `<tr><td class="number">${String(link.sequence)}</td>` +
    `<td>${text(deviceNameOf(record))}${sub(deviceNameOf(record) === record.target ? '' : record.target)}</td>` +
    `<td>${text(record.source.fileName)}${sub(version === null ? '' : `version ${version}`)}</td>` +
    `<td><span class="pill ${outcome.tone}">${text(outcome.label)}</span>${sub(outcome.why)}</td>` +
    `<td>${text(words[`board.${record.boardNow}`])}${sub(words[`unplug.${record.unplug}`])}</td>` +
    `<td class="number">${text(shortTime(record.endedAt).slice(0, 16))}${sub(durationOf(record))}</td></tr>\n`
  )
}

function card(job: SealedJob, scope: ExportScope): string {
  const { record } = job.entry
  const outcome = outcomeOf(record)
  const drawings = job.isNewest
    ? `<div class="charts">${progressChart(progressPoints(scope.database, job), record.totalBytes)}${memoryChart(memorySamples(scope.database, job))}</div>`
    : '<p class="say">The job went on later; its curves and log are with its last record.</p>'
  return (
    `<section class="card ${outcome.tone}"><h3>${String(job.link.sequence)}. ${text(deviceNameOf(record))}` +
    `<span class="pill ${outcome.tone}">${text(outcome.label)}</span></h3>` +
    `<p class="now"><b>${text(words[`board.${record.boardNow}`])}</b> on the board · <b>${text(words[`unplug.${record.unplug}`])}</b>` +
    `${outcome.why === '' ? '' : ` · ${text(outcome.why)}`}</p>${facts(record)}${evidenceLadder(record)}${drawings}` +
    `${sayings(record)}${job.isNewest ? logSection(scope.database, job) : ''}</section>\n`
  )
}

function facts(record: JobRecord): string {
  const { device, image, source } = record
  const rows: [string, string | null, boolean?][] = [
    ['Target', record.target],
    ['Protocol', record.protocol],
    [
      'Device',
      device === null ? null : [device.chip, device.board, device.mac, device.usbSerial].filter(Boolean).join(' · '),
    ],
    ['Unit serial', record.unitSerial],
    ['File', `${source.fileName} (${source.format}, ${formatBytes(source.sizeBytes)})`],
    [
      'Image',
      `${formatBytes(image.sizeBytes)}${image.baseAddress === null ? '' : ` at ${formatAddress(image.baseAddress)}`}`,
    ],
    ['Version', versionText(record)],
    ['Operator', record.operator ?? record.osUser],
    ['Order', record.order],
    ['Started', record.startedAt === null ? null : shortTime(record.startedAt)],
    ['Ended', `${shortTime(record.endedAt)} (${durationOf(record)})`],
    ['Sent', `${formatBytes(record.doneBytes)} of ${formatBytes(record.totalBytes)}`],
    ['Tries', `${String(record.attempts)}, ${String(record.retries)} repeated requests`],
    ['Note', record.note],
    ...Object.entries(record.context).map(([key, value]): [string, string] => [key, value]),
    ['Image SHA-256', image.sha256, true],
    ['File SHA-256', source.sha256, true],
  ]
  const cells = rows
    .filter(([, value]) => value !== null && value !== '')
    .map(
      ([label, value, isCode]) =>
        `<div${isCode === true ? ' class="wide"' : ''}><dt>${text(label)}</dt><dd${isCode === true ? ' class="mono"' : ''}>${text(value ?? '')}</dd></div>`,
    )
  return `<dl class="facts">${cells.join('')}</dl>`
}

function versionText(record: JobRecord): string | null {
  const after = record.versionAfter ?? record.image.version
  if (after === null) return record.versionBefore
  return record.versionBefore === null ? after : `${record.versionBefore} → ${after}`
}

function sayings(record: JobRecord): string {
  const parts: string[] = []
  if (record.error !== null) {
    parts.push(`<p class="say red"><b>${text(record.error.code)}</b> ${text(record.error.message)}</p>`)
  }
  for (const fact of record.evidence) {
    if (fact.matches === false) {
      parts.push(`<p class="say red">Contradicts our image: ${text(fact.method)} gave ${text(fact.value)}</p>`)
    }
  }
  for (const decision of record.decisions) {
    const who = decision.answeredBy === null ? '' : ` by ${decision.answeredBy}`
    parts.push(`<p class="say"><b>${text(decision.code)}</b> ${text(`${decision.answer ?? 'not answered'}${who}`)}</p>`)
  }
  const { why } = outcomeOf(record)
  for (const warning of record.warnings.filter(warning => warning !== why))
    parts.push(`<p class="say">${text(warning)}</p>`)
  return parts.join('')
}

function logSection(database: Database, job: SealedJob): string {
  if (job.prunedAt !== null) return `<p class="say">Log and telemetry were pruned ${text(shortTime(job.prunedAt))}.</p>`
  const lines: JobLogLine[] = []
  let total = 0
  for (const row of readDetailRows(database, 'log_lines', job.jobKey, job.entry.digests.log_lines.lastId)) {
    total++
    lines.push(toLogLine(row))
    if (lines.length > MAXIMUM_LOG_LINES) lines.shift()
  }
  if (total === 0) return ''
  const rows = lines.map(
    line =>
      `<tr class="${line.level}"><td>${text((line.elapsedMs / 1000).toFixed(3))}</td><td>${text(line.code)}</td><td>${text(line.text)}</td></tr>`,
  )
  const shown = total > lines.length ? `, the last ${String(lines.length)} shown` : ''
  return `<details><summary>Log: ${String(total)} lines${shown}</summary><table class="log mono">${rows.join('')}</table></details>`
}

// Counted from the ledger's rows: every point is an acknowledged part. A resumed job's clock may begin anew.
function progressPoints(database: Database, job: SealedJob): CurvePoint[] {
  const { lastId, count } = job.entry.digests.chunks
  const every = Math.max(1, Math.ceil(count / MAXIMUM_POINTS))
  const points: CurvePoint[] = []
  let have = new Set<number>()
  let session: number | null = null
  let done = 0
  let offsetMs = 0
  let lastMs = 0
  let index = 0
  for (const row of readDetailRows(database, 'chunks', job.jobKey, lastId)) {
    const chunk = toChunk(row)
    if (chunk.session !== session) {
      session = chunk.session
      have = new Set()
      done = 0
    }
    if (!have.has(chunk.index)) done += chunk.sizeBytes
    have.add(chunk.index)
    if (chunk.elapsedMs + offsetMs < lastMs) offsetMs = lastMs
    lastMs = chunk.elapsedMs + offsetMs
    index++
    if (index === 1) points.push({ elapsedMs: Math.max(0, lastMs - chunk.durationMs), value: 0 })
    if (index % every === 0 || index === count || done === 0) points.push({ elapsedMs: lastMs, value: done })
  }
  return points
}

function memorySamples(database: Database, job: SealedJob): TelemetrySample[] {
  const { lastId, count } = job.entry.digests.telemetry
  const every = Math.max(1, Math.ceil(count / MAXIMUM_POINTS))
  const samples: TelemetrySample[] = []
  let index = 0
  for (const row of readDetailRows(database, 'telemetry', job.jobKey, lastId)) {
    if (index % every === 0) samples.push(parseStored('sample', row[0]))
    index++
  }
  return samples
}

function sealSection(scope: ExportScope): string {
  const { manifest } = scope
  const part = manifest.complete
    ? 'It holds the whole chain of this station.'
    : 'It holds a part of the chain, chosen by a filter.'
  const key = manifest.publicKey === null ? '' : `<p>Station key <span class="mono">${manifest.publicKey}</span></p>`
  return (
    `<section class="seal"><p>This report holds ${String(manifest.records)} records. ${part}</p>` +
    `<p>Head of the chain, number ${String(manifest.headSequence)}<br><span class="mono">${manifest.headHash ?? 'none'}</span></p>${key}` +
    '<p>Check this file on any computer with <span class="mono">flashproof log verify FILE</span>. ' +
    'Keep the head hash apart from the file: only an outside copy shows that nothing was cut off and made anew.</p></section>\n'
  )
}

function durationOf(record: JobRecord): string {
  const total = Object.entries(record.stateDurationsMs).reduce((sum, [, durationMs]) => sum + durationMs, 0)
  if (total > 0) return formatDuration(total)
  const from = Date.parse(record.startedAt ?? record.createdAt)
  return formatDuration(Math.max(0, Date.parse(record.endedAt) - from))
}

/** `2026-11-21T10:14:03.120+07:00` -> `2026-11-21 10:14:03 +07:00`. */
function shortTime(iso: string): string {
  return iso.replace(/^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?(.*)$/, '$1 $2 $3')
}
