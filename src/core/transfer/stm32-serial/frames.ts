/** Bytes of the STM32 bootloader's commands. Source: ST AN3155, sections 3 and 4; vectors in `protocols.md` 5.1. */

export const ACK = 0x79
export const NACK = 0x1f
/** The loader works on: the real answer follows. */
export const BUSY = 0x76
/** The loader measures its rate by this byte; one that did so already takes it for half a command. */
export const SYNC = 0x7f

export const COMMAND = {
  get: 0x00,
  getId: 0x02,
  read: 0x11,
  go: 0x21,
  write: 0x31,
  erase: 0x43,
  extendedErase: 0x44,
  writeUnprotect: 0x73,
  readoutUnprotect: 0x92,
} as const
export type Command = (typeof COMMAND)[keyof typeof COMMAND]
export const COMMAND_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(COMMAND).map(([name, code]) => [code, name]),
)

/** The most that one read or write carries, and what a write must be a multiple of. */
export const BLOCK_BYTES = 256
export const WRITE_UNIT_BYTES = 4
/** 256 pages in the one-byte count of ERASE would mean the whole chip. */
export const MOST_PAGES_OF_ERASE = 255
/** Above this some products refuse an extended erase (L082). */
export const MOST_PAGES_OF_EXTENDED_ERASE = 511

/** The command and its complement. */
export function commandFrame(command: number): Uint8Array {
  return Uint8Array.of(command, command ^ 0xff)
}

/** Four bytes, highest first, and their sum by exclusive or. */
export function addressFrame(address: number): Uint8Array {
  return withXor(bigEndian(address, 4))
}

/** @param sizeBytes 1 to 256 */
export function readLengthFrame(sizeBytes: number): Uint8Array {
  return Uint8Array.of(sizeBytes - 1, (sizeBytes - 1) ^ 0xff)
}

/** @param bytes 4 to 256, a multiple of 4 */
export function writeFrame(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0 || bytes.length > BLOCK_BYTES || bytes.length % WRITE_UNIT_BYTES !== 0) {
    throw new RangeError(`a write of ${String(bytes.length)} bytes`)
  }
  const frame = new Uint8Array(bytes.length + 2)
  frame[0] = bytes.length - 1
  frame.set(bytes, 1)
  frame[frame.length - 1] = xorOf(frame)
  return frame
}

/** @param pages numbers 0 to 255, at most 255 of them */
export function eraseFrame(pages: readonly number[]): Uint8Array {
  if (pages.length === 0 || pages.length > MOST_PAGES_OF_ERASE) throw new RangeError('a wrong count of pages')
  if (pages.some(page => page > 0xff)) throw new RangeError('a page number that ERASE cannot name')
  return withXor([pages.length - 1, ...pages])
}

/** @param pages numbers 0 to 0xFFFF, at most 511 of them */
export function extendedEraseFrame(pages: readonly number[]): Uint8Array {
  if (pages.length === 0 || pages.length > MOST_PAGES_OF_EXTENDED_ERASE) throw new RangeError('a wrong count of pages')
  return withXor([pages.length - 1, ...pages].flatMap(number => bigEndian(number, 2)))
}

/** The whole chip, by each of the two commands. */
export const MASS_ERASE_FRAME = Uint8Array.of(0xff, 0x00)
export const EXTENDED_MASS_ERASE_FRAME = Uint8Array.of(0xff, 0xff, 0x00)

export function xorOf(bytes: Iterable<number>): number {
  let sum = 0
  for (const byte of bytes) sum ^= byte
  return sum
}

function withXor(bytes: readonly number[]): Uint8Array {
  return Uint8Array.of(...bytes, xorOf(bytes))
}

function bigEndian(value: number, sizeBytes: number): number[] {
  return Array.from({ length: sizeBytes }, (_, index) => Math.floor(value / 256 ** (sizeBytes - 1 - index)) % 256)
}
