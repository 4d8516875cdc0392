/** Which words may name an entry that a person adds to an order: they end up as keys of records, journals and exports. */

/** What a plain key is, for the error that refuses another one. */
export const plainKeyRule = 'letters, digits, dots, dashes and underscores, at most 64'

// JavaScript gives these keys a meaning of their own: a record that is written key by key would lose them silently.
const reservedKeys: readonly string[] = ['__proto__', 'prototype', 'constructor']

export function isPlainKey(key: string): boolean {
  return /^[\p{L}\p{N}._-]{1,64}$/u.test(key) && !reservedKeys.includes(key)
}
