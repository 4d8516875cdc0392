/** Which chunks of an upload the server has: arithmetic over a bitmap, chunk 0 in the lowest bit of byte 0. */

export class ChunkSet {
  readonly chunkBytes: number
  readonly totalChunks: number
  readonly totalBytes: number
  readonly #have: Uint8Array
  #doneBytes = 0
  #count = 0

  /** @param totalChunks every chunk has `chunkBytes`, and the last one what is left: less or more than that */
  constructor(sizeBytes: number, chunkBytes: number, totalChunks: number, have?: Uint8Array) {
    this.chunkBytes = chunkBytes
    this.totalChunks = totalChunks
    this.totalBytes = sizeBytes
    this.#have = new Uint8Array(Math.ceil(totalChunks / 8))
    for (let index = 0; index < totalChunks; index++) {
      if (((have?.[index >> 3] ?? 0) >> (index & 7)) & 1) this.add(index)
    }
  }

  has(index: number): boolean {
    return (((this.#have[index >> 3] ?? 0) >> (index & 7)) & 1) === 1
  }

  /** @returns whether it was missing */
  add(index: number): boolean {
    if (this.has(index)) return false
    this.#have[index >> 3] = (this.#have[index >> 3] ?? 0) | (1 << (index & 7))
    this.#doneBytes += this.sizeOf(index)
    this.#count++
    return true
  }

  remove(index: number): void {
    if (!this.has(index)) return
    this.#have[index >> 3] = (this.#have[index >> 3] ?? 0) & ~(1 << (index & 7))
    this.#doneBytes -= this.sizeOf(index)
    this.#count--
  }

  sizeOf(index: number): number {
    return index === this.totalChunks - 1 ? this.totalBytes - index * this.chunkBytes : this.chunkBytes
  }

  /** The chunk's bytes of the image, not a copy. */
  bytesOf(image: Uint8Array, index: number): Uint8Array {
    const start = index * this.chunkBytes
    return image.subarray(start, start + this.sizeOf(index))
  }

  get doneBytes(): number {
    return this.#doneBytes
  }

  get count(): number {
    return this.#count
  }

  get isComplete(): boolean {
    return this.#count === this.totalChunks
  }

  /** The first chunk from `from` on that is missing; -1 when none is. */
  nextMissing(from: number): number {
    for (let index = from; index < this.totalChunks; index++) if (!this.has(index)) return index
    return -1
  }
}
