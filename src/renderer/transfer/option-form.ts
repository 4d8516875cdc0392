/** What an options form holds and which of it differs from the defaults. Pure. */
import { parseOptions, type OptionSpec, type OptionValue, type OptionValues } from '../../shared/option-spec.ts'

/** Values as they were typed; what is missing is at its default. */
export type RawOptions = Readonly<Record<string, OptionValue>>

/** The default as the form shows it. */
export function defaultOf(spec: OptionSpec): OptionValue {
  return spec.kind === 'secret' ? '' : spec.defaultValue
}

/** The checked value; null where it is at fault. An emptied number counts as left at its default. */
function checkedValue(spec: OptionSpec, raw: RawOptions): OptionValue | null {
  const given = Object.hasOwn(raw, spec.key) ? raw[spec.key] : undefined
  if (given === undefined || (spec.kind === 'integer' && given === '')) return defaultOf(spec)
  try {
    return parseOptions([spec], { [spec.key]: given })[spec.key] ?? null
  } catch {
    return null
  }
}

/** The secrets that some of these protocols ask for; a key that several share is one, in the words of the first. */
export function commonSecrets(protocols: readonly { readonly options: readonly OptionSpec[] }[]): OptionSpec[] {
  const secrets = protocols.flatMap(({ options }) => options.filter(({ kind }) => kind === 'secret'))
  const byKey = new Map<string, OptionSpec>()
  for (const spec of secrets) if (!byKey.has(spec.key)) byKey.set(spec.key, spec)
  return [...byKey.values()]
}

/** Keys of the options whose typed value cannot be sent. */
export function faultyOptions(specs: readonly OptionSpec[], raw: RawOptions): ReadonlySet<string> {
  return new Set(specs.filter(spec => checkedValue(spec, raw) === null).map(({ key }) => key))
}

/** The checked values that differ from their defaults, without secrets and without what is at fault. */
export function changedOptions(specs: readonly OptionSpec[], raw: RawOptions): OptionValues {
  const entries = specs.flatMap(spec => {
    if (spec.kind === 'secret') return []
    const value = checkedValue(spec, raw)
    return value === null || value === spec.defaultValue ? [] : [[spec.key, value] as const]
  })
  return Object.fromEntries(entries)
}
