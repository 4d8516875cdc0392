/**
 * Hashes large images on the event loop without holding it: one piece a turn, whoever asks, so that many devices that are
 * verified at once take the loop no longer than one.
 */
import { createHash, createHmac } from 'node:crypto'

/** Half a millisecond with SHA instructions, two without. */
const PIECE_BYTES = 512 * 1024

/** Resolves when the last piece that was asked for had its turn. */
let lastTurn: Promise<void> = Promise.resolve()

function nextTurn(): Promise<void> {
  lastTurn = lastTurn.then(
    () =>
      new Promise(resolve => {
        setImmediate(resolve)
      }),
  )
  return lastTurn
}

/** SHA-256 in hex. The bytes must not change until it resolves. */
export function sha256InPieces(bytes: Uint8Array): Promise<string> {
  return digestInPieces(createHash('sha256'), bytes)
}

/** HMAC-SHA256 in hex. The bytes must not change until it resolves. */
export function hmacSha256InPieces(key: Uint8Array, bytes: Uint8Array): Promise<string> {
  return digestInPieces(createHmac('sha256', key), bytes)
}

/** MD5 in hex, as loaders compute it over flash. The bytes must not change until it resolves. */
export function md5InPieces(bytes: Uint8Array): Promise<string> {
  return digestInPieces(createHash('md5'), bytes)
}

/** What a hash and an HMAC have in common. */
interface Digest {
  update(piece: Uint8Array): unknown
  digest(encoding: 'hex'): string
}

async function digestInPieces(digest: Digest, bytes: Uint8Array): Promise<string> {
  for (let offset = 0; offset < bytes.length; offset += PIECE_BYTES) {
    if (bytes.length > PIECE_BYTES) await nextTurn()
    digest.update(bytes.subarray(offset, offset + PIECE_BYTES))
  }
  return digest.digest('hex')
}
