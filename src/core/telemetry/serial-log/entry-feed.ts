/**
 * Hands entries of a monitor on, at most ten times a second and so many at a time: a board that prints without end must not
 * drown those who watch. The newest entries are also kept for whoever comes later.
 */
import type { MonitorEntry } from '../../../shared/contract/models.ts'
import { isoWithZone, type Clock } from '../../clock.ts'

export const BATCH_EVERY_MS = 100
/** Lines a batch: at 2,000,000 baud lines of 50 characters are 400. Further ones are counted. */
const MOST_LINES_A_BATCH = 1000
/** Entries, and characters of them, that are kept of one target. */
export const MOST_KEPT = 2000
const MOST_KEPT_CHARACTERS = 512 * 1024

export class EntryFeed {
  readonly #give: (entries: MonitorEntry[]) => void
  readonly #clock: Clock
  #batch: MonitorEntry[] = []
  #lines = 0
  #skipped = 0
  #isWaiting = false
  /** All that were ever added; what was remembered from before is not among them. */
  #added = 0
  readonly #kept: MonitorEntry[] = []
  #keptCharacters = 0

  constructor(give: (entries: MonitorEntry[]) => void, clock: Clock) {
    this.#give = give
    this.#clock = clock
  }

  /** Keeps an entry of before, and gives it to nobody. */
  remember(entry: MonitorEntry): void {
    this.#keep(entry)
  }

  add(entry: MonitorEntry): void {
    this.#keep(entry)
    this.#added++
    if (entry.type === 'line' && ++this.#lines > MOST_LINES_A_BATCH) this.#skipped++
    else this.#batch.push(entry)
    if (this.#isWaiting) return
    this.#isWaiting = true
    void this.#clock.delay(BATCH_EVERY_MS).then(() => {
      this.flush()
    })
  }

  /** Gives what waits at once. */
  flush(): void {
    this.#isWaiting = false
    const entries = this.#batch
    if (this.#skipped > 0) {
      const at = isoWithZone(this.#clock.nowMs())
      entries.push({ type: 'event', event: { kind: 'skipped', at, lines: this.#skipped } })
    }
    this.#batch = []
    this.#lines = 0
    this.#skipped = 0
    if (entries.length > 0) this.#give(entries)
  }

  /** The newest entries, the oldest of them first. */
  history(): MonitorEntry[] {
    return [...this.#kept]
  }

  /** What is kept of this feed's own entries. */
  own(): MonitorEntry[] {
    return this.#added === 0 ? [] : this.#kept.slice(-this.#added)
  }

  #keep(entry: MonitorEntry): void {
    this.#kept.push(entry)
    this.#keptCharacters += charactersOf(entry)
    // A tenth at once: taking the first out of an array moves all the others.
    if (this.#kept.length <= MOST_KEPT * 1.1 && this.#keptCharacters <= MOST_KEPT_CHARACTERS * 1.1) return
    let count = Math.max(0, this.#kept.length - MOST_KEPT)
    for (const kept of this.#kept.slice(0, count)) this.#keptCharacters -= charactersOf(kept)
    while (this.#keptCharacters > MOST_KEPT_CHARACTERS && count < this.#kept.length - 1) {
      const oldest = this.#kept[count++]
      if (oldest !== undefined) this.#keptCharacters -= charactersOf(oldest)
    }
    this.#kept.splice(0, count)
  }
}

/** Roughly what it takes in memory. */
function charactersOf(entry: MonitorEntry): number {
  if (entry.type === 'line') return 60 + entry.line.text.length
  return entry.event.kind === 'crash' ? 8000 : 200
}
