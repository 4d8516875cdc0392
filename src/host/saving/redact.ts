/** Takes secrets out of text that leaves this computer. */

const MARK = '[removed]'

/** What names a secret, as a key of JSON, of a query, of a header, or before an equals sign. */
const secretName = String.raw`[\w.-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|private[_-]?key|credential|hmac[_-]?key|psk)[\w.-]*`

const patterns: readonly (readonly [RegExp, string])[] = [
  // user:password@ in an address
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi, `$1${MARK}@`],
  // PEM blocks, in a file of their own or inside a JSON string
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g, MARK],
  [/\b((?:proxy-)?authorization["']?\s*[:=]\s*["']?)(?:(?:basic|bearer|digest)\s+)?[^\s"',;]+/gi, `$1${MARK}`],
  [/\b((?:set-)?cookie["']?\s*[:=]\s*)[^\r\n"']+/gi, `$1${MARK}`],
  // "key": "value", where the value may hold escaped quotes
  [new RegExp(String.raw`("${secretName}"\s*:\s*)"(?:[^"\\]|\\.)*"`, 'gi'), `$1"${MARK}"`],
  [
    new RegExp(String.raw`(?<!")\b(${secretName}\s*[=:]\s*)(?!\[removed\])("[^"]*"|'[^']*'|[^\s,;&}"']+)`, 'gi'),
    `$1${MARK}`,
  ],
]

/**
 * Replaces what looks like a secret by its name or its place, and every one of `known` wherever it stands.
 * @param known secrets that this host can read; short ones (under four characters) would tear words apart and are left
 */
export function redactSecrets(text: string, known: readonly string[] = []): string {
  let clean = text
  for (const secret of known) if (secret.length >= 4) clean = clean.replaceAll(secret, MARK)
  for (const [pattern, replacement] of patterns) clean = clean.replace(pattern, replacement)
  return clean
}
