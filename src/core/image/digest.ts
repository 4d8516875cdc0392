/** SHA-256, MD5 and CRC-32 of an image's flat form, computed piece by piece: the filler is never made. */
import { createHash, type Hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { FlashproofError } from '../../shared/errors.ts'
import { DEFAULT_FILL_BYTE, type FlashAddress, type MemoryImage } from './memory-image.ts'

/** Bytes between two progress reports, and at most in one piece. */
export const PIECE_BYTES = 1024 * 1024
const FILLER_BYTES = 64 * 1024

export interface FlatOptions {
  /** First address of the flat form; the image's lowest where not given. */
  readonly baseAddress?: FlashAddress
  /** What gaps are filled with; 0xFF where not given. */
  readonly fillByte?: number
  /** Called after each piece with the bytes of the flat form done so far. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
  readonly signal?: AbortSignal
}

/**
 * Hands the flat form to `visit` in order, in pieces of at most 1 MiB that are valid only during the call.
 * @returns the length of the flat form
 * @throws {FlashproofError} format.no-data, image.gap-too-large, image.address-range, call.aborted
 */
export function forEachFlatPiece(image: MemoryImage, options: FlatOptions, visit: (piece: Uint8Array) => void): number {
  const { baseAddress, sizeBytes } = image.measureFlat(options.baseAddress)
  const filler = new Uint8Array(FILLER_BYTES).fill(options.fillByte ?? DEFAULT_FILL_BYTE)
  let doneBytes = 0
  const step = (piece: Uint8Array): void => {
    if (options.signal?.aborted) {
      throw new FlashproofError('call.aborted', 'stopped on request', {}, { cause: options.signal.reason })
    }
    visit(piece)
    doneBytes += piece.length
    options.onProgress?.(doneBytes, sizeBytes)
  }
  for (const { address, bytes } of image.segments) {
    while (baseAddress + doneBytes < address) {
      step(filler.subarray(0, Math.min(FILLER_BYTES, address - baseAddress - doneBytes)))
    }
    for (let start = 0; start < bytes.length; start += PIECE_BYTES) step(bytes.subarray(start, start + PIECE_BYTES))
  }
  return sizeBytes
}

/**
 * Computes SHA-256 or MD5 of the flat form, in hex.
 * @throws {FlashproofError} format.no-data, image.gap-too-large, image.address-range, call.aborted
 */
export function hashFlat(image: MemoryImage, algorithm: 'sha256' | 'md5', options: FlatOptions = {}): string {
  const hash: Hash = createHash(algorithm)
  forEachFlatPiece(image, options, piece => {
    hash.update(piece)
  })
  return hash.digest('hex')
}

/**
 * Computes the CRC-32 (reflected 0xEDB88320, as zlib's) of the flat form.
 * @throws {FlashproofError} format.no-data, image.gap-too-large, image.address-range, call.aborted
 */
export function crc32Flat(image: MemoryImage, options: FlatOptions = {}): number {
  let value = 0
  forEachFlatPiece(image, options, piece => {
    value = crc32(piece, value)
  })
  return value
}
