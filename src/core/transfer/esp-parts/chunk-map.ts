/** Which chunks of a session the device has: arithmetic over a bitmap, chunk 0 in the lowest bit of byte 0. */

export class ChunkMap {
  readonly chunkBytes: number
  readonly totalChunks: number
  readonly #sizeBytes: number
  readonly #have: Uint8Array
  #doneBytes = 0

  constructor(sizeBytes: number, chunkBytes: number, have?: Uint8Array) {
    this.chunkBytes = chunkBytes
    this.#sizeBytes = sizeBytes
    this.totalChunks = Math.ceil(sizeBytes / chunkBytes)
    this.#have = new Uint8Array(Math.ceil(this.totalChunks / 8))
    for (let index = 0; index < this.totalChunks; index++) {
      if (((have?.[index >> 3] ?? 0) >> (index & 7)) & 1) this.add(index)
    }
  }

  has(index: number): boolean {
    return (((this.#have[index >> 3] ?? 0) >> (index & 7)) & 1) === 1
  }

  add(index: number): void {
    if (this.has(index)) return
    this.#have[index >> 3] = (this.#have[index >> 3] ?? 0) | (1 << (index & 7))
    this.#doneBytes += this.sizeOf(index)
  }

  sizeOf(index: number): number {
    return Math.min(this.chunkBytes, this.#sizeBytes - index * this.chunkBytes)
  }

  get doneBytes(): number {
    return this.#doneBytes
  }

  get isComplete(): boolean {
    return this.#doneBytes === this.#sizeBytes
  }

  /** The first chunk from `from` on that the device lacks; -1 when it has all of them. */
  nextMissing(from: number): number {
    for (let index = from; index < this.totalChunks; index++) if (!this.has(index)) return index
    return -1
  }

  /** Whether the other map lacks a chunk that this one has: the device lost something. */
  isAheadOf(other: ChunkMap): boolean {
    for (let index = 0; index < this.totalChunks; index++) if (this.has(index) && !other.has(index)) return true
    return false
  }
}
