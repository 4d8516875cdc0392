/** Writes the two containers of icons: `.ico` of Windows and `.icns` of macOS. */

/** One drawing in one size. */
export interface IconImage {
  readonly sizePx: number
  readonly png: Uint8Array
  /** Four bytes a pixel, rows from the top; an `.ico` needs it below 256 px. */
  readonly rgba: Uint8Array
}

const ICO_HEADER_BYTES = 6
const ICO_ENTRY_BYTES = 16
const BITMAP_HEADER_BYTES = 40
const ICNS_HEADER_BYTES = 8

/** Types of an icns whose content is a PNG, with the image's size; those of a doubled density repeat a size. */
const ICNS_TYPES: readonly (readonly [type: string, sizePx: number])[] = [
  ['ic11', 32],
  ['ic12', 64],
  ['ic07', 128],
  ['ic13', 256],
  ['ic08', 256],
  ['ic14', 512],
  ['ic09', 512],
  ['ic10', 1024],
]

/**
 * Puts images of 16 to 256 px into one `.ico`: 256 px as a PNG, smaller ones as bitmaps, which every reader of icons knows.
 */
export function icoFromImages(images: readonly IconImage[]): Buffer {
  const header = Buffer.alloc(ICO_HEADER_BYTES)
  header.writeUInt16LE(1, 2)
  header.writeUInt16LE(images.length, 4)
  const contents = images.map(image => (image.sizePx === 256 ? Buffer.from(image.png) : bitmap(image)))
  let offset = ICO_HEADER_BYTES + images.length * ICO_ENTRY_BYTES
  const entries = images.map(({ sizePx }, index) => {
    const sizeBytes = contents[index]?.length ?? 0
    const entry = Buffer.alloc(ICO_ENTRY_BYTES)
    // One byte each for width and height, in which 0 stands for 256.
    entry.writeUInt8(sizePx % 256, 0)
    entry.writeUInt8(sizePx % 256, 1)
    entry.writeUInt16LE(1, 4)
    entry.writeUInt16LE(32, 6)
    entry.writeUInt32LE(sizeBytes, 8)
    entry.writeUInt32LE(offset, 12)
    offset += sizeBytes
    return entry
  })
  return Buffer.concat([header, ...entries, ...contents])
}

/** A bitmap as an icon holds it: BGRA rows from the bottom up, then the old mask of one bit a pixel, here without effect. */
function bitmap({ sizePx, rgba }: IconImage): Buffer {
  if (rgba.length !== sizePx * sizePx * 4) throw new RangeError(`${rgba.length} bytes are no picture of ${sizePx} px`)
  const header = Buffer.alloc(BITMAP_HEADER_BYTES)
  header.writeUInt32LE(BITMAP_HEADER_BYTES, 0)
  header.writeInt32LE(sizePx, 4)
  // Twice the height: pixels and mask count as one picture.
  header.writeInt32LE(sizePx * 2, 8)
  header.writeUInt16LE(1, 12)
  header.writeUInt16LE(32, 14)
  const pixels = Buffer.alloc(sizePx * sizePx * 4)
  for (let row = 0; row < sizePx; row++) {
    for (let column = 0; column < sizePx; column++) {
      const from = (row * sizePx + column) * 4
      const to = ((sizePx - 1 - row) * sizePx + column) * 4
      pixels.set(rgba.subarray(from, from + 4), to)
      // Red and blue change places.
      pixels.subarray(to, to + 3).reverse()
    }
  }
  const maskRowBytes = Math.ceil(sizePx / 32) * 4
  return Buffer.concat([header, pixels, Buffer.alloc(maskRowBytes * sizePx)])
}

/**
 * Puts PNGs of 32 to 1024 px into one `.icns`.
 */
export function icnsFromPngs(images: readonly IconImage[]): Buffer {
  const blocks = ICNS_TYPES.map(([type, sizePx]) => {
    const image = images.find(candidate => candidate.sizePx === sizePx)
    if (image === undefined) throw new Error(`an icns needs an image of ${sizePx} px`)
    return icnsBlock(type, image.png)
  })
  return icnsBlock('icns', Buffer.concat(blocks))
}

function icnsBlock(type: string, content: Uint8Array): Buffer {
  const header = Buffer.alloc(ICNS_HEADER_BYTES)
  header.write(type, 0, 'latin1')
  header.writeUInt32BE(ICNS_HEADER_BYTES + content.length, 4)
  return Buffer.concat([header, content])
}
