/** Turns the words of a command line into one typed command. Pure: nothing is read, opened or printed here. */
import type { EvidenceLevel, ExportFormat, LogFilter } from '../shared/contract/index.ts'
import { FlashproofError } from '../shared/errors.ts'
import type { KeyValue, ParsedValue, SecretSource } from './argument-values.ts'
import { parseValue } from './argument-values.ts'
import type { CommandGrammar, OptionGrammar } from './grammar.ts'
import { commandGrammars, findGrammar } from './grammar.ts'
import { nearestWord } from './nearest-word.ts'

export interface FlashCommand {
  readonly kind: 'flash'
  readonly file: string
  readonly targets: readonly string[]
  readonly protocol: string | undefined
  readonly options: readonly KeyValue[]
  readonly secrets: readonly SecretSource[]
  readonly parallel: number | undefined
  readonly first: number | undefined
  readonly stopAfter: number | undefined
  readonly require: EvidenceLevel | undefined
  readonly recipe: string | undefined
  readonly context: readonly KeyValue[]
  readonly expectSha256: string | undefined
  readonly accept: readonly string[]
  readonly waitDeviceMs: number | undefined
  readonly isDryRun: boolean
  readonly isVerbose: boolean
  readonly isJson: boolean
}

export interface ResumeCommand {
  readonly kind: 'resume'
  readonly jobIds: readonly string[]
  readonly accept: readonly string[]
  readonly isVerbose: boolean
  readonly isJson: boolean
}

export interface ConvertCommand {
  readonly kind: 'convert'
  readonly input: string
  readonly output: string
  readonly to: 'bin' | 'hex' | 'srec' | undefined
  readonly base: number | 'lowest' | undefined
  readonly fillByte: number | undefined
  readonly accept: readonly string[]
  readonly isJson: boolean
}

export interface LogExportCommand {
  readonly kind: 'log export'
  readonly format: ExportFormat | undefined
  readonly out: string | undefined
  readonly filter: LogFilter
  readonly isJson: boolean
}

export type ParsedCommand =
  | { readonly kind: 'help'; readonly topic: string | undefined }
  | { readonly kind: 'version' }
  | { readonly kind: 'devices'; readonly waitMs: number | undefined; readonly isJson: boolean }
  | { readonly kind: 'inspect'; readonly file: string; readonly isJson: boolean }
  | ConvertCommand
  | FlashCommand
  | ResumeCommand
  | { readonly kind: 'monitor'; readonly target: string; readonly isJson: boolean }
  | { readonly kind: 'log list'; readonly filter: LogFilter; readonly isJson: boolean }
  | { readonly kind: 'log show'; readonly jobId: string; readonly isJson: boolean }
  | LogExportCommand
  | {
      readonly kind: 'log verify'
      readonly exportPath: string | undefined
      readonly isPractice: boolean
      readonly isJson: boolean
    }
  | { readonly kind: 'simulate'; readonly devices: string | undefined; readonly isJson: boolean }
  | { readonly kind: 'demo'; readonly isJson: boolean }
  | { readonly kind: 'not-in-this-version'; readonly name: string }

const commandNames = [...new Set(commandGrammars.map(grammar => grammar.name.split(' ')[0] ?? ''))]

/**
 * Parses the words after the program's name.
 * @throws {FlashproofError} usage.unknown-command, usage.unknown-option, usage.missing-argument, usage.invalid-value
 */
export function parseCommandLine(argv: readonly string[]): ParsedCommand {
  const [first, second] = argv
  if (first === undefined || first === '--help' || first === '-h') return { kind: 'help', topic: undefined }
  if (first === '--version' || first === '-V') return { kind: 'version' }
  if (first === 'help') return { kind: 'help', topic: helpTopic(argv.slice(1)) }
  if (first.startsWith('-')) {
    throw unknownOption(first, 'flashproof', ['--help', '--version'])
  }
  if (!commandNames.includes(first)) throw unknownCommand(first, [...commandNames, 'help'])
  const group = commandGrammars.filter(grammar => grammar.name.startsWith(`${first} `))
  if (group.length === 0) return parseWith(findGrammar(first), argv.slice(1))
  if (second === '--help' || second === '-h') return { kind: 'help', topic: first }
  const subcommands = group.map(grammar => grammar.name.slice(first.length + 1))
  if (second === undefined) {
    throw new FlashproofError('usage.missing-argument', `${first} wants one of ${subcommands.join(', ')}`, {
      command: first,
      expected: subcommands,
    })
  }
  if (!subcommands.includes(second)) throw unknownCommand(second, subcommands, first)
  return parseWith(findGrammar(`${first} ${second}`), argv.slice(2))
}

