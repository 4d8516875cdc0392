/** The body of a PUT as it arrives; knows which chunk it is as soon as its header is there, and guesses before. */
import { HEADER_BYTES, readChunkHeader } from './chunk-header.ts'
import type { Upload } from './uploads.ts'

export class ChunkBody {
  readonly #upload: Upload | null
  readonly #pieces: Buffer[] = []
  #sizeBytes = 0
  #hasHeader = false
  #isArriving = false
  #chunkNumber: number | null

  /** @param upload what the chunk belongs to; null when nobody knows it */
  constructor(upload: Upload | null) {
    this.#upload = upload
    this.#chunkNumber = upload?.nextChunk() ?? null
  }

  /** Null for a chunk of no known upload before its header has come. */
  get chunkNumber(): number | null {
    return this.#chunkNumber
  }

  push(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#sizeBytes += piece.length
    this.#setArriving(true)
    if (this.#hasHeader || this.#sizeBytes < HEADER_BYTES) return
    this.#hasHeader = true
    this.#setArriving(false)
    this.#chunkNumber = readChunkHeader(Buffer.concat(this.#pieces)).chunkNumber
    this.#setArriving(true)
  }

  /** Nothing more comes. @returns what came */
  end(): Buffer {
    this.#setArriving(false)
    return Buffer.concat(this.#pieces)
  }

  #setArriving(isArriving: boolean): void {
    if (this.#isArriving === isArriving || this.#chunkNumber === null) return
    this.#isArriving = isArriving
    this.#upload?.setUnderWay(this.#chunkNumber, isArriving)
  }
}
