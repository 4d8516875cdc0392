/** The arguments and option values of one command line, by name. */
import type { KeyValue, ParsedValue, SecretSource } from './argument-values.ts'

/** What was given, by option name, with the arguments that belong to no option. */
export class GivenWords {
  readonly positional: string[] = []
  readonly #values = new Map<string, ParsedValue[]>()

  add(name: string, value: ParsedValue): void {
    this.#values.set(name, [...(this.#values.get(name) ?? []), value])
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** The values of an option; the grammar's kind says which type they are, and only those are returned. */
  list<Value extends ParsedValue>(name: string, isValue: (value: ParsedValue) => value is Value): Value[] {
    return (this.#values.get(name) ?? []).filter(isValue)
  }

  texts(name: string): string[] {
    return this.list(name, isText)
  }

  text(name: string): string | undefined {
    return this.texts(name)[0]
  }

  number(name: string): number | undefined {
    return this.list(name, isNumber)[0]
  }
}

const isText = (value: ParsedValue): value is string => typeof value === 'string'
const isNumber = (value: ParsedValue): value is number => typeof value === 'number'
export const isPair = (value: ParsedValue): value is KeyValue => typeof value === 'object' && 'value' in value
export const isSecretSource = (value: ParsedValue): value is SecretSource =>
  typeof value === 'object' && 'from' in value
