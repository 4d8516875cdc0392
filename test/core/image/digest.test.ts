import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { crc32Flat, forEachFlatPiece, hashFlat, PIECE_BYTES } from '../../../src/core/image/digest.ts'
import { MemoryImage } from '../../../src/core/image/memory-image.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { randomBytes, randomSegments, seededRandom } from '../formats/hex-samples.ts'

const random = seededRandom(31)
const scattered = MemoryImage.fromPieces(
  randomSegments(random, { totalBytes: 300_000, baseAddress: 0x0800_0100, longestSegment: 50_000, longestGap: 90_000 }),
)

function codeOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    if (error instanceof FlashproofError) return error.code
    throw error
  }
  return 'nothing was thrown'
}

describe('the digests of an image', () => {
  it.each([
    ['from its lowest address with FF', {}],
    ['from a base below', { baseAddress: 0x0800_0000 }],
    ['with another filler', { baseAddress: 0x0800_0000, fillByte: 0 }],
  ])('are those of the flat form %s', (_, options) => {
    const { bytes } = scattered.flatten(options)
    expect(hashFlat(scattered, 'sha256', options)).toBe(createHash('sha256').update(bytes).digest('hex'))
    expect(hashFlat(scattered, 'md5', options)).toBe(createHash('md5').update(bytes).digest('hex'))
    expect(crc32Flat(scattered, options)).toBe(crc32(bytes))
  })

  it('have the values that the standards give for “123456789”', () => {
    const image = MemoryImage.fromPieces([{ address: 0, bytes: Buffer.from('123456789') }])
    expect(crc32Flat(image)).toBe(0xcbf4_3926)
    expect(hashFlat(image, 'md5')).toBe('25f9e794323b453885f5181f1b624d0b')
  })

  it('are refused where a flat form would be', () => {
    const far = MemoryImage.fromPieces([
      { address: 0, bytes: Uint8Array.of(1) },
      { address: 0x1000_0000, bytes: Uint8Array.of(1) },
    ])
    expect(codeOf(() => hashFlat(far, 'sha256'))).toBe('image.gap-too-large')
    expect(codeOf(() => hashFlat(MemoryImage.empty, 'sha256'))).toBe('format.no-data')
    expect(codeOf(() => hashFlat(scattered, 'sha256', { baseAddress: 0x0900_0000 }))).toBe('image.address-range')
  })
})

describe('the pieces of the flat form', () => {
  const large = MemoryImage.fromPieces([
    { address: 10, bytes: randomBytes(random, PIECE_BYTES * 2 + 5) },
    { address: PIECE_BYTES * 3, bytes: Uint8Array.of(1, 2, 3) },
  ])

  it('are of at most 1 MiB, in order, and together the whole', () => {
    const pieces: Buffer[] = []
    const sizeBytes = forEachFlatPiece(large, { baseAddress: 0 }, piece => {
      expect(piece.length).toBeLessThanOrEqual(PIECE_BYTES)
      pieces.push(Buffer.from(piece))
    })
    const whole = Buffer.concat(pieces)
    expect(whole).toHaveLength(sizeBytes)
    expect(whole.equals(large.flatten({ baseAddress: 0 }).bytes)).toBe(true)
  })

  it('are reported one by one up to the end', () => {
    const reports: number[] = []
    hashFlat(large, 'md5', {
      onProgress(doneBytes, totalBytes) {
        expect(totalBytes).toBe(PIECE_BYTES * 3 + 3 - 10)
        reports.push(doneBytes)
      },
    })
    expect(reports).toEqual([...new Set(reports)].sort((left, right) => left - right))
    expect(reports.at(-1)).toBe(PIECE_BYTES * 3 + 3 - 10)
  })

  it('stop when it was aborted', () => {
    const controller = new AbortController()
    let pieces = 0
    const run = (): void => {
      forEachFlatPiece(large, { signal: controller.signal }, () => {
        pieces++
        controller.abort()
      })
    }
    expect(codeOf(run)).toBe('call.aborted')
    expect(pieces).toBe(1)
  })
})
