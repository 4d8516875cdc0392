/** Seeded randomness: the same seed gives the same faults, addresses and readings on every run. */

export interface Random {
  /** A number from 0 up to, not including, 1. */
  next(): number
  /** A whole number from 0 up to, not including, `limit`. */
  integer(limit: number): number
}

/** Makes a generator from a seed; `salt` tells generators of one seed apart (a device's name, a fault's name). */
export function seededRandom(seed: number, salt = ''): Random {
  let state = (seed ^ hashText(salt)) >>> 0
  // mulberry32: 32 bits of state are plenty for choosing faults and readings.
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
  return { next, integer: limit => Math.floor(next() * limit) }
}

/** FNV-1a, 32 bits. */
function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return hash >>> 0
}
