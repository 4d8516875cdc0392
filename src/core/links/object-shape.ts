/** Looks whether something of a package is what it is taken for, before its inside is relied upon. */
export function hasMethods<Name extends string>(
  value: unknown,
  ...names: readonly Name[]
): value is Record<Name, (...parameters: never[]) => unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    names.every(name => typeof (value as Partial<Record<string, unknown>>)[name] === 'function')
  )
}
