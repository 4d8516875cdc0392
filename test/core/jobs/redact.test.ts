import { describe, expect, it } from 'vitest'
import { createRedaction, REDACTED } from '../../../src/core/jobs/redact.ts'

const secret = 'Tr0ub4dor&3/+=ü "x"'

describe('taking secrets out of what a job says', () => {
  const redact = createRedaction([secret])

  it.each([
    ['as it is', secret],
    ['percent-encoded', encodeURIComponent(secret)],
    ['percent-encoded in small letters', encodeURIComponent(secret).replaceAll(/%../g, code => code.toLowerCase())],
    ['as a form', encodeURIComponent(secret).replaceAll('%20', '+')],
    ['with every byte percent-encoded', Buffer.from(secret).toString('hex').replaceAll(/../g, '%$&')],
    ['in hex', Buffer.from(secret).toString('hex')],
    ['in large hex', Buffer.from(secret).toString('hex').toUpperCase()],
    ['in base64', Buffer.from(secret).toString('base64')],
    ['in base64url', Buffer.from(secret).toString('base64url')],
    ['inside JSON', JSON.stringify({ secret })],
  ])('finds it %s', (_name, text) => {
    expect(redact(`before ${text} after`)).toMatch(new RegExp(`^before .*${REDACTED}.* after$`))
    expect(redact({ deep: [{ text }] })).not.toEqual({ deep: [{ text }] })
  })

  it.each(['a', 'ad', 'admin', 'operator', 'technician-3'])('finds it behind the user name “%s” in base64', name => {
    const header = Buffer.from(`${name}:${secret}`).toString('base64')
    const left = redact(`Basic ${header}`)
    expect(left).toContain(REDACTED)
    // A character on each side is shared with a neighbour.
    expect(left.length).toBeLessThan(`Basic ${header}`.length - secret.length)
  })

  it('finds the bytes of a key that was given as hex', () => {
    const key = 'a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90'
    const clean = createRedaction([key])
    expect(clean(key.toUpperCase())).toBe(REDACTED)
    expect(clean(Buffer.from(key, 'hex').toString('base64'))).toBe(REDACTED)
  })

  it('leaves everything else, and texts that are too short to be told apart', () => {
    const sample = { a: 1, b: null, c: ['admin', true], bytes: Uint8Array.of(1) }
    expect(redact(sample)).toEqual(sample)
    expect(createRedaction(['ab'])('abc')).toBe('abc')
    expect(createRedaction([])('abc')).toBe('abc')
  })
})
