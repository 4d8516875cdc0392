/**
 * The bytes of ESPHome's native OTA protocol, versions 1 and 2, and what its error bytes mean. Pure. Source: ESPHome,
 * `espota2.py` and `ota_esphome.cpp`.
 */
import { createHash } from 'node:crypto'
import { FlashproofError, type ErrorCode } from '../../../shared/errors.ts'

export const MAGIC = Uint8Array.of(0x6c, 0x26, 0xf7, 0x5c, 0x45)
export const OK = 0x00
export const VERSIONS: readonly number[] = [1, 2]
/** What this client says it can: SHA-256 authentication. Compression and the extended protocol are never offered. */
export const FEATURES = 0x02
export const REQUEST_MD5_AUTH = 0x01
export const REQUEST_SHA256_AUTH = 0x02
export const HEADER_OK = 0x40
export const AUTH_OK = 0x41
export const PREPARE_OK = 0x42
export const MD5_OK = 0x43
export const RECEIVE_OK = 0x44
export const END_OK = 0x45
/** Said only to a client that offered compression, and harmless: the image may still come uncompressed. */
export const SUPPORTS_COMPRESSION = 0x46
export const BLOCK_OK = 0x47
/** A device of version 2 acknowledges after this many bytes, and after the last, shorter block. */
export const BLOCK_BYTES = 8192
export const MD5_MISMATCH = 0x8b

export type AuthHash = 'md5' | 'sha256'

/** Hex digits of a nonce: as many as the hash has. */
export const NONCE_DIGITS: Readonly<Record<AuthHash, number>> = { md5: 32, sha256: 64 }

/** The answer to a challenge: the hash over password, nonce and our nonce as texts, one behind the other. */
export function authResponse(hash: AuthHash, password: string, nonce: string, clientNonce: string): string {
  return createHash(hash).update(password).update(nonce).update(clientNonce).digest('hex')
}

/** Size as the device reads it: 32 bits, the highest byte first. */
export function sizeBytesOnWire(sizeBytes: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(sizeBytes)
  return bytes
}

interface Refusal {
  readonly code: ErrorCode
  /** What the device found, and the next step. */
  readonly cause: string
}

const refusals: Readonly<Record<number, Refusal>> = {
  0x80: { code: 'device.not-speaking', cause: 'the device did not understand the greeting; check the port' },
  0x81: {
    code: 'device.rejected',
    cause: 'the device could not prepare its flash; restart it, and check that the image fits its partition',
  },
  0x82: { code: 'device.unauthorised', cause: 'the device refused the password' },
  0x83: { code: 'device.rejected', cause: 'writing to the flash of the device failed; restart it and try again' },
  0x84: { code: 'device.rejected', cause: 'the device could not finish the update; its own log says why' },
  0x85: {
    code: 'device.refused-image',
    cause: 'the device must be reset by hand once after it was flashed over USB; press its reset button',
  },
  0x86: {
    code: 'device.refused-image',
    cause: 'what runs on the device was built for another flash size; correct its board setting and flash it over USB',
  },
  0x87: {
    code: 'device.refused-image',
    cause: 'this image was built for another flash size than the device has; correct the board setting and build again',
  },
  0x88: { code: 'device.no-space', cause: 'the device has no room for the image; send a minimal build first' },
  0x89: {
    code: 'device.no-space',
    cause: 'the update partition is too small for the image; flash over USB to enlarge it',
  },
  0x8a: { code: 'device.no-space', cause: 'the device has no update partition; flash over USB to create one' },
  [MD5_MISMATCH]: { code: 'device.rejected', cause: 'what arrived is not what was sent: the MD5 differs' },
  0x8c: { code: 'device.no-space', cause: 'the device has no room for the image; use a smaller build' },
  0x8d: {
    code: 'device.refused-image',
    cause:
      'the signature of the image is not valid for this device; sign it with the key that its firmware was built with',
  },
  0x8e: { code: 'device.refused-image', cause: 'the device does not take this kind of update' },
  0x8f: { code: 'device.refused-image', cause: 'the device could not verify the partition table; nothing was changed' },
  0x90: {
    code: 'device.refused-image',
    cause: 'the device failed while it updated its partition table; do not restart it, try again',
  },
  0xff: { code: 'device.rejected', cause: 'the device names no reason; its own log says why' },
}

/** Whether a byte that came in place of an expected one says that the device refuses. */
export function isRefusal(byte: number): boolean {
  return byte >= 0x80
}

/** As ESPHome's own sources and logs write it, such as `0x8B`. */
export function byteInHex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0').toUpperCase()}`
}

/**
 * The error for a byte that was not expected.
 * @param during what was being done, for the log
 */
export function refusalOf(byte: number, during: string): FlashproofError {
  const shown = byteInHex(byte)
  const refusal = refusals[byte]
  if (refusal !== undefined) {
    return new FlashproofError(refusal.code, `${during}: ${refusal.cause} (${shown})`, { deviceByte: shown, during })
  }
  const code: ErrorCode = isRefusal(byte) ? 'device.rejected' : 'device.bad-answer'
  const what = isRefusal(byte) ? 'the device refused with a byte that is not known' : 'unexpected answer'
  return new FlashproofError(code, `${during}: ${what} (${shown})`, { deviceByte: shown, during })
}
