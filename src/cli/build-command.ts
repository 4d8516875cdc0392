/** Makes the typed command out of the words that the grammar let through. */
import type { LogFilter } from '../shared/contract/index.ts'
import { FlashproofError } from '../shared/errors.ts'
import type { GivenWords } from './given-words.ts'
import { isPair, isSecretSource } from './given-words.ts'
import type { CommandGrammar } from './grammar.ts'
import type {
  ConvertCommand,
  DevicesCommand,
  FlashCommand,
  LogExportCommand,
  MonitorCommand,
  ParsedCommand,
} from './parsed-command.ts'

/** @throws {FlashproofError} usage.missing-argument, usage.invalid-value */
export function buildCommand(grammar: CommandGrammar, given: GivenWords): ParsedCommand {
  const isJson = given.has('json')
  const argument = given.positional[0]
  switch (grammar.name) {
    case 'devices':
      return buildDevices(given, isJson)
    case 'inspect':
      return { kind: 'inspect', file: argument ?? '', variant: given.text('variant'), isJson }
    case 'convert':
      return buildConvert(given, isJson)
    case 'flash':
      return buildFlash(given, isJson)
    case 'resume':
      return {
        kind: 'resume',
        jobIds: given.positional,
        secrets: secretsOf(given),
        accept: given.texts('accept'),
        isVerbose: given.has('verbose'),
        isJson,
      }
    case 'monitor':
      return buildMonitor(given, isJson)
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
    case 'serve':
      return { kind: 'serve', port: given.number('port'), isSimulating: given.has('simulate'), isJson }
    case 'demo':
      return { kind: 'demo', isJson }
    default:
      return { kind: 'not-in-this-version', name: grammar.name }
  }
}

function buildMonitor(given: GivenWords, isJson: boolean): MonitorCommand {
  const logFile = given.text('log-file')
  const onlyWithFile = ['log-size', 'log-keep'].find(option => logFile === undefined && given.has(option))
  if (onlyWithFile !== undefined) {
    throw new FlashproofError('usage.missing-argument', `--${onlyWithFile} belongs to --log-file PATH`, {
      command: 'monitor',
      option: 'log-file',
    })
  }
  return {
    kind: 'monitor',
    target: given.positional[0] ?? '',
    baudRate: given.number('baud'),
    isRestarting: given.has('reset'),
    send: given.texts('send'),
    lineEnd: oneOf(given.text('line-end'), ['lf', 'crlf', 'cr', 'none']),
    logFile,
    logSizeMiB: given.number('log-size'),
    logKept: given.number('log-keep'),
    elf: given.text('elf'),
    isJson,
  }
}

function buildDevices(given: GivenWords, isJson: boolean): DevicesCommand {
  const scan = given.text('scan')
  const onlyWithScan = ['rate', 'port', 'public'].find(option => scan === undefined && given.has(option))
  if (onlyWithScan !== undefined) {
    throw new FlashproofError('usage.missing-argument', `--${onlyWithScan} belongs to --scan CIDR`, {
      command: 'devices',
      option: 'scan',
    })
  }
  return {
    kind: 'devices',
    waitMs: given.number('wait'),
    scan,
    ratePerSecond: given.number('rate'),
    httpPorts: given.list('port', value => typeof value === 'number'),
    isPublicAllowed: given.has('public'),
    isIdentifying: given.has('identify'),
    importPath: given.text('import'),
    exportPath: given.text('export'),
    isJson,
  }
}

/** @throws {FlashproofError} usage.invalid-value */
function secretsOf(given: GivenWords): FlashCommand['secrets'] {
  const secrets = given.list('secret', isSecretSource)
  if (secrets.filter(secret => secret.from === 'standard-input').length <= 1) return secrets
  throw new FlashproofError('usage.invalid-value', 'only one --secret can come from standard input', {
    option: 'secret',
  })
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
    variant: given.text('variant'),
    accept: given.texts('accept'),
    isJson,
  }
}

function buildFlash(given: GivenWords, isJson: boolean): FlashCommand {
  const targets = given.texts('to')
  if (targets.length === 0) {
    throw new FlashproofError('usage.missing-argument', 'flash wants --to TARGET', { command: 'flash', option: 'to' })
  }
  return {
    kind: 'flash',
    file: given.positional[0] ?? '',
    targets,
    protocol: given.text('protocol'),
    options: given.list('set', isPair),
    secrets: secretsOf(given),
    parallel: given.number('parallel'),
    first: given.number('first'),
    stopAfter: given.number('stop-after'),
    require: oneOf(given.text('require'), ['sent', 'acknowledged', 'received', 'stored', 'running', 'confirmed']),
    recipe: given.text('recipe'),
    context: given.list('context', isPair),
    expectSha256: given.text('expect-sha256'),
    variant: given.text('variant'),
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
