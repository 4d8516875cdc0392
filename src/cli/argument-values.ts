/** Turns the text of one command-line value into what it means, or says in one sentence what it should have been. */
import { FlashproofError } from '../shared/errors.ts'
import { isPlainKey, plainKeyRule } from '../shared/plain-key.ts'
import type { OptionGrammar } from './grammar.ts'
import { nearestWord } from './nearest-word.ts'

export interface KeyValue {
  readonly key: string
  readonly value: string
}

/** Where a secret comes from; its value is read only when the command runs. */
export type SecretSource =
  | { readonly key: string; readonly from: 'environment'; readonly name: string }
  | { readonly key: string; readonly from: 'file'; readonly path: string }
  | { readonly key: string; readonly from: 'standard-input' }

export type ParsedValue = string | number | boolean | KeyValue | SecretSource

const MAX_ADDRESS = 0xffff_ffff

/**
 * Parses one option's value by its grammar.
 * @throws {FlashproofError} usage.invalid-value
 */
export function parseValue(option: Exclude<OptionGrammar, { kind: 'flag' }>, text: string): ParsedValue {
  switch (option.kind) {
    case 'text':
      return text === '' ? refuse(option, text, 'a text that is not empty') : text
    case 'integer':
      return parseInteger(option, text)
    case 'seconds':
      return parseSeconds(option, text)
    case 'address':
      return parseAddress(option, text)
    case 'choice':
      return parseChoice(option, text)
    case 'pair':
      return parsePair(option, text)
    case 'secret':
      return parseSecretSource(option, text)
    case 'sha256':
      return /^[0-9a-f]{64}$/i.test(text) ? text.toLowerCase() : refuse(option, text, '64 hexadecimal digits')
    case 'date':
      return isIsoDate(text) ? text : refuse(option, text, 'an ISO 8601 date or time such as 2026-11-21')
  }
}

function parseInteger(option: OptionGrammar & { kind: 'integer' }, text: string): number {
  const value = /^\d{1,10}$|^0x[0-9a-f]{1,8}$/i.test(text) ? Number(text) : Number.NaN
  if (value >= option.minimum && value <= option.maximum) return value
  return refuse(option, text, `a whole number from ${String(option.minimum)} to ${String(option.maximum)}`)
}

function parseSeconds(option: OptionGrammar & { kind: 'seconds' }, text: string): number {
  const seconds = /^\d{1,7}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN
  if (seconds >= 0 && seconds <= option.maximumSeconds) return Math.round(seconds * 1000)
  return refuse(option, text, `seconds from 0 to ${String(option.maximumSeconds)}`)
}

function parseAddress(option: OptionGrammar & { kind: 'address' }, text: string): number | string {
  if (option.word !== undefined && text === option.word) return text
  const address = /^0x[0-9a-f]{1,8}$/i.test(text) || /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (address <= MAX_ADDRESS) return address
  const word = option.word === undefined ? '' : `, or ${option.word}`
  return refuse(option, text, `an address from 0x0 to 0xFFFFFFFF${word}`)
}

function parseChoice(option: OptionGrammar & { kind: 'choice' }, text: string): string {
  if (option.choices.includes(text)) return text
  const nearest = nearestWord(text, option.choices)
  const suggestion = nearest === undefined ? '' : `; did you mean ${nearest}?`
  return refuse(option, text, `one of ${option.choices.join(', ')}${suggestion}`)
}

function parsePair(option: OptionGrammar, text: string): KeyValue {
  const at = text.indexOf('=')
  if (at < 1) return refuse(option, text, 'KEY=VALUE')
  return { key: plainKey(option, text.slice(0, at)), value: text.slice(at + 1) }
}

function plainKey(option: OptionGrammar, key: string): string {
  if (isPlainKey(key)) return key
  throw new FlashproofError(
    'usage.invalid-value',
    `the key “${key}” of --${option.name} is no plain word (${plainKeyRule})`,
    { option: option.name, key, expected: plainKeyRule },
  )
}

function parseSecretSource(option: OptionGrammar, text: string): SecretSource {
  const at = text.indexOf('=')
  const key = at < 1 ? '' : plainKey(option, text.slice(0, at))
  const source = text.slice(at + 1)
  if (at >= 1 && source === '-') return { key, from: 'standard-input' }
  if (at >= 1 && /^env:./.test(source)) return { key, from: 'environment', name: source.slice(4) }
  if (at >= 1 && /^file:./.test(source)) return { key, from: 'file', path: source.slice(5) }
  // The text is not repeated: somebody may have written the secret itself.
  const expected = 'KEY=env:NAME, KEY=file:PATH or KEY=- (the secret itself must not be on the command line)'
  throw new FlashproofError('usage.invalid-value', `--${option.name} must be ${expected}`, {
    option: option.name,
    expected,
  })
}

function isIsoDate(text: string): boolean {
  return (
    /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/.test(text) && !Number.isNaN(Date.parse(text))
  )
}

function refuse(option: OptionGrammar, given: string, expected: string): never {
  throw new FlashproofError('usage.invalid-value', `--${option.name} is “${given}”, it must be ${expected}`, {
    option: option.name,
    given,
    expected,
  })
}
