/** What the real server of seed 5 does not look at: the plan's arithmetic and the rest of the chunk's header. */
import type { ChunkHeader } from './chunk-header.ts'
import type { Upload, UploadPlan } from './uploads.ts'

/** Chunks after which a random value that never changes is no accident. */
const CHUNKS_OF_ONE_VALUE = 4

export function problemWithPlan({ fileBytes, chunkBytes, totalChunks }: UploadPlan): string | null {
  if (![fileBytes, chunkBytes, totalChunks].every(value => Number.isSafeInteger(value) && value > 0)) {
    return 'fileSize, chunkSize and totalChunks must be whole numbers above 0'
  }
  if (fileBytes >= 2 ** 32) return 'fileSize does not fit the header'
  const isCovered = chunkBytes * totalChunks >= fileBytes && fileBytes > chunkBytes * (totalChunks - 1)
  return isCovered ? null : 'fileSize, chunkSize and totalChunks do not fit together'
}

export function problemWithChunk(upload: Upload, header: ChunkHeader, dataBytes: number): string | null {
  const { fileBytes, chunkBytes } = upload.plan
  const offset = header.chunkNumber * chunkBytes
  const expectedBytes = Math.min(chunkBytes, fileBytes - offset)
  if (dataBytes !== expectedBytes) {
    return `Invalid chunk length: ${String(dataBytes)} (expected ${String(expectedBytes)})`
  }
  const remaining = Math.max(0, fileBytes - offset - chunkBytes)
  if (header.bytesRemaining !== remaining) {
    return `Invalid bytes remaining: ${String(header.bytesRemaining)} (expected ${String(remaining)})`
  }
  upload.randomValues.push(header.random)
  const isConstant = upload.randomValues.every(value => value === header.random)
  return isConstant && upload.randomValues.length >= CHUNKS_OF_ONE_VALUE ? 'The random value never changes' : null
}
