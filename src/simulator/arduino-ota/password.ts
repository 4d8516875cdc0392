/**
 * How an ArduinoOTA device knows its password: the stored hash, the challenge, and the answer it expects (arduino-esp32,
 * libraries/ArduinoOTA/src/ArduinoOTA.cpp; the longer form since core 3.3.1).
 */
import { createHash, pbkdf2Sync } from 'node:crypto'

/**
 * `md5`: cores before 3.3.1. `pbkdf2`: the form since then. `pbkdf2-md5-hash`: the new form on a device whose sketch still
 * sets an MD5 of the password (`setPasswordHash`).
 */
export type AuthForm = 'none' | 'md5' | 'pbkdf2' | 'pbkdf2-md5-hash'

const ITERATIONS = 10_000
const KEY_BYTES = 32

/** Hex digits of nonce, cnonce and response. */
export function tokenLength(form: AuthForm): number {
  return form === 'md5' ? 32 : 64
}

/** What the device keeps of its password. */
export function storedHash(form: AuthForm, password: string): string {
  return form === 'pbkdf2' ? hex('sha256', password) : hex('md5', password)
}

/** The response that the device expects to its nonce. */
export function expectedResponse(form: AuthForm, stored: string, nonce: string, cnonce: string): string {
  if (form === 'md5') return hex('md5', `${stored}:${nonce}:${cnonce}`)
  const key = derivedKey(stored, nonce, cnonce)
  return hex('sha256', `${key}:${nonce}:${cnonce}`)
}

/** The password of the derivation is the text of the stored hash, not its bytes. */
export function derivedKey(stored: string, nonce: string, cnonce: string): string {
  return pbkdf2Sync(stored, `${nonce}:${cnonce}`, ITERATIONS, KEY_BYTES, 'sha256').toString('hex')
}

function hex(algorithm: 'md5' | 'sha256', text: string): string {
  return createHash(algorithm).update(text).digest('hex')
}
