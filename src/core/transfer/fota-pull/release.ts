/** The texts that one device is served for one image: manifest and chunks, in the key order and spelling of its firmware. */
import type { TransferImage } from '../transfer-protocol.ts'
import { chunkMac } from './chunk-authentication.ts'
import type { PullOptions } from './options.ts'

/** What toolchains write where a project names no version of its own: it tells two builds apart no better than nothing. */
const VERSIONS_OF_NOTHING = /^(esp-idf|arduino)/i

export interface Release {
  readonly version: string
  /** Whether the version is the beginning of the image's hash, because the image names none. */
  readonly isVersionMade: boolean
  readonly chunkBytes: number
  readonly totalChunks: number
  readonly sizeBytes: number
  manifest(): string
  /** @param index from 0 to `totalChunks` - 1 */
  chunk(index: number): string
}

/** @param uploadedAt ISO 8601, told to the device */
export function createRelease(
  image: Pick<TransferImage, 'bytes' | 'sha256' | 'inspection'>,
  options: Pick<PullOptions, 'chunkBytes' | 'version' | 'macMode' | 'key'>,
  uploadedAt: string,
): Release {
  const { bytes, sha256, inspection } = image
  const { chunkBytes, macMode, key } = options
  const named = options.version !== '' ? options.version : versionOf(inspection.esp?.app ?? null)
  const version = named ?? `sha-${sha256.slice(0, 12)}`
  const totalChunks = Math.ceil(bytes.length / chunkBytes)
  return {
    version,
    isVersionMade: named === null,
    chunkBytes,
    totalChunks,
    sizeBytes: bytes.length,
    manifest() {
      const manifest = {
        version,
        size: bytes.length,
        hash: sha256,
        sha256,
        chunk_size: chunkBytes,
        total_chunks: totalChunks,
        uploaded_at: uploadedAt,
        mac_mode: macMode,
      }
      return JSON.stringify({ fota: { manifest }, ...manifest })
    },
    chunk(index) {
      const part = bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes)
      const mac = macMode === 'none' || key === null ? '' : chunkMac(key, macMode, { version, index, bytes: part })
      return JSON.stringify({
        chunk_number: index,
        size: part.length,
        data: Buffer.from(part.buffer, part.byteOffset, part.length).toString('base64'),
        hmac: mac,
        mac,
        total_chunks: totalChunks,
      })
    },
  }
}

function versionOf(app: { readonly version: string; readonly projectName: string } | null): string | null {
  if (app === null || app.version === '' || app.projectName === 'arduino-lib-builder') return null
  // A bound chunk is signed over it, line by line.
  if (VERSIONS_OF_NOTHING.test(app.version) || !/^[\x20-\x7e]+$/.test(app.version)) return null
  return app.version
}
