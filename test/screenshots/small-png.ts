/** Writes a browser's PNG again with a palette of 256 colours, a third of the size, so that the pictures can be in the repository. */
import { crc32, deflateSync, inflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const MOST_COLOURS = 256
const TRUE_COLOUR = 2
const TRUE_COLOUR_WITH_ALPHA = 6
const PALETTE = 3

/** Opaque pixels, each as 0xRRGGBB. */
interface Picture {
  readonly width: number
  readonly height: number
  readonly pixels: Uint32Array
}

/**
 * The commonest 256 colours stay as they are; each other one becomes the nearest of them. Pages have few colours: what moves
 * are shades at the edges of letters.
 * @throws {Error} for a PNG that is interlaced or not of 8 bits a channel in true colour
 */
export function smallPng(png: Buffer): Buffer {
  const { width, height, pixels } = readPicture(png)
  const { palette, indexOf } = choosePalette(pixels)
  const rows = Buffer.alloc((width + 1) * height)
  for (let y = 0; y < height; y++) {
    // The first byte of a row names its filter: none, which suits a palette best.
    for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = indexOf(pixels[y * width + x] ?? 0)
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, PALETTE, 0, 0, 0], 8)
  const colours = Buffer.from(palette.flatMap(colour => [colour >> 16, (colour >> 8) & 0xff, colour & 0xff]))
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', colours),
    chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function choosePalette(pixels: Uint32Array): {
  readonly palette: readonly number[]
  readonly indexOf: (colour: number) => number
} {
  const counts = new Map<number, number>()
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1)
  const palette = [...counts]
    .toSorted((left, right) => right[1] - left[1])
    .slice(0, MOST_COLOURS)
    .map(([colour]) => colour)
  const known = new Map(palette.map((colour, index) => [colour, index]))
  return {
    palette,
    indexOf(colour) {
      const index = known.get(colour) ?? nearest(palette, colour)
      known.set(colour, index)
      return index
    },
  }
}

function nearest(palette: readonly number[], colour: number): number {
  let [best, least] = [0, Number.POSITIVE_INFINITY]
  for (const [index, candidate] of palette.entries()) {
    const red = (candidate >> 16) - (colour >> 16)
    const green = ((candidate >> 8) & 0xff) - ((colour >> 8) & 0xff)
    const blue = (candidate & 0xff) - (colour & 0xff)
    const distance = red * red + green * green + blue * blue
    if (distance < least) [best, least] = [index, distance]
  }
  return best
}

function readPicture(png: Buffer): Picture {
  const width = png.readUInt32BE(16)
  const height = png.readUInt32BE(20)
  const [bits, colourType, , , interlace] = png.subarray(24, 29)
  const isKnown = colourType === TRUE_COLOUR || colourType === TRUE_COLOUR_WITH_ALPHA
  if (bits !== 8 || !isKnown || interlace !== 0) throw new Error('not a PNG of the form that browsers write')
  const channels = colourType === TRUE_COLOUR ? 3 : 4
  const rows = unfilter(inflateSync(dataOf(png)), width * channels, channels)
  const pixels = new Uint32Array(width * height)
  for (let at = 0; at < pixels.length; at++) pixels[at] = rows.readUIntBE(at * channels, 3)
  return { width, height, pixels }
}

function dataOf(png: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = SIGNATURE.length; at < png.length;) {
    const size = png.readUInt32BE(at)
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + size))
    at += size + 12
  }
  return Buffer.concat(parts)
}

/** Undoes the five filters of the PNG specification (section 9). */
function unfilter(filtered: Buffer, rowBytes: number, channels: number): Buffer {
  const height = filtered.length / (rowBytes + 1)
  const rows = Buffer.alloc(rowBytes * height)
  for (let y = 0; y < height; y++) {
    const filter = filtered[y * (rowBytes + 1)]
    for (let x = 0; x < rowBytes; x++) {
      const at = y * rowBytes + x
      const left = x < channels ? 0 : (rows[at - channels] ?? 0)
      const above = y === 0 ? 0 : (rows[at - rowBytes] ?? 0)
      const aboveLeft = x < channels || y === 0 ? 0 : (rows[at - rowBytes - channels] ?? 0)
      rows[at] = (filtered[y * (rowBytes + 1) + 1 + x] ?? 0) + predict(filter, left, above, aboveLeft)
    }
  }
  return rows
}

function predict(filter: number | undefined, left: number, above: number, aboveLeft: number): number {
  if (filter === 1) return left
  if (filter === 2) return above
  if (filter === 3) return (left + above) >> 1
  if (filter !== 4) return 0
  const guess = left + above - aboveLeft
  const [byLeft, byAbove, byBoth] = [Math.abs(guess - left), Math.abs(guess - above), Math.abs(guess - aboveLeft)]
  if (byLeft <= byAbove && byLeft <= byBoth) return left
  return byAbove <= byBoth ? above : aboveLeft
}

function chunk(name: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(name, 'latin1'), data])
  const [size, check] = [Buffer.alloc(4), Buffer.alloc(4)]
  size.writeUInt32BE(data.length)
  check.writeUInt32BE(crc32(named))
  return Buffer.concat([size, named, check])
}
