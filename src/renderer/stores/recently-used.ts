/** A map that keeps the entries used last and lets the others go. */

export class RecentlyUsed<Value> {
  readonly #limit: number
  readonly #entries = new Map<string, Value>()
  readonly #onDropped: (key: string, value: Value) => void

  constructor(limit: number, onDropped: (key: string, value: Value) => void = () => undefined) {
    this.#limit = limit
    this.#onDropped = onDropped
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key)
  }

  /** The entry of `key`, made when it is missing, as the one that was used last. */
  use(key: string, make: () => Value): Value {
    const value = this.#entries.get(key) ?? make()
    this.#entries.delete(key)
    this.#entries.set(key, value)
    for (const [oldest, dropped] of this.#entries) {
      if (this.#entries.size <= this.#limit) break
      this.#entries.delete(oldest)
      this.#onDropped(oldest, dropped)
    }
    return value
  }

  entries(): readonly (readonly [string, Value])[] {
    return [...this.#entries]
  }
}
