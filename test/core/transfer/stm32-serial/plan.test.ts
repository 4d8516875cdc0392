import { describe, expect, it } from 'vitest'
import { FlashMap, flashMapOf } from '../../../../src/core/transfer/stm32-serial/flash-map.ts'
import { wiringOf, resetSequence } from '../../../../src/core/transfer/stm32-serial/entry.ts'
import { formatLineSequence } from '../../../../src/core/links/line-sequence.ts'
import {
  blocksOf,
  contentOf,
  imageBlocksOf,
  mayBeRemainder,
  planPages,
} from '../../../../src/core/transfer/stm32-serial/plan.ts'
import { productName, products } from '../../../../src/core/transfer/stm32-serial/products.ts'

const KIB = 1024
const nothingStated = { flashBytes: null, pageBytes: null }
const segment = (address: number, sizeBytes: number, byte = 1) => ({
  address,
  bytes: new Uint8Array(sizeBytes).fill(byte),
})

describe('the pages of STM32 flashes', () => {
  it.each(products.map(product => [product.name, product] as const))(
    'fill the flash of %s without a gap',
    (_, product) => {
      const map = flashMapOf(product.id, nothingStated)
      expect(map.endAddress).toBe(product.flashEnd)
      map.pages.forEach((page, index) => {
        const before = map.pages[index - 1]
        expect([page.number, page.address]).toEqual([
          index,
          before === undefined ? 0x0800_0000 : before.address + before.sizeBytes,
        ])
      })
    },
  )

  it.each([
    ['F405', 0x413, [16, 16, 16, 16, 64, 128, 128, 128, 128, 128, 128, 128]],
    ['F76x', 0x451, [32, 32, 32, 32, 128, 256, 256, 256, 256, 256, 256, 256]],
    [
      'F42x with two banks',
      0x419,
      [
        ...[16, 16, 16, 16, 64, 128, 128, 128, 128, 128, 128, 128],
        ...[16, 16, 16, 16, 64, 128, 128, 128, 128, 128, 128, 128],
      ],
    ],
  ])('are sectors of several sizes: %s', (_, id, sizesKib) => {
    expect(flashMapOf(id, nothingStated).pages.map(page => page.sizeBytes / KIB)).toEqual(sizesKib)
  })

  it('must be stated for a chip that is not known, and may be for one that is', () => {
    expect(() => flashMapOf(0x495, nothingStated)).toThrow(/STM32WB5x.*flashBytes and pageBytes/)
    expect(() => flashMapOf(0x777, { flashBytes: 64 * KIB, pageBytes: null })).toThrow(/0x777/)
    const stated = flashMapOf(0x495, { flashBytes: 64 * KIB, pageBytes: 4 * KIB })
    expect([stated.pages.length, stated.endAddress]).toEqual([16, 0x0801_0000])
    expect(flashMapOf(0x410, { flashBytes: 64 * KIB, pageBytes: null }).endAddress).toBe(0x0801_0000)
    expect(productName(0x495)).toBe('STM32WB5x')
  })
})

describe('a plan', () => {
  const map = new FlashMap(0x0804_0000, [{ count: Infinity, sizeBytes: 2 * KIB }])

  it('touches both pages at the edge of a bank, and no other', () => {
    const pages = planPages([segment(0x0801_fffe, 4)], map)
    expect(pages.map(page => [page.number, page.dataBytes])).toEqual([
      [63, 2],
      [64, 2],
    ])
    expect(planPages([segment(0x0801_f800, 2 * KIB)], map).map(page => page.number)).toEqual([63])
  })

  it('joins what several segments put into one page, and keeps the rest of it', () => {
    const [page] = planPages([segment(0x0800_0100, 3, 1), segment(0x0800_0200, 5, 2)], map)
    if (page === undefined) throw new Error('no page')
    const old = new Uint8Array(2 * KIB).fill(0x77)
    const content = contentOf(page, old)
    expect([content[0xff], content[0x100], content[0x103], content[0x204], content[0x205]]).toEqual([
      0x77, 1, 0x77, 2, 0x77,
    ])
    expect(blocksOf(page, old, 0xff).length).toBe(8)
    expect(blocksOf(page, null, 0xff).map(block => [block.address & 0xfff, block.dataBytes])).toEqual([
      [0x100, 3],
      [0x200, 5],
    ])
    const zeros = new Uint8Array(2 * KIB)
    // Zeros are data where an erase leaves ones, and the other way round; on an unknown chip both are.
    expect([0xff, 0, null].map(erased => blocksOf(page, zeros, erased).length)).toEqual([8, 2, 8])
    expect(imageBlocksOf(page).map(block => block.bytes.length)).toEqual([3, 5])
    expect(mayBeRemainder(page, new Uint8Array(2 * KIB).fill(0xff), old)).toBe(true)
    expect(mayBeRemainder(page, new Uint8Array(2 * KIB).fill(0x76), old)).toBe(false)
  })

  it.each([
    ['behind the flash', segment(0x0803_fffc, 8), '0x08040000'],
    ['in the loader’s RAM', segment(0x2000_0000, 4), '0x20000000'],
    ['at option bytes', segment(0x1fff_f800, 16), '0x1FFFF800'],
    ['below the flash', segment(0x0000_0000, 16), '0x00000000'],
  ])('refuses what lies %s', (_, wrong, address) => {
    expect(() => planPages([segment(0x0800_0000, 4), wrong], map)).toThrow(address)
  })
})

it('resets into the loader and out of it, by each wiring', () => {
  const text = (entry: string, place: 'loader' | 'program'): string => {
    const wiring = wiringOf(entry)
    return wiring === null ? 'by hand' : formatLineSequence(resetSequence(place, wiring))
  }
  expect(text('manual', 'loader')).toBe('by hand')
  expect(text('dtr-boot0-rts-nrst', 'loader')).toBe('D0 R1 | 100 | D0 R0 | 100')
  expect(text('dtr-boot0-rts-nrst', 'program')).toBe('D1 R1 | 100 | D1 R0 | 100')
  expect(text('rts-boot0-dtr-nrst', 'loader')).toBe('D1 R0 | 100 | D0 R0 | 100')
  expect(text('rts-boot0-dtr-nrst-inverted', 'loader')).toBe('D1 R1 | 100 | D0 R1 | 100')
  expect(text('dtr-boot0-rts-nrst-inverted', 'program')).toBe('D0 R1 | 100 | D0 R0 | 100')
})
