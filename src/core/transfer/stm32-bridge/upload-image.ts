/**
 * What the gateway's form reader would do to an image, and the form in which it leaves it alone. The reader cuts at the
 * literal boundary, then strips line ends and blanks, and takes a colon at the start for Intel HEX (seed 3).
 */
import { FlashproofError } from '../../../shared/errors.ts'

/** The STM32 takes eight bytes at a time. */
const GROUP_BYTES = 8
const FILL = 0xff
/** Carriage return, line feed, blank, tab. */
const STRIPPED: readonly number[] = [0x0d, 0x0a, 0x20, 0x09]
export const COLON = 0x3a
const BOUNDARY_LITERAL = '------WebKitFormBoundary'

/** Fills with 0xFF up to a multiple of eight whose last byte the reader leaves alone. */
export function padForGateway(bytes: Uint8Array): Uint8Array {
  let sizeBytes = Math.ceil(bytes.length / GROUP_BYTES) * GROUP_BYTES
  const isWhole = sizeBytes === bytes.length
  if (isWhole && STRIPPED.includes(bytes.at(-1) ?? FILL)) sizeBytes += GROUP_BYTES
  if (sizeBytes === bytes.length) return bytes
  const padded = new Uint8Array(sizeBytes).fill(FILL)
  padded.set(bytes)
  return padded
}

/** @throws {FlashproofError} image.not-transferable */
export function assertPassesUnchanged(bytes: Uint8Array): void {
  if (bytes[0] === COLON) throw startsLikeHex()
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(BOUNDARY_LITERAL)
  if (at < 0) return
  throw new FlashproofError(
    'image.not-transferable',
    `the image holds “${BOUNDARY_LITERAL}” at offset ${String(at)}: the gateway would cut it there`,
    { offset: at },
  )
}

export function startsLikeHex(): FlashproofError {
  return new FlashproofError(
    'image.not-transferable',
    'the first byte is 0x3A, “:”: the gateway would read the image as Intel HEX',
    { offset: 0 },
  )
}

/** The STM32's check: the sum of all bytes, of which eight bits are kept. */
export function sum8(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const wholeBytes = bytes.length - (bytes.length % 4)
  // Two sums in one number, four bytes at a time: byte by byte, a large image would hold the event loop for long.
  let sums = 0
  for (let at = 0; at < wholeBytes; at += 4) {
    const word = view.getUint32(at)
    sums = (sums + (word & 0xff_00_ff) + ((word >>> 8) & 0xff_00_ff)) & 0xff_00_ff
  }
  let sum = sums + (sums >>> 16)
  for (const byte of bytes.subarray(wholeBytes)) sum += byte
  return sum & 0xff
}
