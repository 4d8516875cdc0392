/** What a firmware file format must offer. A new format is one file that has this shape and one line in `index.ts`. */
import type { Finding, Inspection } from '../../shared/contract/models.ts'
import type { LocalText } from '../../shared/messages/index.ts'
import type { MemoryImage } from '../image/memory-image.ts'

/** Bytes of a file in order, a piece at a time; the formats never hold the whole text. */
export interface FirmwareSource {
  readonly fileName: string
  readonly sizeBytes: number
  /** The first bytes of the file, at most 4 KiB: enough to recognise a format. */
  readonly head: Uint8Array
  /**
   * Reads up to `target.length` bytes at `offset` of the file into `target`.
   * @returns how many were read; 0 at the end
   */
  read(target: Uint8Array, offset: number): number
  /**
   * Reads a whole file that lies in this one's folder or below it, by its path from there with `/`. Absent where there is
   * none beside, such as for bytes alone.
   * @throws {FlashproofError} file.*
   */
  readBeside?(path: string, maximumBytes: number): Uint8Array
}

export interface ReadOptions {
  /** Codes of warnings that a person accepted, such as `missing-end` for a file that looks cut off. */
  readonly accept?: readonly string[]
  /** Where bytes without an address begin (raw binary); 0 where not given. */
  readonly baseAddress?: number
  /** For which chip, where a file holds firmware for several; needed only for such a file. */
  readonly variant?: string
  /** Called now and then with the bytes of source text read so far. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
  readonly signal?: AbortSignal
}

export interface ReadResult {
  readonly image: MemoryImage
  /** The entry point, where the format carries one. */
  readonly startAddress: number | null
  readonly findings: readonly Finding[]
  /** Format-specific part of the inspection, such as the ESP header. */
  readonly esp?: Inspection['esp']
}

export interface WriteOptions {
  /** First address of a flat file; the image's lowest where not given. */
  readonly baseAddress?: number
  readonly fillByte?: number
  readonly startAddress?: number | null
}

export interface FirmwareFormat {
  readonly id: string
  readonly label: LocalText
  /** Lower case, without the dot. A hint only: `recognise` decides. */
  readonly extensions: readonly string[]
  /** Whether the file's bytes carry addresses; a raw binary does not. */
  readonly isAddressed: boolean
  /** Whether one file may hold firmware for several chips, so that `variant` means something. */
  readonly hasVariants?: true
  /** Codes of `accept` that its reader knows. */
  readonly decisions?: readonly string[]
  recognise(source: FirmwareSource): 'yes' | 'maybe' | 'no'
  /**
   * Reads the file into addressed segments.
   * @throws {FlashproofError} format.*, image.overlap, image.address-range, with file, line and address in the details
   */
  read(source: FirmwareSource, options: ReadOptions): ReadResult
  /** Writes an image as a file of this format, piece by piece into `sink`. */
  write?(image: MemoryImage, options: WriteOptions, sink: (piece: Uint8Array) => void): void
}
