/** Writes the help pages from the grammar. */
import type { CommandGrammar, OptionGrammar } from './grammar.ts'
import { commandGrammars } from './grammar.ts'

/** Writes the overview, or the page of one command or of a group such as `log`. */
export function renderHelp(topic: string | undefined): string {
  if (topic === undefined) return renderOverview()
  const pages = commandGrammars.filter(grammar => grammar.name === topic || grammar.name.startsWith(`${topic} `))
  return pages.map(renderCommand).join('\n')
}

function renderOverview(): string {
  const width = Math.max(...commandGrammars.map(grammar => grammar.name.length))
  return [
    'flashproof — sends firmware to boards and shows only what each board has proved',
    '',
    'Usage: flashproof COMMAND [ARGUMENTS] [OPTIONS]',
    '',
    ...commandGrammars.map(grammar => `  ${grammar.name.padEnd(width)}  ${grammar.summary}`),
    '',
    'flashproof COMMAND --help shows the options of a command; flashproof --version the version.',
    'Exit codes: 0 all proved as required, 1 a job failed or is unproven, 2 usage or bad input, 130 cancelled.',
    'All state lives under FLASHPROOF_HOME (default: the user-data folder of this account).',
    '',
  ].join('\n')
}

function renderCommand(grammar: CommandGrammar): string {
  const usage = [
    'flashproof',
    grammar.name,
    ...grammar.arguments.map(argument => {
      const name = argument.isRepeatable === true ? `${argument.name}…` : argument.name
      return argument.isOptional === true ? `[${name}]` : name
    }),
    ...(grammar.options.length === 0 ? [] : ['[OPTIONS]']),
  ].join(' ')
  const terms = grammar.options.map(optionTerm)
  const width = Math.max(0, ...terms.map(term => term.length))
  return [
    `Usage: ${usage}`,
    '',
    grammar.summary,
    ...(grammar.options.length === 0 ? [] : ['']),
    ...grammar.options.map((option, index) => {
      const repeat = option.isRepeatable === true ? ' (repeatable)' : ''
      return `  ${(terms[index] ?? '').padEnd(width)}  ${option.help}${repeat}`
    }),
    ...(grammar.notes === undefined ? [] : ['', ...grammar.notes]),
    '',
  ].join('\n')
}

function optionTerm(option: OptionGrammar): string {
  return option.kind === 'flag' ? `--${option.name}` : `--${option.name} ${option.placeholder}`
}
