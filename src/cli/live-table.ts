/** Draws a batch as lines of text for a terminal of a given width. Pure: the same rows give the same lines. */
import type { EvidenceLevel, JobSnapshot } from '../shared/contract/index.ts'
import type { Language, Messages } from '../shared/messages/index.ts'
import { messagesFor } from '../shared/messages/index.ts'
import { formatDuration, formatRate, formatRatio } from '../shared/units.ts'
import { displayWidth, fitText, padText } from './display-width.ts'
import { levelNames } from './grammar.ts'
import { boardWords, groupOf, hasStopped, lowerFirst, nameOf, outcomeWords, reasonWords, toneOf } from './job-words.ts'
import { relayWords } from './relay-words.ts'
import { chooseRows } from './row-selection.ts'
import type { Paint, Tone } from './terminal-style.ts'
import { painterFor } from './terminal-style.ts'
import type { CliTexts, CountedGroup } from './texts.ts'
import { textsFor } from './texts.ts'

export interface TableOptions {
  /** Width of the terminal; no line is wider. */
  readonly columns: number
  readonly color: boolean
  readonly unicode: boolean
  readonly nowMs: number
  readonly language?: Language
  /** At most this many lines; rows that matter least are then counted instead of drawn. */
  readonly maximumLines?: number
}

interface Layout {
  /** One line a device, or two where one is too narrow. */
  readonly isSingle: boolean
  readonly name: number
  /** The bar and its figures; after a stop, what is on the board and whether it may be unplugged. */
  readonly middle: number
  readonly words: number
  readonly columns: number
}

interface Cell {
  readonly text: string
  readonly tone: Tone
}

interface Look {
  readonly messages: Messages
  readonly texts: CliTexts
  readonly paint: Paint
  readonly glyphs: Glyphs
}

interface Glyphs {
  readonly full: string
  readonly empty: string
  readonly proved: string
  readonly said: string
  readonly missing: string
  readonly contradicted: string
  readonly dot: string
  readonly ellipsis: string
}

const unicodeGlyphs: Glyphs = {
  full: '━',
  empty: '╌',
  proved: '●',
  said: '◐',
  missing: '○',
  contradicted: '✗',
  dot: '·',
  ellipsis: '…',
}
const asciiGlyphs: Glyphs = {
  full: '=',
  empty: '-',
  proved: '#',
  said: '+',
  missing: '.',
  contradicted: 'x',
  dot: '-',
  ellipsis: '~',
}

const LADDER_COLUMNS = levelNames.length
/** One letter a level, so that the ladder reads without colour: sent, acknowledged, received, flash, booted, healthy. */
export const ladderLetters = 'SARFBH'
const MINIMUM_NAME_COLUMNS = 12
const MAXIMUM_NAME_COLUMNS = 32
const PERCENT_COLUMNS = 4
const RATE_COLUMNS = 11
const REMAINING_COLUMNS = 5
const MINIMUM_BAR_COLUMNS = 4
const MAXIMUM_MIDDLE_COLUMNS = 64

/** Draws header, one row a job, legend and counts. Every line is at most `columns` wide. */
export function renderTable(rows: readonly JobSnapshot[], options: TableOptions): string[] {
  const language = options.language ?? 'en'
  const look: Look = {
    messages: messagesFor(language),
    texts: textsFor(language),
    paint: painterFor(options.color),
    glyphs: options.unicode ? unicodeGlyphs : asciiGlyphs,
  }
  const layout = chooseLayout(rows, options.columns, look.messages)
  const header = renderHeader(layout, look)
  const footer = renderFooter(rows, options, look)
  const heights = rows.map(row => rowHeight(row, layout, look))
  const room = (options.maximumLines ?? Number.POSITIVE_INFINITY) - header.length - footer.length
  const shown = chooseRows(rows, heights, room)
  const hidden = rows.filter((_, index) => !shown.has(index))
  const more =
    hidden.length === 0
      ? []
      : [line([quiet(`${look.glyphs.ellipsis} ${describeHidden(hidden, look)}`)], options.columns, look)]
  return [
    ...header,
    ...rows.flatMap((row, index) => (shown.has(index) ? renderRow(row, layout, look) : [])),
    ...more,
    ...footer,
  ]
}

