/** Reads the value of WWW-Authenticate into its challenges (RFC 9110, 11.6.1): quoted strings, commas and all. */

export interface Challenge {
  /** Lower case. */
  readonly scheme: string
  /** By lower-case name, unquoted; of a name that came twice the first value counts. */
  readonly parameters: ReadonlyMap<string, string>
}

/** Longer headers are none of a small device's. */
const LONGEST_CHALLENGE = 4096

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const EQUALS = /[ \t]*=[ \t]*/y
const QUOTED = /"((?:[^"\\]|\\.)*)"/sy
const SEPARATOR = /[ \t,]+/y
/** A credential of the kind `Negotiate abc==`, which no parameter can be. */
const TOKEN68 = /[0-9A-Za-z\-._~+/]+=*(?=[ \t]*(?:,|$))/y

/** @returns the challenges in their order; what cannot be read ends the list */
export function readChallenges(header: string): Challenge[] {
  if (header.length > LONGEST_CHALLENGE) return []
  const challenges: { scheme: string; parameters: Map<string, string> }[] = []
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const match = pattern.exec(header)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  while (at < header.length) {
    take(SEPARATOR)
    if (at >= header.length) break
    const word = take(TOKEN)?.[0]
    if (word === undefined) break
    const current = challenges.at(-1)
    if (take(EQUALS) !== null) {
      const value = take(QUOTED)?.[1]?.replaceAll(/\\(.)/gs, '$1') ?? take(TOKEN)?.[0]
      if (value === undefined || current === undefined) break
      const name = word.toLowerCase()
      if (!current.parameters.has(name)) current.parameters.set(name, value)
      continue
    }
    challenges.push({ scheme: word.toLowerCase(), parameters: new Map() })
    const spaceEnd = /[ \t]+/y
    if (take(spaceEnd) !== null) take(TOKEN68)
  }
  return challenges
}
