/** Parameters of named faults as data: their types, their defaults, and the reading of values from a specification. */
import { FlashproofError } from '../../shared/errors.ts'
import { seededRandom, type Random } from '../random.ts'
import type { FaultHooks, RequestPoint } from './fault-hooks.ts'

/** Where in an upload a fault strikes: at a chunk, at the completion, or at each of them. */
export type FaultPoint = number | 'complete' | 'any'

export type ParameterSpec =
  | { readonly type: 'number'; readonly default: number; readonly minimum: number; readonly summary: string }
  | { readonly type: 'point'; readonly default: FaultPoint; readonly summary: string }
  | {
      readonly type: 'choice'
      readonly default: string
      readonly choices: readonly string[]
      readonly summary: string
    }
  | { readonly type: 'text'; readonly default: string; readonly summary: string }

type ValueOf<Spec extends ParameterSpec> = Spec extends { type: 'number' }
  ? number
  : Spec extends { type: 'point' }
    ? FaultPoint
    : Spec extends { type: 'choice'; choices: readonly (infer Choice)[] }
      ? Choice
      : string

export type ValuesOf<Specs extends Readonly<Record<string, ParameterSpec>>> = {
  readonly [Key in keyof Specs]: ValueOf<Specs[Key]>
}

export interface FaultDefinition<Specs extends Readonly<Record<string, ParameterSpec>>> {
  readonly summary: string
  readonly parameters: Specs
  /** The parameter that `NAME@VALUE` sets; null for a fault without parameters. */
  readonly primary: (keyof Specs & string) | null
  /** Makes the hooks of one device; counters live in them. Random choices come from `random` alone. */
  readonly create: (values: ValuesOf<Specs>, random: Random) => FaultHooks
}

/** Keeps the literal types of a definition's parameters. */
export function defineFault<const Specs extends Readonly<Record<string, ParameterSpec>>>(
  definition: FaultDefinition<Specs>,
): FaultDefinition<Specs> & { instantiate(name: string, given: object, seed: number): FaultHooks } {
  return {
    ...definition,
    instantiate(name, given, seed) {
      const values: Record<string, unknown> = {}
      for (const [key, spec] of Object.entries(definition.parameters)) values[key] = spec.default
      for (const [key, value] of Object.entries(given)) {
        if (key !== 'name' && value !== undefined) values[key] = checkValue(name, key, value, definition.parameters)
      }
      // Each value was checked against its own specification, which the mapped type is derived from.
      return definition.create(values as ValuesOf<Specs>, seededRandom(seed, name))
    },
  }
}

/** Turns the text after `@` into a value; `checkValue` decides whether it fits. */
export function parseParameterText(spec: ParameterSpec | undefined, text: string): string | number {
  const isNumeric = spec?.type === 'number' || spec?.type === 'point'
  return isNumeric && /^\d+(\.\d+)?$/.test(text) ? Number(text) : text
}

/** @throws {FlashproofError} option.invalid, naming the fault, the parameter and what it takes */
function checkValue(
  fault: string,
  key: string,
  value: unknown,
  specs: Readonly<Record<string, ParameterSpec>>,
): unknown {
  const spec = Object.hasOwn(specs, key) ? specs[key] : undefined
  if (spec === undefined) {
    const known = Object.keys(specs)
    const hint = known.length === 0 ? 'it takes none' : `it takes ${known.join(', ')}`
    throw new FlashproofError('option.invalid', `the fault "${fault}" has no parameter "${key}": ${hint}`, {
      fault,
      parameter: key,
      knownParameters: known,
    })
  }
  const expected = expectationOf(spec)
  if (fits(spec, value)) return value
  throw new FlashproofError(
    'option.invalid',
    `the fault "${fault}" takes ${expected} as "${key}", not ${JSON.stringify(value)}`,
    { fault, parameter: key, value, expected },
  )
}

function fits(spec: ParameterSpec, value: unknown): boolean {
  switch (spec.type) {
    case 'number':
      return typeof value === 'number' && value >= spec.minimum
    case 'point':
      return value === 'complete' || value === 'any' || (Number.isInteger(value) && Number(value) >= 0)
    case 'choice':
      return typeof value === 'string' && spec.choices.includes(value)
    case 'text':
      return typeof value === 'string'
  }
}

function expectationOf(spec: ParameterSpec): string {
  switch (spec.type) {
    case 'number':
      return `a number of at least ${String(spec.minimum)}`
    case 'point':
      return 'a chunk index, "complete" or "any"'
    case 'choice':
      return `one of ${spec.choices.join(', ')}`
    case 'text':
      return 'a text'
  }
}

/**
 * Tells whether a request lies at the point; `any` means every chunk and every completion. The chunk that finished an upload is
 * its completion where there is no other: known once it was taken, not before.
 */
export function isAt(at: FaultPoint, point: RequestPoint): boolean {
  if (at === 'complete' && point.isLast === true) return true
  if (point.kind === 'complete') return at === 'complete' || at === 'any'
  return point.kind === 'chunk' && (at === 'any' || at === point.chunk)
}

/** A counter that allows something `times` times; 0 means without end. */
export function allowance(times: number): () => boolean {
  let used = 0
  return () => times === 0 || used++ < times
}
