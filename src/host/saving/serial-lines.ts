/** What was heard on a serial line as plain text, safe to print. */
import type { DeviceEvent, MonitorEntry } from '../../shared/contract/index.ts'
import { formatAddress, stripControl } from '../../shared/units.ts'

const MAXIMUM_LINE_CHARACTERS = 4_000

/** Each line begins with its time and a sign: `<` came from the board, `>` was sent to it, `-` happened. */
export function writeSerialLines(target: string, entries: readonly MonitorEntry[]): string {
  const head = [`Flashproof lines of ${stripControl(target)}`, '']
  const body = entries.flatMap(entry => {
    if (entry.type === 'event') return wordsOf(entry.event).map(words => lineOf(entry.event.at, '-', words))
    const { at, from, text } = entry.line
    return [lineOf(at, from === 'board' ? '<' : '>', text)]
  })
  return `${[...head, ...body].join('\n')}\n`
}

function lineOf(at: string, sign: string, text: string): string {
  return `${at}  ${sign}  ${stripControl(text, MAXIMUM_LINE_CHARACTERS)}`
}

/** In English, as the lines of boards mostly are. */
function wordsOf(event: DeviceEvent): readonly string[] {
  switch (event.kind) {
    case 'opened':
      return ['the line is open']
    case 'lost':
      return [`the line is away: ${event.error.message}`]
    case 'lent':
      return [`the line is used for ${event.usedFor}`]
    case 'not-restarted':
      return ['the board could not be restarted: the line has no modem lines']
    case 'reset':
      return [`the board started: ${event.reason}, ${event.bootMode}`]
    case 'app':
      return [`application ${event.field}: ${event.value}`]
    case 'panic':
      return [`crash: ${event.text}`]
    case 'brownout':
      return ['the supply voltage was too low']
    case 'skipped':
      return [`${String(event.lines)} lines were too many to keep`]
    case 'log-file-failed':
      return [event.error.message]
    case 'crash':
      return [`crash report: ${event.crash.text}`, ...placesOf(event)]
  }
}

function placesOf({ crash, decoding }: Extract<DeviceEvent, { kind: 'crash' }>): readonly string[] {
  if (decoding === null || decoding.build === 'other') {
    return crash.backtraces.map(({ frames }) => `backtrace ${frames.map(({ pc }) => formatAddress(pc)).join(' ')}`)
  }
  return decoding.places.map(({ name, address, function: functionName, file, line }) => {
    const where = file === null ? '' : ` ${file}${line === null ? '' : `:${String(line)}`}`
    return `${name} ${formatAddress(address)} ${functionName ?? '?'}${where}`
  })
}
