/** How a pulling device authenticates a chunk: HMAC-SHA256 with a key that both sides know, over the chunk as it was decoded. */
import { createHmac, timingSafeEqual } from 'node:crypto'

/** The key of virtual devices: 64 hex digits, as it stands in a device's source. */
export const PRACTICE_PSK = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'

/** `chunk`: over the bytes alone. `bound`: over the version, the number and the length as well. */
export type MacMode = 'chunk' | 'bound'

export interface ChunkName {
  readonly version: string
  readonly number: number
}

/** 64 hex digits are 32 bytes; any other text is its UTF-8 bytes. */
export function keyFromText(psk: string): Buffer {
  return /^[0-9a-f]{64}$/i.test(psk) ? Buffer.from(psk, 'hex') : Buffer.from(psk, 'utf8')
}

export function chunkMac(key: Uint8Array, mode: MacMode, name: ChunkName, bytes: Uint8Array): string {
  const hmac = createHmac('sha256', key)
  if (mode === 'bound') hmac.update(`FOTA1\n${name.version}\n${String(name.number)}\n${String(bytes.length)}\n`)
  return hmac.update(bytes).digest('hex')
}

/** Compares as texts: capital digits are others. */
export function isSameMac(expected: string, received: string): boolean {
  const [left, right] = [Buffer.from(expected), Buffer.from(received)]
  return left.length === right.length && timingSafeEqual(left, right)
}
