/** Takes the values of secrets out of whatever a job says, shows or journals. Pure. */

/** What stands in place of a secret. */
export const REDACTED = '•••'

/** Shorter ones would blot out half of every text; no device guards itself with one. */
const SHORTEST_SECRET = 3

/** Of a secret inside longer base64 only this much is told apart from chance. */
const SHORTEST_BASE64_CORE = 6

export type Redaction = <Value>(value: Value) => Value

/**
 * Replaces every secret in every string of a value, however deep: as it is, percent-encoded, in hex, and in base64, alone
 * or behind something else, such as a user name.
 * @param secrets values; those under three characters are left alone
 */
export function createRedaction(secrets: readonly string[]): Redaction {
  const forms = new Set(secrets.filter(secret => secret.length >= SHORTEST_SECRET).flatMap(formsOf))
  // Longer ones first, so that one secret inside another leaves nothing of it behind.
  const ordered = [...forms].sort((left, right) => right.length - left.length)
  if (ordered.length === 0) return value => value
  const clean = (text: string): string => ordered.reduce((left, form) => left.replaceAll(form, REDACTED), text)
  const walk = (value: unknown): unknown => {
    if (typeof value === 'string') return clean(value)
    if (Array.isArray(value)) return value.map(walk)
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [clean(key), walk(part)]))
  }
  // Strings stay strings and objects keep their shape.
  return <Value>(value: Value): Value => walk(value) as Value
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const hex = bytes.toString('hex')
  const percent = encodeURIComponent(secret)
  const everyByte = hex.replaceAll(/../g, '%$&')
  // A key is often given as hex: then its bytes are the secret too.
  const isHex = /^(?:[0-9a-f]{2}){8,}$/i.test(secret)
  const asKey = isHex ? [secret.toLowerCase(), secret.toUpperCase(), ...base64Forms(Buffer.from(secret, 'hex'))] : []
  return [
    secret,
    ...[percent, percent.replaceAll('%20', '+'), percent.replaceAll(/%../g, code => code.toLowerCase())],
    ...[hex, hex.toUpperCase(), everyByte, everyByte.toUpperCase()],
    ...base64Forms(bytes),
    ...asKey,
    // As JSON and HTML write it inside other text.
    JSON.stringify(secret).slice(1, -1),
    secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;'),
  ]
}

/** In base64 a text looks different at each of three places; the characters that it shares with its neighbours are left. */
function base64Forms(bytes: Buffer): string[] {
  const forms = [bytes.toString('base64'), bytes.toString('base64url')]
  for (const before of [0, 1, 2]) {
    const shared = Math.ceil((before * 8) / 6)
    const whole = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64url')
    const wholeCharacters = Math.floor(((before + bytes.length) * 8) / 6)
    const core = whole.slice(shared, wholeCharacters)
    if (core.length >= SHORTEST_BASE64_CORE) {
      forms.push(core, core.replaceAll('-', '+').replaceAll('_', '/'))
    }
  }
  return forms
}
