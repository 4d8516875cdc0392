import { createHash, createHmac, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { hmacSha256InPieces, sha256InPieces } from '../../../src/core/image/digest-in-pieces.ts'

const MIB = 1024 * 1024

describe('hashing in pieces', () => {
  it.each([0, 1, 512 * 1024 - 1, 512 * 1024, 512 * 1024 + 1, 3 * MIB + 7])('gives the hash of %i bytes', async size => {
    const bytes = randomBytes(size)
    const key = randomBytes(16)
    expect(await sha256InPieces(bytes)).toBe(createHash('sha256').update(bytes).digest('hex'))
    expect(await hmacSha256InPieces(key, bytes)).toBe(createHmac('sha256', key).update(bytes).digest('hex'))
  })

  it('lets the loop turn at least once for every piece of everybody', async () => {
    const bytes = new Uint8Array(2 * MIB)
    let turns = 0
    let isDone = false
    const count = (): void => {
      turns++
      if (!isDone) setImmediate(count)
    }
    setImmediate(count)
    await Promise.all(Array.from({ length: 8 }, () => sha256InPieces(bytes)))
    isDone = true
    expect(turns).toBeGreaterThanOrEqual(8 * 4)
  })
})
