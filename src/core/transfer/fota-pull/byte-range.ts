/** Which bytes a `Range` header asks for (RFC 9110, section 14). */

export type AskedBytes =
  | { readonly kind: 'whole' }
  /** `end` is the first byte that is not part of it. */
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' }

/**
 * A header that is malformed, names another unit or asks for several ranges counts as none: the answer is then the whole,
 * which a server may always give.
 */
export function askedBytes(header: string | undefined, sizeBytes: number): AskedBytes {
  const match = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(header ?? '')
  const [, first = '', last = ''] = match ?? []
  if (match === null || (first === '' && last === '')) return { kind: 'whole' }
  if (first === '') {
    // The last N bytes; more than there are means all of them.
    const length = Math.min(Number(last), sizeBytes)
    return length === 0 ? { kind: 'unsatisfiable' } : { kind: 'part', start: sizeBytes - length, end: sizeBytes }
  }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return { kind: 'whole' }
  if (start >= sizeBytes) return { kind: 'unsatisfiable' }
  return { kind: 'part', start, end: last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes) }
}
