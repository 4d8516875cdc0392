/** Colours for a terminal, and whether it wants any. Meaning never rests on colour alone. */

/** `proven` is the only green there is. */
export type Tone = 'proven' | 'below' | 'bad' | 'quiet' | 'active' | 'strong' | 'plain'

const codes: Readonly<Record<Tone, readonly [open: string, close: string] | null>> = {
  proven: ['\u001b[32m', '\u001b[39m'],
  below: ['\u001b[33m', '\u001b[39m'],
  bad: ['\u001b[31m', '\u001b[39m'],
  quiet: ['\u001b[2m', '\u001b[22m'],
  active: ['\u001b[36m', '\u001b[39m'],
  strong: ['\u001b[1m', '\u001b[22m'],
  plain: null,
}

export type Paint = (tone: Tone, text: string) => string

/** Gives the function that wraps text in colour, or one that leaves it as it is. */
export function painterFor(hasColor: boolean): Paint {
  return (tone, text) => {
    const code = codes[tone]
    return !hasColor || code === null || text === '' ? text : `${code[0]}${text}${code[1]}`
  }
}

/**
 * Decides about colour: NO_COLOR (not empty) refuses it, FORCE_COLOR (not 0) demands it, a dumb terminal and anything
 * that is no terminal get none.
 */
export function wantsColor(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  const forced = env['FORCE_COLOR']
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  const refused = env['NO_COLOR']
  if (refused !== undefined && refused !== '') return false
  return isTerminal && env['TERM'] !== 'dumb'
}

/** Whether a terminal can be painted in place: a dumb one cannot. */
export function canRedraw(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  return isTerminal && env['TERM'] !== 'dumb'
}

/** Removes colour sequences, for measuring. */
export function withoutStyle(text: string): string {
  return text.replace(STYLE, '')
}

const STYLE = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')
