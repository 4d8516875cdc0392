/**
 * One direction of a serial line in time: bytes leave one after the other, each after its time on the wire. Keeps to the
 * line's rate in sum although timers are coarse: a byte's own moment is computed, not measured, and passed on with it.
 */

/** Timers fire up to this much late: the rest of a wait is spent looking at the clock. */
const TIMER_GRAIN_MS = 1.5
/** A long run of bytes is passed on so often, as an adapter does. */
const SLICE_MS = 4

interface Item {
  readonly bytes: Uint8Array
  /** Bytes of it that left. */
  taken: number
  readonly notBeforeMs: number
  /** What is done when the bytes have left. */
  readonly then: (() => void) | null
}

export class PacedBytes {
  readonly #msPerByte: () => number
  readonly #deliver: (bytes: Uint8Array, atMs: number) => void
  readonly #items: Item[] = []
  /** When the line was done with what it carried last. */
  #freeAtMs = 0
  #isRunning = false
  #stopWaiting: (() => void) | null = null

  /**
   * @param msPerByte time of one byte on the wire now; 0 for a line that takes none
   * @param deliver gets the bytes, and the moment at which the last of them arrived
   */
  constructor(msPerByte: () => number, deliver: (bytes: Uint8Array, atMs: number) => void) {
    this.#msPerByte = msPerByte
    this.#deliver = deliver
  }

  /** @param notBeforeMs on the clock of `performance.now()` */
  push(bytes: Uint8Array, notBeforeMs: number): void {
    if (bytes.length > 0) this.#add({ bytes, taken: 0, notBeforeMs, then: null })
  }

  /** Does something once all that was pushed before has left. */
  afterwards(action: () => void): void {
    this.#add({ bytes: new Uint8Array(), taken: 0, notBeforeMs: 0, then: action })
  }

  /** Drops the bytes that wait; what was to be done behind them is done. */
  clear(): void {
    this.#stopWaiting?.()
    this.#stopWaiting = null
    for (const { then } of this.#items.splice(0)) then?.()
  }

  #add(item: Item): void {
    this.#items.push(item)
    if (this.#stopWaiting === null) this.#run()
  }

  #run(): void {
    // What is delivered may push more.
    if (this.#isRunning) return
    this.#isRunning = true
    this.#stopWaiting = null
    let waitUntilMs: number | null = null
    while (waitUntilMs === null) {
      const item = this.#items[0]
      if (item === undefined) break
      waitUntilMs = this.#pass(item)
    }
    this.#isRunning = false
    if (waitUntilMs !== null) this.#wait(waitUntilMs)
  }

  /** Passes on what has left of an item; says when to look again, or null when the item is through. */
  #pass(item: Item): number | null {
    const left = item.bytes.length - item.taken
    const msPerByte = left === 0 ? 0 : this.#msPerByte()
    const nowMs = performance.now()
    const startMs = Math.max(this.#freeAtMs, item.notBeforeMs)
    const count = msPerByte === 0 ? (nowMs >= startMs ? left : 0) : countOf((nowMs - startMs) / msPerByte, left)
    if (count < left) {
      if (count > 0 && nowMs - startMs >= SLICE_MS) this.#take(item, count, startMs + count * msPerByte)
      if (this.#items[0] !== item) return null
      const fromMs = Math.max(this.#freeAtMs, item.notBeforeMs)
      const restMs = (item.bytes.length - item.taken) * msPerByte
      return fromMs + Math.min(restMs, SLICE_MS + msPerByte)
    }
    if (left > 0) this.#take(item, left, startMs + left * msPerByte)
    // The delivery may have cleared everything, and put new items in its place.
    if (this.#items[0] === item) this.#items.shift()
    else return null
    item.then?.()
    return null
  }

  #take(item: Item, count: number, atMs: number): void {
    const bytes = item.bytes.subarray(item.taken, item.taken + count)
    item.taken += count
    this.#freeAtMs = atMs
    this.#deliver(bytes, atMs)
  }

  #wait(untilMs: number): void {
    const restMs = untilMs - performance.now()
    const again = (): void => {
      if (performance.now() < untilMs) this.#wait(untilMs)
      else this.#run()
    }
    if (restMs > TIMER_GRAIN_MS) {
      const timer = setTimeout(again, Math.floor(restMs - TIMER_GRAIN_MS + 0.5))
      this.#stopWaiting = () => {
        clearTimeout(timer)
      }
    } else {
      const turn = setImmediate(again)
      this.#stopWaiting = () => {
        clearImmediate(turn)
      }
    }
  }
}

function countOf(bytes: number, maximum: number): number {
  // A hair under a whole number is that number: the moments are sums of floating-point times.
  return Math.max(0, Math.min(maximum, Math.floor(bytes + 1e-6)))
}
