import { describe, expect, it } from 'vitest'
import { assertPassesUnchanged, padForGateway, sum8 } from '../../../../src/core/transfer/stm32-bridge/upload-image.ts'
import { stm32Image } from './scripted-gateway.ts'

describe('the fill behind an image', () => {
  it.each([
    [
      [1, 2, 3],
      [1, 2, 3, 255, 255, 255, 255, 255],
    ],
    [
      [1, 2, 3, 4, 5, 6, 7, 8],
      [1, 2, 3, 4, 5, 6, 7, 8],
    ],
    [[9], [9, 255, 255, 255, 255, 255, 255, 255]],
  ])('makes %j a multiple of eight', (bytes, padded) => {
    expect([...padForGateway(Uint8Array.from(bytes))]).toEqual(padded)
  })

  it.each([0x0d, 0x0a, 0x20, 0x09])('adds a group behind a last byte 0x%s that the gateway would strip', last => {
    const padded = padForGateway(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, last))
    expect([...padded]).toEqual([1, 2, 3, 4, 5, 6, 7, last, ...Array.from({ length: 8 }, () => 255)])
  })
})

describe('an image that the gateway would change', () => {
  it('is one with the literal of a boundary inside', () => {
    const image = stm32Image()
    image.set(Buffer.from('------WebKitFormBoundary'), 5000)
    expect(() => {
      assertPassesUnchanged(image)
    }).toThrow(expect.objectContaining({ code: 'image.not-transferable', details: { offset: 5000 } }))
  })

  it('is one that begins with a colon', () => {
    expect(() => {
      assertPassesUnchanged(Uint8Array.of(0x3a, 1, 2))
    }).toThrow(expect.objectContaining({ code: 'image.not-transferable' }))
  })

  it('is no other', () => {
    expect(() => {
      assertPassesUnchanged(stm32Image())
    }).not.toThrow()
  })
})

it('sums bytes as the STM32 does: eight bits of the total', () => {
  expect(sum8(Uint8Array.of(0xff, 0x02))).toBe(1)
  expect(sum8(new Uint8Array(256).fill(1))).toBe(0)
  const bytes = Uint8Array.from({ length: 1003 }, (_, index) => index * 197)
  for (const start of [0, 1, 2, 3]) {
    for (const end of [start, 5, 8, 1001, 1003]) {
      const part = bytes.subarray(start, end)
      expect(sum8(part)).toBe(part.reduce((sum, byte) => sum + byte, 0) % 256)
    }
  }
})
