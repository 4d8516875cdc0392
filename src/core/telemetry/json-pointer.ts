/** JSON pointers (RFC 6901): the path syntax by which a configuration names a value in another firmware's JSON. */

/** The value at `pointer`, or undefined where there is none. Own properties only. */
export function resolvePointer(document: unknown, pointer: string): unknown {
  if (pointer === '') return document
  if (!pointer.startsWith('/')) return undefined
  let value = document
  for (const raw of pointer.slice(1).split('/')) {
    const key = raw.replaceAll('~1', '/').replaceAll('~0', '~')
    if (Array.isArray(value)) {
      value = /^(0|[1-9]\d*)$/.test(key) ? (value as unknown[])[Number(key)] : undefined
    } else if (typeof value === 'object' && value !== null && Object.hasOwn(value, key)) {
      value = (value as Readonly<Record<string, unknown>>)[key]
    } else {
      return undefined
    }
  }
  return value
}

/** Whether the text is a pointer at all: empty, or segments each led by a slash, `~` only as `~0` or `~1`. */
export function isJsonPointer(text: string): boolean {
  return /^(\/([^~/]|~[01])*)*$/.test(text)
}
