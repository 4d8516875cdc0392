/**
 * Secrets of devices, encrypted by the operating system, in `credentials.json` of the data folder. They go from here to
 * the background process with a start, and never to a page or a log.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { CredentialStore } from '../host/credentials.ts'
import { FlashproofError } from '../shared/errors.ts'

/** What is needed of Electron's `safeStorage`. */
export interface SecretStorage {
  isEncryptionAvailable(): boolean
  encryptString(text: string): Buffer
  decryptString(encrypted: Buffer): string
  /** Linux alone. */
  getSelectedStorageBackend?(): string
}

interface StoredCredential {
  readonly device: string
  readonly key: string
  /** Base64 of what the system encrypted. */
  readonly encrypted: string
}

/** Without a key ring Linux falls back to a key that is in every copy of Chromium: that is no encryption. */
const weakBackends: readonly string[] = ['basic_text', 'unknown']

export function hasSafeStorage(storage: SecretStorage, platform: string): boolean {
  if (!storage.isEncryptionAvailable()) return false
  return platform !== 'linux' || !weakBackends.includes(storage.getSelectedStorageBackend?.() ?? 'unknown')
}

export interface CredentialsOptions {
  readonly path: string
  /** Must be able to encrypt: see `hasSafeStorage`. */
  readonly storage: SecretStorage
}

export class Credentials implements CredentialStore {
  readonly #path: string
  readonly #storage: SecretStorage

  constructor(options: CredentialsOptions) {
    this.#path = options.path
    this.#storage = options.storage
  }

  async list(): Promise<readonly { readonly device: string; readonly key: string }[]> {
    return this.#read().map(({ device, key }) => ({ device, key }))
  }

  /** @throws {FlashproofError} file.not-writable */
  async set(device: string, key: string, value: string | null): Promise<void> {
    const others = this.#read().filter(entry => entry.device !== device || entry.key !== key)
    const kept =
      value === null ? [] : [{ device, key, encrypted: this.#storage.encryptString(value).toString('base64') }]
    this.#write([...others, ...kept])
  }

  /** Those that this account cannot decrypt any more are left out. */
  async secretsOf(device: string): Promise<Readonly<Record<string, string>>> {
    const secrets = this.#read()
      .filter(entry => entry.device === device)
      .flatMap(({ key, encrypted }) => {
        const value = this.#decrypt(encrypted)
        return value === null ? [] : [[key, value] as const]
      })
    return Object.fromEntries(secrets)
  }

  #decrypt(encrypted: string): string | null {
    try {
      return this.#storage.decryptString(Buffer.from(encrypted, 'base64'))
    } catch {
      return null
    }
  }

  #read(): readonly StoredCredential[] {
    let content: unknown
    try {
      content = JSON.parse(readFileSync(this.#path, 'utf8'))
    } catch {
      return []
    }
    if (typeof content !== 'object' || content === null || !('credentials' in content)) return []
    return Array.isArray(content.credentials) ? content.credentials.filter(isStored) : []
  }

  #write(credentials: readonly StoredCredential[]): void {
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 })
      const text = `${JSON.stringify({ schema: 1, credentials }, null, 2)}\n`
      writeFileSync(`${this.#path}.new`, text, { mode: 0o600 })
      // The mode of a file that was there already does not change by writing.
      chmodSync(`${this.#path}.new`, 0o600)
      renameSync(`${this.#path}.new`, this.#path)
    } catch (thrown) {
      throw new FlashproofError('file.not-writable', 'the secrets could not be written', {}, { cause: thrown })
    }
  }
}

function isStored(entry: unknown): entry is StoredCredential {
  if (typeof entry !== 'object' || entry === null) return false
  const fields: Readonly<Record<string, unknown>> = { ...entry }
  return ['device', 'key', 'encrypted'].every(name => typeof fields[name] === 'string')
}
