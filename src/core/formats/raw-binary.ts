/** Raw binary: bytes without addresses. Any file may be one, so nothing is refused here and nothing is recognised for sure. */
import type { MemoryImage as Image } from '../image/memory-image.ts'
import { DEFAULT_FILL_BYTE, MemoryImage } from '../image/memory-image.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { assertNotAborted, PROGRESS_STEP_BYTES } from './file-source.ts'
import type { FirmwareFormat, FirmwareSource, ReadOptions, ReadResult, WriteOptions } from './firmware-format.ts'

const FILL_PIECE_BYTES = 64 * 1024

export const rawBinary: FirmwareFormat = {
  id: 'raw-binary',
  label: { en: 'Raw binary', vi: 'Nhị phân thô' },
  extensions: ['bin'],
  isAddressed: false,
  recognise: () => 'maybe',
  read: readRawBinary,
  write: writeRawBinary,
}

/** Reads every byte as one segment that begins at `baseAddress` (0 where not given). */
function readRawBinary(source: FirmwareSource, options: ReadOptions): ReadResult {
  const bytes = new Uint8Array(source.sizeBytes)
  let doneBytes = 0
  while (doneBytes < bytes.length) {
    assertNotAborted(options.signal)
    const count = source.read(bytes.subarray(doneBytes, doneBytes + PROGRESS_STEP_BYTES), doneBytes)
    if (count === 0) break
    doneBytes += count
    options.onProgress?.(doneBytes, source.sizeBytes)
  }
  const address = options.baseAddress ?? 0
  if (doneBytes === 0) {
    throw new FlashproofError('format.no-data', `${source.fileName} holds no data`, { file: source.fileName })
  }
  const image = MemoryImage.fromPieces([{ address, bytes: bytes.subarray(0, doneBytes) }])
  return { image, startAddress: null, findings: [] }
}

/**
 * Writes the image flat from `baseAddress`, gaps filled, without holding the flat file. A piece that the sink gets is
 * valid only during the call.
 * @throws {FlashproofError} format.no-data, image.gap-too-large, image.address-range when data lies below the base
 */
function writeRawBinary(image: Image, options: WriteOptions, sink: (piece: Uint8Array) => void): void {
  const { baseAddress } = image.measureFlat(options.baseAddress)
  const filler = new Uint8Array(FILL_PIECE_BYTES).fill(options.fillByte ?? DEFAULT_FILL_BYTE)
  let address = baseAddress
  for (const segment of image.segments) {
    while (address < segment.address) {
      const piece = filler.subarray(0, Math.min(filler.length, segment.address - address))
      sink(piece)
      address += piece.length
    }
    for (let start = 0; start < segment.bytes.length; start += PROGRESS_STEP_BYTES) {
      sink(segment.bytes.subarray(start, start + PROGRESS_STEP_BYTES))
    }
    address += segment.bytes.length
  }
}
