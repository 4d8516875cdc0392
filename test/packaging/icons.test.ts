// The icon files: that each has the sizes it is read for, and that the containers are what their readers expect.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { icnsFromPngs, icoFromImages } from '../../packaging/icon-containers.ts'

const folder = join(import.meta.dirname, '../../resources/icon')
const SIZES_PX = [16, 24, 32, 48, 64, 128, 256, 512, 1024]
const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

function pngSize(png: Buffer): [number, number] {
  expect(png.subarray(0, 8)).toEqual(PNG_SIGNATURE)
  return [png.readUInt32BE(16), png.readUInt32BE(20)]
}

function readPng(sizePx: number): Buffer {
  return readFileSync(join(folder, 'png', `${sizePx}x${sizePx}.png`))
}

describe('the icon files', () => {
  it.each(SIZES_PX)('have a PNG of %i px with transparency', sizePx => {
    const png = readPng(sizePx)
    expect(pngSize(png)).toEqual([sizePx, sizePx])
    expect(png.readUInt8(25)).toBe(6)
  })

  it('have an .ico with every size that Windows shows, small ones as bitmaps', () => {
    const ico = readFileSync(join(folder, 'flashproof.ico'))
    const count = ico.readUInt16LE(4)
    const sizes = Array.from({ length: count }, (_, index) => {
      const entry = 6 + index * 16
      const offset = ico.readUInt32LE(entry + 12)
      const content = ico.subarray(offset, offset + ico.readUInt32LE(entry + 8))
      if (content.subarray(0, 8).equals(PNG_SIGNATURE)) return `png ${pngSize(content).join('x')}`
      return `bitmap ${content.readInt32LE(4)}x${content.readInt32LE(8) / 2}`
    })
    expect(ico.readUInt32LE(0)).toBe(0x0001_0000)
    expect(sizes).toEqual([...[16, 24, 32, 48, 64, 128].map(sizePx => `bitmap ${sizePx}x${sizePx}`), 'png 256x256'])
  })

  it('have an .icns whose blocks are the PNGs, up to 1024 px', () => {
    const icns = readFileSync(join(folder, 'flashproof.icns'))
    const blocks: string[] = []
    for (let offset = 8; offset < icns.length; offset += icns.readUInt32BE(offset + 4)) {
      const content = icns.subarray(offset + 8, offset + icns.readUInt32BE(offset + 4))
      blocks.push(`${icns.toString('latin1', offset, offset + 4)} ${pngSize(content)[0]}`)
    }
    expect(icns.toString('latin1', 0, 4)).toBe('icns')
    expect(icns.readUInt32BE(4)).toBe(icns.length)
    expect(blocks).toEqual(
      ['ic11 32', 'ic12 64', 'ic07 128', 'ic13 256', 'ic08 256', 'ic14 512', 'ic09 512', 'ic10 1024'], //
    )
  })

  it('are drawn anew into the same .icns', () => {
    const images = SIZES_PX.map(sizePx => ({ sizePx, png: readPng(sizePx), rgba: new Uint8Array() }))
    expect(icnsFromPngs(images).equals(readFileSync(join(folder, 'flashproof.icns')))).toBe(true)
  })
})

describe('a bitmap in an .ico', () => {
  it('has blue first and the lowest row first', () => {
    const rgba = Uint8Array.of(1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 5, 6, 7, 8)
    const ico = icoFromImages([{ sizePx: 2, png: new Uint8Array(), rgba }])
    const pixels = ico.subarray(6 + 16 + 40, 6 + 16 + 40 + 16)
    expect([...pixels]).toEqual([0, 0, 0, 0, 7, 6, 5, 8, 3, 2, 1, 4, 0, 0, 0, 0])
    // Then the mask: one row of four bytes each.
    expect(ico.length).toBe(6 + 16 + 40 + 16 + 8)
  })

  it('is refused when pixels are missing', () => {
    expect(() => icoFromImages([{ sizePx: 2, png: new Uint8Array(), rgba: new Uint8Array(4) }])).toThrow(RangeError)
  })
})
