/**
 * Options described as data. A protocol lists its options once; the command line's flags, the form on the page and the
 * check of the values all come from that list.
 */
import { FlashproofError } from './errors.ts'
import type { LocalText } from './messages/index.ts'

interface OptionBase {
  /** camelCase with the unit in it, such as `chunkBytes`; what `--set KEY=VALUE` names. */
  readonly key: string
  readonly label: LocalText
  readonly help: LocalText
}

export interface IntegerOption extends OptionBase {
  readonly kind: 'integer'
  readonly minimum: number
  readonly maximum: number
  /** Whether the word `auto` is allowed: the protocol then chooses by what the device tells. */
  readonly isAutoAllowed: boolean
  readonly defaultValue: number | 'auto'
}

export interface ChoiceOption extends OptionBase {
  readonly kind: 'choice'
  readonly choices: readonly { readonly value: string; readonly label: LocalText }[]
  readonly defaultValue: string
}

export interface FlagOption extends OptionBase {
  readonly kind: 'flag'
  readonly defaultValue: boolean
}

export interface TextOption extends OptionBase {
  readonly kind: 'text'
  readonly maximumLength: number
  readonly defaultValue: string
}

/** A value that never reaches the journal, a log or an export. */
export interface SecretOption extends OptionBase {
  readonly kind: 'secret'
}

export type OptionSpec = IntegerOption | ChoiceOption | FlagOption | TextOption | SecretOption
export type OptionValue = string | number | boolean
export type OptionValues = Readonly<Record<string, OptionValue>>

/**
 * Checks raw values (text from a command line, or typed values from a form) against the specs and fills in defaults.
 * @throws {FlashproofError} option.unknown, option.invalid
 */
export function parseOptions(
  specs: readonly OptionSpec[],
  raw: Readonly<Record<string, OptionValue | undefined>>,
): OptionValues {
  const known = new Map(specs.map(spec => [spec.key, spec]))
  for (const key of Object.keys(raw)) {
    if (!known.has(key)) {
      throw new FlashproofError('option.unknown', `there is no option “${key}”`, { key, known: [...known.keys()] })
    }
  }
  const values: Record<string, OptionValue> = {}
  for (const spec of specs) {
    const given = Object.hasOwn(raw, spec.key) ? raw[spec.key] : undefined
    if (given !== undefined) values[spec.key] = parseOption(spec, given)
    else if (spec.kind !== 'secret') values[spec.key] = spec.defaultValue
  }
  return values
}

function parseOption(spec: OptionSpec, given: OptionValue): OptionValue {
  switch (spec.kind) {
    case 'integer': {
      if (spec.isAutoAllowed && given === 'auto') return 'auto'
      const value = typeof given === 'number' ? given : /^-?\d{1,15}$/.test(String(given)) ? Number(given) : Number.NaN
      if (Number.isInteger(value) && value >= spec.minimum && value <= spec.maximum) return value
      const auto = spec.isAutoAllowed ? ', or auto' : ''
      throw invalid(spec, given, `a whole number from ${String(spec.minimum)} to ${String(spec.maximum)}${auto}`)
    }
    case 'choice': {
      if (spec.choices.some(choice => choice.value === given)) return given
      throw invalid(spec, given, `one of ${spec.choices.map(choice => choice.value).join(', ')}`)
    }
    case 'flag': {
      if (typeof given === 'boolean') return given
      if (given === 'true' || given === 'on' || given === 'yes') return true
      if (given === 'false' || given === 'off' || given === 'no') return false
      throw invalid(spec, given, 'on or off')
    }
    case 'text': {
      if (typeof given === 'string' && given.length <= spec.maximumLength) return given
      throw invalid(spec, given, `a text of at most ${String(spec.maximumLength)} characters`)
    }
    case 'secret': {
      if (typeof given === 'string') return given
      throw new FlashproofError('option.invalid', `“${spec.key}” wants a text`, { key: spec.key, expected: 'a text' })
    }
  }
}

function invalid(spec: OptionSpec, given: OptionValue, expected: string): FlashproofError {
  return new FlashproofError('option.invalid', `“${spec.key}” is ${String(given)}, it must be ${expected}`, {
    key: spec.key,
    given,
    expected,
  })
}
