/** Signs chunks so that the device knows they come from whoever holds its key: HMAC-SHA256, lower-case hex (seed 4). */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'

export type MacMode = 'chunk' | 'bound' | 'none'

export interface ChunkKey {
  /** Prepared once: from plain bytes every signature would take several times as long. */
  readonly secret: KeyObject
  /** How the text was read: 64 hex digits as 32 bytes, any other text as its UTF-8 bytes. */
  readonly form: 'hex' | 'text'
}

export function parseKey(text: string): ChunkKey {
  return /^[0-9a-f]{64}$/i.test(text)
    ? { secret: createSecretKey(text, 'hex'), form: 'hex' }
    : { secret: createSecretKey(text, 'utf8'), form: 'text' }
}

/**
 * `chunk`: over the raw bytes and nothing else, as the seed's device checks it; chunks of another place or version pass
 * too. `bound`: over a head that names version, number and length, then the bytes.
 */
export function chunkMac(
  key: ChunkKey,
  mode: Exclude<MacMode, 'none'>,
  chunk: { readonly version: string; readonly index: number; readonly bytes: Uint8Array },
): string {
  const mac = createHmac('sha256', key.secret)
  if (mode === 'bound') {
    mac.update(`FOTA1\n${chunk.version}\n${String(chunk.index)}\n${String(chunk.bytes.length)}\n`)
  }
  return mac.update(chunk.bytes).digest('hex')
}
