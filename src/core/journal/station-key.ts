/** The optional Ed25519 key of a station: made only on request, kept in the home, signs every head and every export. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FlashproofError } from '../../shared/errors.ts'

export interface StationKey {
  /** Raw public key, 32 bytes in hex: what two people compare. */
  readonly publicKey: string
  signText(text: string): string
}

const PRIVATE_NAME = 'station-key.pem'
const PUBLIC_NAME = 'station-key.pub.pem'

/**
 * Makes the station's key pair: `station-key.pem` for this user alone, `station-key.pub.pem` to hand out.
 * @throws file.exists when there is one: an earlier chain would lose its signer.
 */
export function createStationKey(home: string): StationKey {
  const path = join(home, PRIVATE_NAME)
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  try {
    writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if (!existsSync(path)) throw error
    throw new FlashproofError('file.exists', `${path} exists already`, { path }, { cause: error })
  }
  writeFileSync(join(home, PUBLIC_NAME), publicKey.export({ type: 'spki', format: 'pem' }), { mode: 0o644 })
  return stationKeyOf(privateKey)
}

/**
 * The station's key, or null when none was made.
 * @throws file.not-readable when the file holds no Ed25519 private key.
 */
export function loadStationKey(home: string): StationKey | null {
  const path = join(home, PRIVATE_NAME)
  if (!existsSync(path)) return null
  try {
    const key = createPrivateKey(readFileSync(path))
    if (key.asymmetricKeyType !== 'ed25519') throw new Error(`a key of type ${String(key.asymmetricKeyType)}`)
    return stationKeyOf(key)
  } catch (error) {
    throw new FlashproofError('file.not-readable', `${path} holds no Ed25519 private key`, { path }, { cause: error })
  }
}

function stationKeyOf(privateKey: KeyObject): StationKey {
  return {
    publicKey: rawPublicKey(createPublicKey(privateKey)),
    signText: text => sign(null, Buffer.from(text, 'utf8'), privateKey).toString('hex'),
  }
}

// SubjectPublicKeyInfo of an Ed25519 key is this prefix and the 32 raw bytes (RFC 8410).
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

function rawPublicKey(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'der' }).subarray(SPKI_PREFIX.length).toString('hex')
}

/** Whether `signature` (hex) over `text` is the holder's of `publicKey` (raw, hex). Damaged input is simply false. */
export function isSignatureValid(publicKey: string, text: string, signature: string): boolean {
  if (!/^[0-9a-f]{64}$/.test(publicKey) || !/^[0-9a-f]{128}$/.test(signature)) return false
  try {
    const key = createPublicKey({
      key: Buffer.concat([SPKI_PREFIX, Buffer.from(publicKey, 'hex')]),
      format: 'der',
      type: 'spki',
    })
    return verify(null, Buffer.from(text, 'utf8'), key, Buffer.from(signature, 'hex'))
  } catch {
    return false
  }
}
