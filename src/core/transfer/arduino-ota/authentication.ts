/**
 * How ArduinoOTA checks a password: MD5 in cores before 3.3.1, PBKDF2 after. Source: arduino-esp32, `espota.py` and
 * `ArduinoOTA.cpp`.
 */
import { createHash, pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'

/** How a device keeps its password: newer cores take SHA-256, a device may have been set up with an MD5 hash. */
export type PasswordHash = 'md5' | 'sha256'

const MD5_DIGITS = 32
const SHA256_DIGITS = 64
const ROUNDS = 10_000
const KEY_BYTES = 32

const deriveKey = promisify(pbkdf2)

/** The kind of a challenge by its length; null for none that is known. */
export function challengeKind(nonce: string): 'md5' | 'pbkdf2' | null {
  if (!/^[0-9a-f]+$/i.test(nonce)) return null
  return nonce.length === MD5_DIGITS ? 'md5' : nonce.length === SHA256_DIGITS ? 'pbkdf2' : null
}

/** A random nonce of ours, as long as the device's own. */
export function newClientNonce(nonce: string): string {
  return randomBytes(nonce.length / 2).toString('hex')
}

/** The answer to a challenge of 32 digits. */
export function md5Response(password: string, nonce: string, clientNonce: string): string {
  return hex('md5', `${hex('md5', password)}:${nonce}:${clientNonce}`)
}

/** The answer to a challenge of 64 digits; computed beside the event loop, because it takes milliseconds. */
export async function pbkdf2Response(
  password: string,
  passwordHash: PasswordHash,
  nonce: string,
  clientNonce: string,
): Promise<string> {
  const key = await derivedKey(hex(passwordHash, password), nonce, clientNonce)
  return hex('sha256', `${key}:${nonce}:${clientNonce}`)
}

/** The key that both sides derive from the hash of the password, as hex. */
export async function derivedKey(hashOfPassword: string, nonce: string, clientNonce: string): Promise<string> {
  return (await deriveKey(hashOfPassword, `${nonce}:${clientNonce}`, ROUNDS, KEY_BYTES, 'sha256')).toString('hex')
}

function hex(hash: PasswordHash, text: string): string {
  return createHash(hash).update(text).digest('hex')
}
