/** Keeps the newest lines of one log, each with a number that never comes again. */
import type { JobLogLine } from '../../shared/contract/index.ts'

export interface NumberedLine extends Omit<JobLogLine, 'elapsedMs'> {
  /** Counts from 0; lines that were dropped keep theirs. */
  readonly number: number
}

export class LineRing {
  readonly #capacity: number
  #lines: NumberedLine[] = []
  #nextNumber = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  add(line: Omit<NumberedLine, 'number'>): void {
    this.#lines.push({ ...line, number: this.#nextNumber++ })
    // Cut seldom and much: removing one line from the front for each that comes would move all of them every time.
    if (this.#lines.length >= this.#capacity * 2) this.#lines = this.#lines.slice(-this.#capacity)
  }

  clear(): void {
    this.#lines = []
  }

  /** A copy of what is kept, the oldest line first; at most the capacity. */
  newest(): readonly NumberedLine[] {
    return this.#lines.slice(-this.#capacity)
  }
}
