/** The ten bytes in front of every chunk of seed 5, all little-endian. */

export const HEADER_BYTES = 10

export interface ChunkHeader {
  /** For nobody's use on the real server. */
  readonly random: number
  /** From 0. */
  readonly chunkNumber: number
  readonly bytesRemaining: number
}

/** @param body at least ten bytes */
export function readChunkHeader(body: Buffer): ChunkHeader {
  return { random: body.readUInt16LE(0), chunkNumber: body.readUInt32LE(2), bytesRemaining: body.readUInt32LE(6) }
}