function chooseLayout(rows: readonly JobSnapshot[], columns: number, messages: Messages): Layout {
  const { words } = messages
  const widest = (prefix: string): number =>
    Math.max(...Object.entries(words).map(([id, word]) => (id.startsWith(prefix) ? displayWidth(word) : 0)))
  const middle = widest('board.') + 2 + widest('unplug.')
  const outcome = Math.max(displayWidth(words['verdict.proven']) + 2 + widest('level.'), widest('state.'))
  const longestName = Math.max(MINIMUM_NAME_COLUMNS, ...rows.map(row => displayWidth(nameOf(row))))
  const spaces = 3
  const spare = columns - (MINIMUM_NAME_COLUMNS + middle + LADDER_COLUMNS + outcome + spaces)
  if (spare < 0) {
    const name = Math.max(4, Math.min(longestName, columns - 1 - middle))
    const rest = Math.max(0, columns - name - 1)
    return {
      isSingle: false,
      name,
      middle: Math.min(rest, MAXIMUM_MIDDLE_COLUMNS),
      words: columns - LADDER_COLUMNS - 3,
      columns,
    }
  }
  // Spare room goes to the name first, then evenly to the bar and the words.
  const name = Math.min(longestName, MAXIMUM_NAME_COLUMNS, MINIMUM_NAME_COLUMNS + spare)
  const left = spare - (name - MINIMUM_NAME_COLUMNS)
  const wideMiddle = Math.min(MAXIMUM_MIDDLE_COLUMNS, middle + Math.floor(left / 2))
  return { isSingle: true, name, middle: wideMiddle, words: outcome + left - (wideMiddle - middle), columns }
}

function renderHeader(layout: Layout, look: Look): string[] {
  const { texts } = look
  const name = padText(texts.device, layout.name)
  const middle = padText(texts.boardThenState, layout.middle, 'end', look.glyphs.ellipsis)
  if (layout.isSingle) return [line([quiet(`${name} ${middle} ${ladderLetters}`)], layout.columns, look)]
  return [
    line([quiet(`${name} ${middle}`)], layout.columns, look),
    line([quiet(`  ${ladderLetters}`)], layout.columns, look),
  ]
}

function renderRow(job: JobSnapshot, layout: Layout, look: Look): string[] {
  const name: Cell = { text: `${padText(nameOf(job), layout.name, 'end', look.glyphs.ellipsis)} `, tone: 'plain' }
  const middle = renderMiddle(job, layout.middle, look)
  const ladder = renderLadder(job, look)
  const words: Cell = {
    text: fitText(rowWords(job, layout.words, look), layout.words, look.glyphs.ellipsis),
    tone: toneOf(job),
  }
  const space: Cell = { text: ' ', tone: 'plain' }
  const lines = layout.isSingle
    ? [line([name, ...middle, space, ...ladder, space, words], layout.columns, look)]
    : [
        line([name, ...middle], layout.columns, look),
        line([{ text: '  ', tone: 'plain' }, ...ladder, space, words], layout.columns, look),
      ]
  const reason = hasStopped(job) ? reasonOf(job, look) : null
  if (reason !== null) lines.push(line([{ text: `  ${reason}`, tone: toneOf(job) }], layout.columns, look))
  return lines
}

/** Lines that `renderRow` will give, so that rows which do not fit are never drawn. */
function rowHeight(job: JobSnapshot, layout: Layout, look: Look): number {
  const hasReason = hasStopped(job) && reasonOf(job, look) !== null
  return (layout.isSingle ? 1 : 2) + (hasReason ? 1 : 0)
}

function reasonOf(job: JobSnapshot, look: Look): string | null {
  if (job.state === 'waiting' && job.decision !== null) return `${job.decision.code}: ${job.decision.question}`
  if (job.verdict === 'proven' && job.error === null) return null
  return reasonWords(job, look.messages)
}

/** The outcome, and as much beside it as fits whole. */
function rowWords(job: JobSnapshot, columns: number, look: Look): string {
  const parts = [outcomeWords(job, look.messages)]
  const relay = relayWords(job, look.texts)
  if (relay !== null) parts.push(relay)
  const isMoving = !hasStopped(job) && job.state !== 'queued'
  if (isMoving && job.unplug === 'keep-powered') parts.push(lowerFirst(look.messages.words['unplug.keep-powered']))
  if (job.attempts > 1) parts.push(look.texts.tries(job.attempts))
  if (job.retries > 0) parts.push(look.texts.retried(job.retries))
  let words = parts[0] ?? ''
  for (const part of parts.slice(1)) {
    const longer = `${words} ${look.glyphs.dot} ${part}`
    if (displayWidth(longer) <= columns) words = longer
  }
  return words
}

