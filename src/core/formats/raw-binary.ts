/** Raw binary: bytes without addresses. Any file may be one, so nothing is refused here and nothing is recognised for sure. */
import { forEachFlatPiece } from '../image/digest.ts'
import { MemoryImage } from '../image/memory-image.ts'
import { FlashproofError } from '../../shared/errors.ts'
import { assertNotAborted, PROGRESS_STEP_BYTES } from './file-source.ts'
import type { FirmwareFormat, FirmwareSource, ReadOptions, ReadResult, WriteOptions } from './firmware-format.ts'

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
function writeRawBinary(image: MemoryImage, options: WriteOptions, sink: (piece: Uint8Array) => void): void {
  const { baseAddress, fillByte } = options
  forEachFlatPiece(
    image,
    { ...(baseAddress === undefined ? {} : { baseAddress }), ...(fillByte === undefined ? {} : { fillByte }) },
    sink,
  )
}
