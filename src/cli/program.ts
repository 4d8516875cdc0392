/** Turns the words of a command line into one typed command. Pure: nothing is read, opened or printed here. */
import { FlashproofError } from '../shared/errors.ts'
import { parseValue } from './argument-values.ts'
import { buildCommand } from './build-command.ts'
import { GivenWords } from './given-words.ts'
import type { CommandGrammar, OptionGrammar } from './grammar.ts'
import { commandGrammars, findGrammar } from './grammar.ts'
import { nearestWord } from './nearest-word.ts'
import type { ParsedCommand } from './parsed-command.ts'

const commandNames = [...new Set(commandGrammars.map(grammar => grammar.name.split(' ')[0] ?? ''))]

/** Whether a command line that begins with this word is one of ours; the desktop app opens other words as files. */
export function namesCommand(word: string): boolean {
  return word === 'help' || commandNames.includes(word)
}

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
