/** Keeps boards that jobs met, many in one write: a batch of hundreds costs one look at the file, not hundreds. */
import type { DeviceEntry } from '../../shared/contract/models.ts'
import type { Clock } from '../clock.ts'
import { rememberDevices } from './remembered.ts'

const GATHER_MS = 250

export class DeviceMemory {
  readonly #home: string
  readonly #clock: Clock
  readonly #end = new AbortController()
  #gathered: DeviceEntry[] = []
  #isGathering = false

  constructor(home: string, clock: Clock) {
    this.#home = home
    this.#clock = clock
  }

  /** Notes a board; it is in the file a moment later, and at the latest after `close`. */
  note(entry: DeviceEntry): void {
    this.#gathered.push(entry)
    if (this.#isGathering) return
    this.#isGathering = true
    const write = (): void => {
      this.#isGathering = false
      this.#write()
    }
    this.#clock.delay(GATHER_MS, this.#end.signal).then(write, write)
  }

  close(): void {
    this.#write()
    this.#end.abort()
  }

  #write(): void {
    const entries = this.#gathered
    this.#gathered = []
    try {
      if (entries.length > 0) rememberDevices(this.#home, entries)
    } catch {
      // The list of known boards is a convenience; a full disk shows in the journal, where it matters.
    }
  }
}
