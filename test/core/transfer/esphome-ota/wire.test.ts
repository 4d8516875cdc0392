import { describe, expect, it } from 'vitest'
import { authResponse, refusalOf, sizeBytesOnWire } from '../../../../src/core/transfer/esphome-ota/wire.ts'

const nonce = '0123456789abcdef0123456789abcdef'
const clientNonce = 'fedcba9876543210fedcba9876543210'

describe('the bytes of ESPHome’s native update', () => {
  it('answers an MD5 challenge as the reference does', () => {
    expect(authResponse('md5', 'secret', nonce, clientNonce)).toBe('7c2798ce9c25f7ce261ba918f9d624c9')
  })

  it('answers a SHA-256 challenge as the reference does', () => {
    expect(authResponse('sha256', 'secret', nonce + nonce, clientNonce + clientNonce)).toBe(
      '045fd7c9e185365bf2fa5007c212f757d5d39aa6d67828323ea7ea8e015ba5ca',
    )
  })

  it('writes the size with its highest byte first', () => {
    expect([...sizeBytesOnWire(0x0102_0304)]).toEqual([1, 2, 3, 4])
  })

  it.each([
    [0x80, 'device.not-speaking', 'port'],
    [0x81, 'device.rejected', 'restart'],
    [0x82, 'device.unauthorised', 'password'],
    [0x83, 'device.rejected', 'flash'],
    [0x84, 'device.rejected', 'log'],
    [0x85, 'device.refused-image', 'reset'],
    [0x86, 'device.refused-image', 'flash size'],
    [0x87, 'device.refused-image', 'flash size'],
    [0x88, 'device.no-space', 'minimal'],
    [0x89, 'device.no-space', 'partition'],
    [0x8a, 'device.no-space', 'partition'],
    [0x8b, 'device.rejected', 'MD5'],
    [0x8c, 'device.no-space', 'smaller'],
    [0x8d, 'device.refused-image', 'signature'],
    [0x8e, 'device.refused-image', 'kind of update'],
    [0x8f, 'device.refused-image', 'partition table'],
    [0x90, 'device.refused-image', 'do not restart'],
    [0xff, 'device.rejected', 'log'],
    [0xa7, 'device.rejected', 'not known'],
    [0x13, 'device.bad-answer', 'unexpected'],
  ])('reads byte %i as %s with its cause', (byte, code, words) => {
    const error = refusalOf(byte, 'data')
    expect(error.code).toBe(code)
    expect(error.message).toContain(words)
    expect(error.details['deviceByte']).toBe(`0x${byte.toString(16).toUpperCase()}`)
  })
})
