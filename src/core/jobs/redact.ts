/** Takes the values of secrets out of whatever a job says, shows or journals. Pure. */

/** What stands in place of a secret. */
export const REDACTED = '•••'

/** Shorter ones would blot out half of every text; no device guards itself with one. */
const SHORTEST_SECRET = 3

export type Redaction = <Value>(value: Value) => Value

/**
 * Replaces every secret in every string of a value, however deep: as it is, percent-encoded and in base64.
 * @param secrets values; those under three characters are left alone
 */
export function createRedaction(secrets: readonly string[]): Redaction {
  const forms = secrets
    .filter(secret => secret.length >= SHORTEST_SECRET)
    .flatMap(secret => [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')])
    // Longer ones first, so that one secret inside another leaves nothing of it behind.
    .sort((left, right) => right.length - left.length)
  if (forms.length === 0) return value => value
  const clean = (text: string): string => forms.reduce((left, form) => left.replaceAll(form, REDACTED), text)
  const walk = (value: unknown): unknown => {
    if (typeof value === 'string') return clean(value)
    if (Array.isArray(value)) return value.map(walk)
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [clean(key), walk(part)]))
  }
  // Strings stay strings and objects keep their shape.
  return <Value>(value: Value): Value => walk(value) as Value
}
