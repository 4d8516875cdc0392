/** Counts how many plain bytes the blocks of a zlib stream give so far: what a board can have written by then. */
import { createInflate, type Inflate } from 'node:zlib'

export class InflatedCount {
  readonly #inflate: Inflate = createInflate()
  #plainBytes = 0

  constructor() {
    this.#inflate.on('data', (piece: Uint8Array) => {
      this.#plainBytes += piece.length
    })
    // The stream is our own and whole; a run that ends early closes it in the middle.
    this.#inflate.on('error', () => undefined)
  }

  /** Takes the next block and resolves with the count up to its end. */
  add(block: Uint8Array): Promise<number> {
    return new Promise(resolve => {
      this.#inflate.write(block, () => {
        resolve(this.#plainBytes)
      })
    })
  }

  close(): void {
    this.#inflate.destroy()
  }
}
