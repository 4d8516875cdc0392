/** Chooses and marks the lines of a log. Pure. */
import type { NumberedLine } from '../../stores/line-ring.ts'
import { visibleText } from './visible-text.ts'

export const logLevels = ['debug', 'info', 'warning', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

/** A line as it is shown. */
export interface ShownLine {
  readonly number: number
  readonly time: string
  readonly level: LogLevel
  readonly code: string
  readonly text: string
}

/** @param least lines below this level are left out */
export function linesAtLeast(lines: readonly NumberedLine[], least: LogLevel): readonly NumberedLine[] {
  const rank = logLevels.indexOf(least)
  return rank === 0 ? lines : lines.filter(line => logLevels.indexOf(line.level) >= rank)
}

export function shownLine(line: NumberedLine): ShownLine {
  return {
    number: line.number,
    time: timeOf(line.at),
    level: line.level,
    code: visibleText(line.code, 64),
    text: visibleText(line.text),
  }
}

/** The places of all lines that hold what is looked for, in any case. */
export function findLines(lines: readonly NumberedLine[], search: string): readonly number[] {
  if (search === '') return []
  const wanted = search.toLowerCase()
  return lines.flatMap((line, index) => {
    const { code, text } = shownLine(line)
    return `${code} ${text}`.toLowerCase().includes(wanted) ? [index] : []
  })
}

export interface TextPart {
  readonly text: string
  readonly isFound: boolean
}

/** Cuts a text where it holds what is looked for. */
export function highlight(text: string, search: string): readonly TextPart[] {
  const [where, wanted] = [text.toLowerCase(), search.toLowerCase()]
  // A letter whose small form has another length would shift every place after it.
  if (wanted === '' || where.length !== text.length) return [{ text, isFound: false }]
  const parts: TextPart[] = []
  let from = 0
  for (let at = where.indexOf(wanted); at !== -1; at = where.indexOf(wanted, from)) {
    if (at > from) parts.push({ text: text.slice(from, at), isFound: false })
    parts.push({ text: text.slice(at, at + wanted.length), isFound: true })
    from = at + wanted.length
  }
  if (from < text.length || parts.length === 0) parts.push({ text: text.slice(from), isFound: false })
  return parts
}

/** The lines as plain text, as they are shown. */
export function linesAsText(lines: readonly NumberedLine[]): string {
  return lines
    .map(line => ({ ...shownLine(line), at: visibleText(line.at, 40) }))
    .map(line => `${line.at} ${line.level.padEnd(7)} ${line.code} ${line.text}`)
    .join('\n')
}

/** The time of day to the millisecond, always as wide. */
export function timeOf(at: string): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return '--:--:--.---'
  const digits = (value: number, width: number): string => String(value).padStart(width, '0')
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(value => digits(value, 2)).join(':')
  return `${clock}.${digits(date.getMilliseconds(), 3)}`
}
