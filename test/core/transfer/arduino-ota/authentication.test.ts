import { describe, expect, it } from 'vitest'
import { createHash } from 'node:crypto'
import {
  challengeKind,
  derivedKey,
  md5Response,
  newClientNonce,
  pbkdf2Response,
} from '../../../../src/core/transfer/arduino-ota/authentication.ts'

describe('the password of ArduinoOTA', () => {
  it('is proven with MD5 as the reference does', () => {
    const nonce = '0123456789abcdef0123456789abcdef'
    expect(md5Response('secret', nonce, 'fedcba9876543210fedcba9876543210')).toBe('97a3111e1a27299c210fc49a94a97011')
  })

  it('is proven with PBKDF2 as the reference does', async () => {
    const nonce = 'ab'.repeat(32)
    const clientNonce = 'cd'.repeat(32)
    const hash = createHash('sha256').update('a-real-password').digest('hex')
    expect(hash).toBe('980061b57e53c2de71a544b88d868652220a5f638b654459743bc497df202f9e')
    expect(await derivedKey(hash, nonce, clientNonce)).toBe(
      'b7a2bf1029f505602abfc2362e593d50150a2407c9095f96f5c6efe9789e21d6',
    )
    expect(await pbkdf2Response('a-real-password', 'sha256', nonce, clientNonce)).toBe(
      '4d63ba8b1efa8949a0c5caefe7e8bc77db582e5531bdf2667c663394b4551b93',
    )
  })

  it('is derived beside the event loop', async () => {
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    await Promise.all(Array.from({ length: 8 }, () => derivedKey('00'.repeat(32), 'ab'.repeat(32), 'cd'.repeat(32))))
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(0)
  })

  it.each([
    ['ab'.repeat(16), 'md5'],
    ['ab'.repeat(32), 'pbkdf2'],
    ['ab'.repeat(20), null],
    ['zz'.repeat(16), null],
    ['', null],
  ])('knows a challenge by its length: %s', (nonce, kind) => {
    expect(challengeKind(nonce)).toBe(kind)
  })

  it('answers with a nonce as long as the challenge, and never with the same', () => {
    const nonce = 'ab'.repeat(32)
    expect(newClientNonce(nonce)).toMatch(/^[0-9a-f]{64}$/)
    expect(newClientNonce(nonce)).not.toBe(newClientNonce(nonce))
  })
})
