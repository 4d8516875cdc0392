/**
 * How far one device is, by what it asks for: a chunk that was served counts as acknowledged when a later one is asked
 * for. Served is not written. Pure arithmetic over two bitmaps.
 */

export type Ask =
  /** The one that follows the last, or any that was not served yet in order. */
  | 'next'
  /** The same chunk again: its answer was lost, or the device did not like it. */
  | 'repeat'
  /** Further ahead or back than the next. */
  | 'out-of-order'
  /** The first one, after later ones: the device begins again. */
  | 'start-over'

export class DevicePace {
  readonly totalChunks: number
  readonly #sizeBytes: number
  readonly #chunkBytes: number
  readonly #served: Uint8Array
  readonly #acknowledged: Uint8Array
  /** Their answers began to leave: the device may have them, whatever became of the link. */
  readonly #left: Uint8Array
  #servedCount = 0
  #leftCount = 0
  #doneBytes = 0
  #last = -1
  #highest = -1
  /** Every chunk below it is acknowledged. */
  #floor = 0
  repeats = 0
  outOfOrder = 0

  /** @param have bitmap of chunks that the device acknowledged earlier, chunk 0 in the lowest bit of byte 0 */
  constructor(sizeBytes: number, chunkBytes: number, have?: Uint8Array) {
    this.#sizeBytes = sizeBytes
    this.#chunkBytes = chunkBytes
    this.totalChunks = Math.ceil(sizeBytes / chunkBytes)
    this.#served = new Uint8Array(this.totalChunks)
    this.#acknowledged = new Uint8Array(this.totalChunks)
    this.#left = new Uint8Array(this.totalChunks)
    for (let index = 0; index < this.totalChunks; index++) {
      if (((have?.[index >> 3] ?? 0) >> (index & 7)) & 1) {
        this.serve(index)
        this.#acknowledge(index)
      }
    }
    this.#last = this.#highest
    // The one behind them may have left too: a device that goes on behind it has it. Of the last the journal knows more.
    if (this.#highest >= 0 && this.#highest + 2 < this.totalChunks) this.serve(this.#highest + 1)
  }

  get doneBytes(): number {
    return this.#doneBytes
  }

  get highestServed(): number {
    return this.#highest
  }

  get isAllServed(): boolean {
    return this.#servedCount === this.totalChunks
  }

  /**
   * Counts a chunk whose answer is about to leave; a device may ask for several at once.
   * @returns whether the device may have all of them with it
   */
  leave(index: number): boolean {
    if (this.#left[index] === 0) {
      this.#left[index] = 1
      this.#leftCount++
    }
    return this.#leftCount === this.totalChunks
  }

  sizeOf(index: number): number {
    return Math.min(this.#chunkBytes, this.#sizeBytes - index * this.#chunkBytes)
  }

  /** Says what kind of question this is, without counting it. */
  kindOf(index: number): Ask {
    if (index === 0 && this.#highest > 0 && this.#served[0] === 1) return 'start-over'
    if (this.#served[index] === 1) return 'repeat'
    const isNext = index === this.#last || index === this.#last + 1 || this.#highest < 0
    return isNext ? 'next' : 'out-of-order'
  }

  /** Counts a question. @returns the chunks that it acknowledges */
  ask(index: number): readonly number[] {
    const kind = this.kindOf(index)
    if (kind === 'repeat') this.repeats++
    if (kind === 'out-of-order') this.outOfOrder++
    this.#last = index
    return this.#acknowledgeBelow(index)
  }

  /** The whole answer with this chunk left. */
  serve(index: number): void {
    if (this.#served[index] === 1) return
    this.leave(index)
    this.#served[index] = 1
    this.#servedCount++
    this.#highest = Math.max(this.#highest, index)
  }

  /** The device reports that it has so many chunks. @returns the chunks that it acknowledges */
  report(count: number): readonly number[] {
    return this.#acknowledgeBelow(Math.min(count, this.totalChunks))
  }

  #acknowledgeBelow(limit: number): readonly number[] {
    const fresh: number[] = []
    while (this.#acknowledged[this.#floor] === 1) this.#floor++
    for (let index = this.#floor; index < limit; index++) {
      if (this.#served[index] === 1 && this.#acknowledged[index] === 0) {
        this.#acknowledge(index)
        fresh.push(index)
      }
    }
    return fresh
  }

  #acknowledge(index: number): void {
    this.#acknowledged[index] = 1
    this.#doneBytes += this.sizeOf(index)
  }
}
