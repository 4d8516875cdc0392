/** Reads a whole source into memory, for the formats whose structure needs all bytes at once. */
import { assertNotAborted, PROGRESS_STEP_BYTES } from './file-source.ts'
import type { FirmwareSource, ReadOptions } from './firmware-format.ts'

/**
 * Reads in steps of 1 MiB and reports each.
 * @throws {FlashproofError} call.aborted
 */
export function readWholeSource(
  source: FirmwareSource,
  options: Pick<ReadOptions, 'onProgress' | 'signal'>,
): Uint8Array {
  const bytes = new Uint8Array(source.sizeBytes)
  let doneBytes = 0
  while (doneBytes < bytes.length) {
    assertNotAborted(options.signal)
    const count = source.read(bytes.subarray(doneBytes, doneBytes + PROGRESS_STEP_BYTES), doneBytes)
    if (count === 0) break
    doneBytes += count
    options.onProgress?.(doneBytes, source.sizeBytes)
  }
  return bytes.subarray(0, doneBytes)
}
