import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { Credentials, hasSafeStorage, type SecretStorage } from '../../src/main/credentials.ts'

const folder = mkdtempSync(join(tmpdir(), 'flashproof-credentials-'))
const path = join(folder, 'credentials.json')
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => {
  rmSync(path, { force: true })
})

const storage = (changes: Partial<SecretStorage> = {}): SecretStorage => ({
  isEncryptionAvailable: () => true,
  encryptString: text => Buffer.from(text).map(byte => byte ^ 0x5a) as Buffer,
  decryptString: encrypted => {
    if (encrypted.length === 0) throw new Error('not ours')
    return Buffer.from(encrypted.map(byte => byte ^ 0x5a)).toString()
  },
  getSelectedStorageBackend: () => 'gnome_libsecret',
  ...changes,
})

describe('secrets of devices', () => {
  it('are kept encrypted, for the account alone, and listed without their values', async () => {
    const credentials = new Credentials({ path, storage: storage() })
    await credentials.set('mac:aa', 'password', 'open sesame')
    const content = readFileSync(path, 'utf8')
    expect(content).not.toContain('open sesame')
    expect(content).not.toContain(Buffer.from('open sesame').toString('base64'))
    if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(await credentials.list()).toEqual([{ device: 'mac:aa', key: 'password' }])
    expect(await new Credentials({ path, storage: storage() }).secretsOf('mac:aa')).toEqual({ password: 'open sesame' })
  })

  it('are replaced and forgotten one by one', async () => {
    const credentials = new Credentials({ path, storage: storage() })
    await credentials.set('a', 'password', '1')
    await credentials.set('a', 'token', '2')
    await credentials.set('b', 'password', '3')
    await credentials.set('a', 'password', '4')
    await credentials.set('b', 'password', null)
    expect(await credentials.secretsOf('a')).toEqual({ token: '2', password: '4' })
    expect(await credentials.secretsOf('b')).toEqual({})
  })

  it('that cannot be decrypted any more, or a file that is none of ours, are left out', async () => {
    writeFileSync(path, JSON.stringify({ credentials: [{ device: 'a', key: 'k', encrypted: '' }, 7, { device: 'b' }] }))
    const credentials = new Credentials({ path, storage: storage() })
    expect(await credentials.list()).toEqual([{ device: 'a', key: 'k' }])
    expect(await credentials.secretsOf('a')).toEqual({})
    writeFileSync(path, 'not json')
    expect(await credentials.list()).toEqual([])
  })

  it('are not kept where the system has no real encryption', () => {
    expect(hasSafeStorage(storage(), 'linux')).toBe(true)
    expect(hasSafeStorage(storage({ getSelectedStorageBackend: () => 'basic_text' }), 'linux')).toBe(false)
    expect(hasSafeStorage(storage({ getSelectedStorageBackend: () => 'unknown' }), 'linux')).toBe(false)
    expect(hasSafeStorage(storage({ isEncryptionAvailable: () => false }), 'win32')).toBe(false)
    expect(hasSafeStorage({ ...storage(), getSelectedStorageBackend: () => 'basic_text' }, 'darwin')).toBe(true)
  })
})
