/** Who may connect: a one-time token from the printed address buys a session key that lives as long as the server. */
import { randomBytes } from 'node:crypto'

const TOKEN_BYTES = 32
/** A person has a few tabs; whoever opens more loses the oldest session. */
const MOST_SESSIONS = 64

export class Sessions {
  #token = newSecret()
  readonly #keys = new Set<string>()

  /** The token of the next page; used up by `redeem`, which makes a new one. */
  get token(): string {
    return this.#token
  }

  /** @returns a new session key, or null for a token that is wrong or used up */
  redeem(token: string): string | null {
    // Both have 256 random bits: how long a comparison takes tells nothing that helps to guess.
    if (token !== this.#token) return null
    this.#token = newSecret()
    const key = newSecret()
    this.#keys.add(key)
    const [oldest] = this.#keys
    if (this.#keys.size > MOST_SESSIONS && oldest !== undefined) this.#keys.delete(oldest)
    return key
  }

  has(key: string): boolean {
    return this.#keys.has(key)
  }
}

/** Letters, digits, dashes and underscores: fit for a fragment and a path. */
export function newSecret(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url')
}
