/** Canonical JSON: one text for one value, whoever writes it: keys sorted, no spaces, absent values left out. */

/**
 * Writes `value` with keys sorted by UTF-16 code units (as RFC 8785 does), no spaces, and `undefined` members left out.
 * Numbers and strings are written as JSON.stringify does, which is what RFC 8785 asks for.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(item => canonicalJson(item)).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
    return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(',')}}`
  }
  if (typeof value === 'string') return JSON.stringify(value.toWellFormed())
  return value === undefined ? 'null' : JSON.stringify(value)
}
