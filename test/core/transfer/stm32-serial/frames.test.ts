import { describe, expect, it } from 'vitest'
import {
  addressFrame,
  commandFrame,
  eraseFrame,
  extendedEraseFrame,
  readLengthFrame,
  writeFrame,
} from '../../../../src/core/transfer/stm32-serial/frames.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('frames of the STM32 bootloader', () => {
  it('equal the vectors of the fact sheet', () => {
    expect(hex(commandFrame(0x31))).toBe('31ce')
    expect(hex(addressFrame(0x0800_0000))).toBe('0800000008')
    expect(hex(writeFrame(Uint8Array.of(0xde, 0xad, 0xbe, 0xef)))).toBe('03deadbeef21')
    expect(hex(extendedEraseFrame([0, 1]))).toBe('00010000000100')
    expect(hex(eraseFrame([0, 1, 200]))).toBe('020001c8cb')
    expect(hex(readLengthFrame(256))).toBe('ff00')
  })

  it('never name so many pages that the whole chip would be meant', () => {
    const pages = (count: number): number[] => Array.from({ length: count }, (_, index) => index % 256)
    expect(eraseFrame(pages(255))[0]).toBe(0xfe)
    expect(() => eraseFrame(pages(256))).toThrow(RangeError)
    expect(() => eraseFrame([256])).toThrow(RangeError)
    expect(() => extendedEraseFrame(pages(512))).toThrow(RangeError)
    expect(() => eraseFrame([])).toThrow(RangeError)
  })

  it.each([0, 3, 258])('write no block of %i bytes', sizeBytes => {
    expect(() => writeFrame(new Uint8Array(sizeBytes))).toThrow(RangeError)
  })
})
