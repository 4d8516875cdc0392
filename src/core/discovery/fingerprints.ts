/**
 * Finds out, by reading only, what web servers without a telling announcement are: quietly, once a board, a few boards at a
 * time, and never one that a job speaks with.
 */
import type { DeviceEntry, DeviceIdentity } from '../../shared/contract/models.ts'
import type { LocalText } from '../../shared/messages/index.ts'
import type { Clock } from '../clock.ts'
import { deviceKey } from './device-key.ts'

/** Several boards at once; the questions to one follow each other, because its web server is small. */
const AT_ONCE = 4
const PAUSE_BETWEEN_STARTS_MS = 250
const BUSY_PAUSE_MS = 10_000
const SILENT_PAUSE_MS = 60_000
/** One that never answers is left alone after this many tries. */
const MAXIMUM_TRIES = 3
const MAXIMUM_KEPT = 1_000
const SETTLED_LOOK_MS = 50

/** What reading told. */
export interface Fingerprint {
  readonly isReachable: boolean
  readonly protocols: readonly string[]
  readonly identity: DeviceIdentity | null
  readonly notes: readonly LocalText[]
}

export interface FingerprintWorld {
  /** Asks one target what it is, by reading only; its questions follow each other. */
  readonly ask: (target: string, signal: AbortSignal) => Promise<Fingerprint>
  /** Whether a job speaks with the board at this target. */
  readonly isBusy: (target: string) => boolean
}

interface Asked {
  /** Of the board for which it was asked: another one may take its address over. */
  readonly name: string | null
  tries: number
  /** That board said goodbye while it was asked. */
  isStale: boolean
  /** Not asked again before; null while it is being asked. */
  dueMs: number | null
  print: Fingerprint | null
}

export class Fingerprints {
  readonly #world: FingerprintWorld
  readonly #clock: Clock
  readonly #onChanged: () => void
  readonly #end = new AbortController()
  readonly #asked = new Map<string, Asked>()
  readonly #waiting: string[] = []
  readonly #running = new Set<Promise<void>>()
  #isStarting = false

  constructor(world: FingerprintWorld, clock: Clock, onChanged: () => void) {
    this.#world = world
    this.#clock = clock
    this.#onChanged = onChanged
  }

  /** The entries with what reading told; those that no announcement explains are asked when it is their turn. */
  apply(entries: readonly DeviceEntry[]): DeviceEntry[] {
    return entries.map(entry => {
      if (!isUnexplained(entry)) return entry
      const { target } = entry
      if (entry.present !== false) this.#want(entry)
      else this.#leave(entry)
      const print = this.#asked.get(target)?.print ?? null
      return print === null ? entry : withPrint(entry, print)
    })
  }

  /** Resolves when nobody is being asked, and nobody waits. */
  async settled(signal: AbortSignal): Promise<void> {
    while ((this.#running.size > 0 || this.#waiting.length > 0) && !signal.aborted) {
      await this.#clock.delay(SETTLED_LOOK_MS, signal).catch(() => undefined)
    }
  }

  async close(): Promise<void> {
    this.#end.abort()
    await Promise.allSettled(this.#running)
  }

  /** One that went away may come back with other firmware; what was asked of another board at its address stays. */
  #leave({ target, name }: DeviceEntry): void {
    const asked = this.#asked.get(target)
    if (asked?.name !== name) return
    if (asked.dueMs === null) asked.isStale = true
    else this.#asked.delete(target)
  }

  #want({ target, name }: DeviceEntry): void {
    const asked = this.#asked.get(target)
    if (asked !== undefined) {
      if (asked.dueMs === null || asked.tries >= MAXIMUM_TRIES || this.#clock.monotonicMs() < asked.dueMs) return
    } else if (this.#asked.size >= MAXIMUM_KEPT) return
    const { tries = 0, print = null } = asked ?? {}
    this.#asked.set(target, { name: asked?.name ?? name, tries, print, dueMs: null, isStale: false })
    this.#waiting.push(target)
    this.#start()
  }

  /** Starts one after a pause, as long as there is room. */
  #start(): void {
    if (this.#isStarting || this.#running.size >= AT_ONCE || this.#waiting.length === 0) return
    this.#isStarting = true
    this.#clock.delay(PAUSE_BETWEEN_STARTS_MS, this.#end.signal).then(
      () => {
        this.#isStarting = false
        const target = this.#waiting.shift()
        if (target !== undefined) this.#run(target)
        this.#start()
      },
      () => undefined,
    )
  }

  #run(target: string): void {
    const running = this.#ask(target).finally(() => {
      this.#running.delete(running)
      this.#start()
    })
    this.#running.add(running)
  }

  async #ask(target: string): Promise<void> {
    const asked = this.#asked.get(target)
    if (asked === undefined) return
    if (this.#world.isBusy(target)) {
      asked.dueMs = this.#clock.monotonicMs() + BUSY_PAUSE_MS
      return
    }
    asked.tries++
    try {
      const print = await this.#world.ask(target, this.#end.signal)
      asked.print = print
      asked.dueMs = print.isReachable ? Infinity : this.#clock.monotonicMs() + SILENT_PAUSE_MS
    } catch {
      // What cannot be asked stays without an explanation, as it was.
      asked.dueMs = this.#clock.monotonicMs() + SILENT_PAUSE_MS
    }
    if (asked.isStale) this.#asked.delete(target)
    if (!this.#end.signal.aborted) this.#onChanged()
  }
}

/** A web server of which nothing is known: neither its announcement nor its kind of service says what it takes. */
function isUnexplained({ protocols, services = [], target, notes = [] }: DeviceEntry): boolean {
  return protocols.length === 0 && services.includes('_http._tcp') && target.startsWith('http://') && notes.length === 0
}

function withPrint(entry: DeviceEntry, print: Fingerprint): DeviceEntry {
  const identity = print.identity === null ? entry.identity : { ...print.identity, ...entry.identity }
  return {
    ...entry,
    identity,
    key: deviceKey(entry.target, identity),
    protocols: [...print.protocols],
    ...(print.notes.length === 0 ? {} : { notes: [...print.notes] }),
  }
}
