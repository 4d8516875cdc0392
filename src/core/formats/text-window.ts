/** A sliding window over a text file: one buffer that is refilled, whatever the size of the file. */
import { assertNotAborted, PROGRESS_STEP_BYTES } from './file-source.ts'
import type { FirmwareSource, ReadOptions } from './firmware-format.ts'

export class TextWindow {
  readonly bytes: Uint8Array
  /** The first byte that was not used yet; the reader moves it. */
  position = 0
  /** One past the last byte that is there. */
  end = 0
  readonly #source: FirmwareSource
  readonly #options: Pick<ReadOptions, 'onProgress' | 'signal'>
  #fileOffset = 0
  #reportedOffset = 0
  #isDrained = false

  constructor(source: FirmwareSource, bytes: Uint8Array, options: Pick<ReadOptions, 'onProgress' | 'signal'>) {
    this.#source = source
    this.bytes = bytes
    this.#options = options
  }

  /**
   * Makes `wanted` bytes available if the file has them, and reports progress at most once a MiB.
   * @returns how many bytes are available: fewer than `wanted` only at the end of the file
   * @throws {FlashproofError} call.aborted
   */
  ensure(wanted: number): number {
    const available = this.end - this.position
    if (available >= wanted || this.#isDrained) return available
    this.bytes.copyWithin(0, this.position, this.end)
    this.position = 0
    this.end = available
    while (this.end < this.bytes.length) {
      const count = this.#source.read(this.bytes.subarray(this.end), this.#fileOffset)
      if (count === 0) {
        this.#isDrained = true
        break
      }
      this.end += count
      this.#fileOffset += count
    }
    this.#report()
    return this.end - this.position
  }

  #report(): void {
    assertNotAborted(this.#options.signal)
    const isDue = this.#isDrained || this.#fileOffset - this.#reportedOffset >= PROGRESS_STEP_BYTES
    if (!isDue || this.#options.onProgress === undefined) return
    this.#reportedOffset = this.#fileOffset
    this.#options.onProgress(this.#fileOffset, this.#source.sizeBytes)
  }
}
