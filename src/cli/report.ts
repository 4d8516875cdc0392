/** Everything a command says: results on stdout, words for people beside it, errors in both forms. */
import { SCHEMA } from './json-schema-version.ts'
import type { ErrorCode, ErrorDetails } from '../shared/errors.ts'
import { asFlashproofError, errorTable } from '../shared/errors.ts'
import type { Language, Messages } from '../shared/messages/index.ts'
import { messagesFor } from '../shared/messages/index.ts'
import { stripControl } from '../shared/units.ts'
import type { CliHost, TextOutput } from './host.ts'
import type { CliTexts } from './texts.ts'
import { textsFor } from './texts.ts'

export interface Report {
  readonly isJson: boolean
  readonly language: Language
  readonly messages: Messages
  readonly texts: CliTexts
  /** A command's result for people, on stdout; nothing when JSON was asked for. */
  result(text: string): void
  /** One JSON object as a line on stdout; nothing without `--json`. */
  json(value: object): void
  /** A line on stderr. */
  notice(text: string): void
  /** Reports an error; @returns its exit code */
  error(thrown: unknown, options?: ErrorReportOptions): number
  /** Where progress and summaries for people go, or null where only JSON is wanted. */
  readonly people: TextOutput | null
}

export interface ErrorReportOptions {
  /** Instead of the table's hint. */
  readonly hint?: string
}

export function createReport(host: CliHost, language: Language, isJson: boolean): Report {
  const messages = messagesFor(language)
  const people = choosePeopleOutput(host, isJson)
  return {
    isJson,
    language,
    messages,
    texts: textsFor(language),
    people,
    result(text) {
      if (!isJson) host.stdout.write(`${text}\n`)
    },
    json(value) {
      if (isJson) host.stdout.write(`${JSON.stringify({ schema: SCHEMA, ...value })}\n`)
    },
    notice(text) {
      host.stderr.write(`${text}\n`)
    },
    error(thrown, options = {}) {
      const error = asFlashproofError(thrown)
      const hint = options.hint ?? messages.errors[error.code].hint
      this.json({ type: 'error', code: error.code, message: error.message, details: error.details, hint })
      host.stderr.write(`${errorLine(error, hint, messages)}\n`)
      return errorTable[error.code].exitCode
    },
  }
}

/** Text for people goes to stderr when stdout is no terminal; beside JSON on a terminal it would only disturb. */
function choosePeopleOutput(host: CliHost, isJson: boolean): TextOutput | null {
  if (!host.stdout.isTerminal) return host.stderr
  return isJson ? null : host.stdout
}

/** `flashproof: <title>: <what and where>. <hint>`, always one line. */
export function errorLine(
  error: { readonly code: ErrorCode; readonly message: string; readonly details: ErrorDetails },
  hint: string,
  messages: Messages,
): string {
  const what = `${stripControl(error.message, 600).replace(/[.\s]+$/, '')}${missingFacts(error.message, error.details)}`
  const sentence = what === '' ? messages.errors[error.code].title : `${messages.errors[error.code].title}: ${what}`
  return `flashproof: ${sentence}${/[?!]$/.test(sentence) ? '' : '.'} ${hint}`
}

/** The place, and what could have been given instead, where the message does not name them itself. */
function missingFacts(message: string, details: ErrorDetails): string {
  const place = [details['target'], details['path']].find(value => typeof value === 'string')
  const choices = [details['known'], details['candidates']]
    .find(isTextList)
    ?.filter(choice => !message.includes(choice))
  return [
    place === undefined || message.includes(place) ? '' : ` (${stripControl(place, 200)})`,
    choices === undefined || choices.length === 0 ? '' : `; known: ${stripControl(choices.join(', '), 600)}`,
  ].join('')
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(entry => typeof entry === 'string')
}
