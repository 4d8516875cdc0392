/** Everything a command says: results on stdout, words for people beside it, errors in both forms. */
import { SCHEMA } from './json-schema-version.ts'
import type { ErrorCode } from '../shared/errors.ts'
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
      host.stderr.write(`${errorLine(error.code, error.message, hint, messages)}\n`)
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
export function errorLine(code: ErrorCode, message: string, hint: string, messages: Messages): string {
  const what = stripControl(message, 600).replace(/[.\s]+$/, '')
  const sentence = what === '' ? messages.errors[code].title : `${messages.errors[code].title}: ${what}`
  return `flashproof: ${sentence}${/[?!]$/.test(sentence) ? '' : '.'} ${hint}`
}
