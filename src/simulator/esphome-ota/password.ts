/** How an ESPHome device checks a password: a hash over password, its nonce and the client's, all as text. */
import { createHash } from 'node:crypto'

export type PasswordHash = 'md5' | 'sha256'

/** Hex digits of a nonce and of a hash. */
export const hexDigits: Readonly<Record<PasswordHash, number>> = { md5: 32, sha256: 64 }

export function answerOf(hash: PasswordHash, password: string, nonce: string, clientNonce: string): string {
  return createHash(hash)
    .update(password + nonce + clientNonce)
    .digest('hex')
}