/** The bar with percent, rate and time to go; after a stop the board's state takes its place. */
function renderMiddle(job: JobSnapshot, columns: number, look: Look): Cell[] {
  if (hasStopped(job)) {
    const board = padText(boardWords(job, look.messages), columns, 'end', look.glyphs.ellipsis)
    return [{ text: board, tone: job.unplug === 'keep-powered' ? 'strong' : 'plain' }]
  }
  const ratio = job.totalBytes > 0 ? Math.min(1, job.doneBytes / job.totalBytes) : 0
  const percent = padText(formatRatio(ratio), PERCENT_COLUMNS, 'start')
  const rate = padText(rateText(job.bytesPerSecond), RATE_COLUMNS, 'start')
  const toGo = job.remainingMs === null || ratio >= 1 ? '' : formatDuration(job.remainingMs)
  const remaining = padText(toGo, REMAINING_COLUMNS, 'start')
  const figures = ` ${percent} ${rate} ${remaining}`
  const bar = columns - displayWidth(figures)
  if (bar < MINIMUM_BAR_COLUMNS) return [{ text: padText(`${percent} ${rate.trim()}`, columns), tone: 'plain' }]
  const full = Math.floor(ratio * bar)
  return [
    { text: look.glyphs.full.repeat(full), tone: 'active' },
    { text: look.glyphs.empty.repeat(bar - full), tone: 'quiet' },
    { text: figures, tone: 'plain' },
  ]
}

function rateText(bytesPerSecond: number | null): string {
  if (bytesPerSecond === null) return ''
  const text = formatRate(bytesPerSecond)
  return text.length <= RATE_COLUMNS ? text : text.replace(/\.\d+/, '')
}

/** Six marks: proved by reading or hashing, only said by the device, contradicted, or not reached. */
function renderLadder(job: JobSnapshot, look: Look): Cell[] {
  const tone = toneOf(job)
  const marks = levelNames.map(level => markOf(job, level, look.glyphs)).join('')
  return [{ text: marks, tone: tone === 'plain' ? 'plain' : tone }]
}

function markOf(job: JobSnapshot, level: EvidenceLevel, glyphs: Glyphs): string {
  const facts = job.evidence.filter(fact => fact.level === level)
  if (facts.length === 0) return glyphs.missing
  if (facts.some(fact => fact.matches === false)) return glyphs.contradicted
  const isProved = facts.some(fact => fact.basis !== 'device-said' && fact.fresh !== false)
  return isProved ? glyphs.proved : glyphs.said
}

function renderFooter(rows: readonly JobSnapshot[], options: TableOptions, look: Look): string[] {
  const { texts, glyphs } = look
  const startedMs = Math.min(...rows.map(row => Date.parse(row.startedAt ?? row.createdAt)))
  const elapsed = Number.isFinite(startedMs) ? [formatDuration(Math.max(0, options.nowMs - startedMs))] : []
  const legend = [
    ...texts.ladderLegend,
    `${glyphs.proved} ${texts.markProved}`,
    `${glyphs.said} ${texts.markSaid}`,
    `${glyphs.contradicted} ${texts.markContradicted}`,
  ]
  const total = [texts.devices(rows.length), ...countParts(rows, texts), ...elapsed]
  return [
    ...wrapParts(legend, options.columns, look).map(text => line([quiet(text)], options.columns, look)),
    ...wrapParts(total, options.columns, look).map(text => line([{ text, tone: 'strong' }], options.columns, look)),
  ]
}

/** Joins parts with a dot between them, on as many lines as they need. */
function wrapParts(parts: readonly string[], columns: number, look: Look): string[] {
  const lines: string[] = []
  for (const part of parts) {
    const last = lines.at(-1)
    const joined = last === undefined ? part : `${last} ${look.glyphs.dot} ${part}`
    if (last !== undefined && displayWidth(joined) <= columns) lines[lines.length - 1] = joined
    else lines.push(part)
  }
  return lines
}

const groupOrder: readonly CountedGroup[] = ['waiting', 'running', 'proven', 'below', 'unproven', 'failed', 'stopped']

/** “3 running”, “4 proven”, “1 not proven”; groups without a job are left out. */
function countParts(rows: readonly JobSnapshot[], texts: CliTexts): string[] {
  return groupOrder
    .map(group => ({ group, count: rows.filter(row => groupOf(row) === group).length }))
    .filter(({ count }) => count > 0)
    .map(({ group, count }) => texts.counted[group](count))
}

function describeHidden(hidden: readonly JobSnapshot[], look: Look): string {
  return `${look.texts.more(hidden.length)}: ${countParts(hidden, look.texts).join(', ')}`
}

function quiet(text: string): Cell {
  return { text, tone: 'quiet' }
}

/** Joins cells, cutting what would go beyond the width, and paints each. */
function line(cells: readonly Cell[], columns: number, look: Look): string {
  let left = columns
  let painted = ''
  for (const cell of cells) {
    const text = fitText(cell.text, left, look.glyphs.ellipsis)
    left -= displayWidth(text)
    painted += look.paint(cell.tone, text)
    if (left <= 0) break
  }
  return painted.trimEnd()
}