function helpTopic(words: readonly string[]): string | undefined {
  const topic = words.filter(word => !word.startsWith('-')).join(' ')
  if (topic === '') return undefined
  const topics = [...commandGrammars.map(grammar => grammar.name), ...commandNames]
  if (!topics.includes(topic)) throw unknownCommand(topic, topics)
  return topic
}

function parseWith(grammar: CommandGrammar | undefined, words: readonly string[]): ParsedCommand {
  if (grammar === undefined) throw new FlashproofError('internal.unexpected', 'a command without a grammar')
  const given = readWords(grammar, words)
  return given === 'help' ? { kind: 'help', topic: grammar.name } : buildCommand(grammar, given)
}

/** What was given, by option name, with the arguments that belong to no option. */
class GivenWords {
  readonly positional: string[] = []
  readonly #values = new Map<string, ParsedValue[]>()

  add(name: string, value: ParsedValue): void {
    this.#values.set(name, [...(this.#values.get(name) ?? []), value])
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** The values of an option; the grammar's kind says which type they are, and only those are returned. */
  list<Value extends ParsedValue>(name: string, isValue: (value: ParsedValue) => value is Value): Value[] {
    return (this.#values.get(name) ?? []).filter(isValue)
  }

  texts(name: string): string[] {
    return this.list(name, isText)
  }

  text(name: string): string | undefined {
    return this.texts(name)[0]
  }

  number(name: string): number | undefined {
    return this.list(name, isNumber)[0]
  }
}

const isText = (value: ParsedValue): value is string => typeof value === 'string'
const isNumber = (value: ParsedValue): value is number => typeof value === 'number'
const isPair = (value: ParsedValue): value is KeyValue => typeof value === 'object' && 'value' in value
const isSecretSource = (value: ParsedValue): value is SecretSource => typeof value === 'object' && 'from' in value

function readWords(grammar: CommandGrammar, words: readonly string[]): GivenWords | 'help' {
  const given = new GivenWords()
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ''
    if (word === '--') {
      given.positional.push(...words.slice(index + 1))
      break
    }
    if (word === '-h' || word === '--help') return 'help'
    if (!word.startsWith('-') || word === '-') {
      given.positional.push(word)
      continue
    }
    index += readOption(grammar, given, word, words[index + 1])
  }
  checkArguments(grammar, given.positional)
  return given
}

/** Reads one option; returns how many further words it took. */
function readOption(grammar: CommandGrammar, given: GivenWords, word: string, next: string | undefined): 0 | 1 {
  const equals = word.indexOf('=')
  const name = equals < 0 ? word : word.slice(0, equals)
  const option = grammar.options.find(candidate => `--${candidate.name}` === name)
  if (option === undefined) {
    throw unknownOption(name, grammar.name, [...grammar.options.map(candidate => `--${candidate.name}`), '--help'])
  }
  if (given.has(option.name) && option.isRepeatable !== true) {
    throw new FlashproofError('usage.invalid-value', `${name} is given twice`, { option: option.name })
  }
  if (option.kind === 'flag') {
    if (equals >= 0) {
      throw new FlashproofError('usage.invalid-value', `${name} takes no value`, { option: option.name })
    }
    given.add(option.name, true)
    return 0
  }
  if (equals >= 0) {
    given.add(option.name, parseValue(option, word.slice(equals + 1)))
    return 0
  }
  if (next === undefined || next.startsWith('--')) throw missingValue(option)
  given.add(option.name, parseValue(option, next))
  return 1
}

function checkArguments(grammar: CommandGrammar, positional: readonly string[]): void {
  const required = grammar.arguments.filter(argument => argument.isOptional !== true)
  const missing = required[positional.length]
  if (missing !== undefined) {
    throw new FlashproofError('usage.missing-argument', `${grammar.name} wants ${missing.name}`, {
      command: grammar.name,
      argument: missing.name,
    })
  }
  const isOpenEnded = grammar.arguments.some(argument => argument.isRepeatable === true)
  const extra = positional[grammar.arguments.length]
  if (extra !== undefined && !isOpenEnded) {
    throw new FlashproofError('usage.invalid-value', `${grammar.name} does not take “${extra}”`, {
      command: grammar.name,
      given: extra,
    })
  }
}

function buildCommand(grammar: CommandGrammar, given: GivenWords): ParsedCommand {
  const isJson = given.has('json')
  const argument = given.positional[0]
  switch (grammar.name) {
    case 'devices':
      return { kind: 'devices', waitMs: given.number('wait'), isJson }
    case 'inspect':
      return { kind: 'inspect', file: argument ?? '', isJson }
    case 'convert':
      return buildConvert(given, isJson)
    case 'flash':
      return buildFlash(given, isJson)
    case 'resume':
      return {
        kind: 'resume',
        jobIds: given.positional,
        accept: given.texts('accept'),
        isVerbose: given.has('verbose'),
        isJson,
      }
    case 'monitor':
      return { kind: 'monitor', target: argument ?? '', isJson }
    case 'log list':
      return { kind: 'log list', filter: buildFilter(given), isJson }
    case 'log show':
      return { kind: 'log show', jobId: argument ?? '', isJson }
    case 'log export':
      return buildExport(given, isJson)
    case 'log verify':
      return { kind: 'log verify', exportPath: argument, isPractice: given.has('practice'), isJson }
    case 'simulate':
      return { kind: 'simulate', devices: given.text('devices'), isJson }
    case 'demo':
      return { kind: 'demo', isJson }
    default:
      return { kind: 'not-in-this-version', name: grammar.name }
  }
}

function buildConvert(given: GivenWords, isJson: boolean): ConvertCommand {
  const [input = '', output = ''] = given.positional
  const isLowest = given.text('base') !== undefined
  return {
    kind: 'convert',
    input,
    output,
    to: oneOf(given.text('to'), ['bin', 'hex', 'srec']),
    base: isLowest ? 'lowest' : given.number('base'),
    fillByte: given.number('fill'),
    accept: given.texts('accept'),
    isJson,
  }
}

function buildFlash(given: GivenWords, isJson: boolean): FlashCommand {
  const targets = given.texts('to')
  if (targets.length === 0) {
    throw new FlashproofError('usage.missing-argument', 'flash wants --to TARGET', { command: 'flash', option: 'to' })
  }
  const secrets = given.list('secret', isSecretSource)
  if (secrets.filter(secret => secret.from === 'standard-input').length > 1) {
    throw new FlashproofError('usage.invalid-value', 'only one --secret can come from standard input', {
      option: 'secret',
    })
  }
  return {
    kind: 'flash',
    file: given.positional[0] ?? '',
    targets,
    protocol: given.text('protocol'),
    options: given.list('set', isPair),
    secrets,
    parallel: given.number('parallel'),
    first: given.number('first'),
    stopAfter: given.number('stop-after'),
    require: oneOf(given.text('require'), ['sent', 'acknowledged', 'received', 'stored', 'running', 'confirmed']),
    recipe: given.text('recipe'),
    context: given.list('context', isPair),
    expectSha256: given.text('expect-sha256'),
    accept: given.texts('accept'),
    waitDeviceMs: given.number('wait-device'),
    isDryRun: given.has('dry-run'),
    isVerbose: given.has('verbose'),
    isJson,
  }
}

function buildExport(given: GivenWords, isJson: boolean): LogExportCommand {
  const out = given.text('out')
  if (isJson && out === undefined) {
    throw new FlashproofError('usage.invalid-value', '--json needs --out: without it stdout holds the export itself', {
      option: 'json',
    })
  }
  const format = oneOf(given.text('format'), ['csv', 'jsonl', 'json', 'html'])
  return { kind: 'log export', format, out, filter: buildFilter(given), isJson }
}

function buildFilter(given: GivenWords): LogFilter {
  const jobIds = given.texts('job')
  const [batchId, order, since, until] = [
    given.text('batch'),
    given.text('order'),
    given.text('since'),
    given.text('until'),
  ]
  return {
    ...(jobIds.length === 0 ? {} : { jobIds }),
    ...(batchId === undefined ? {} : { batchId }),
    ...(order === undefined ? {} : { order }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(given.has('practice') ? { practice: true } : {}),
  }
}

/** Narrows a text that the grammar already checked to the words it may be. */
function oneOf<Word extends string>(text: string | undefined, words: readonly Word[]): Word | undefined {
  return words.find(word => word === text)
}

function unknownCommand(given: string, candidates: readonly string[], group?: string): FlashproofError {
  const nearest = nearestWord(given, candidates)
  const name = group === undefined ? given : `${group} ${given}`
  const suggestion = nearest === undefined ? '' : `; did you mean “${nearest}”?`
  return new FlashproofError('usage.unknown-command', `“${name}”${suggestion}`, {
    given: name,
    nearest: nearest ?? null,
  })
}

function unknownOption(given: string, command: string, candidates: readonly string[]): FlashproofError {
  const nearest = nearestWord(given, candidates)
  const suggestion = nearest === undefined ? '' : `; did you mean ${nearest}?`
  return new FlashproofError('usage.unknown-option', `${command} has no option ${given}${suggestion}`, {
    given,
    command,
    nearest: nearest ?? null,
  })
}

function missingValue(option: Exclude<OptionGrammar, { kind: 'flag' }>): FlashproofError {
  return new FlashproofError('usage.missing-argument', `--${option.name} wants ${option.placeholder}`, {
    option: option.name,
    expected: option.placeholder,
  })
}
