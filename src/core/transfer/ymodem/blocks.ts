/** Blocks of XMODEM and YMODEM. Source: C. Forsberg, “XMODEM/YMODEM Protocol Reference” (1988). */

export const CONTROL = {
  /** A block of 128 bytes follows. */
  soh: 0x01,
  /** A block of 1024 bytes follows. */
  stx: 0x02,
  eot: 0x04,
  ack: 0x06,
  nak: 0x15,
  can: 0x18,
  /** The receiver wants blocks with a CRC. */
  c: 0x43,
} as const

const SMALL_BYTES = 128
export const LARGE_BYTES = 1024
/** What the last block is filled with. */
const FILL_BYTE = 0x1a

export type Check = 'crc' | 'checksum'

/**
 * One block with its number and its check.
 * @param number counted modulo 256
 * @param data at most 1024 bytes; up to 128 go as a small block, the rest of it is filled
 */
export function blockFrame(number: number, data: Uint8Array, check: Check, fillByte = FILL_BYTE): Uint8Array {
  const isSmall = data.length <= SMALL_BYTES
  const sizeBytes = isSmall ? SMALL_BYTES : LARGE_BYTES
  if (data.length > sizeBytes) throw new RangeError(`a block of ${String(data.length)} bytes`)
  const frame = new Uint8Array(3 + sizeBytes + (check === 'crc' ? 2 : 1)).fill(fillByte)
  frame[0] = isSmall ? CONTROL.soh : CONTROL.stx
  frame[1] = number & 0xff
  frame[2] = ~number & 0xff
  frame.set(data, 3)
  const content = frame.subarray(3, 3 + sizeBytes)
  if (check === 'crc') {
    const crc = crc16(content)
    frame[3 + sizeBytes] = crc >> 8
    frame[4 + sizeBytes] = crc & 0xff
  } else frame[3 + sizeBytes] = content.reduce((sum, byte) => (sum + byte) & 0xff, 0)
  return frame
}

/** What YMODEM's block 0 says of the file: its name and its size. */
export function headerData(fileName: string, sizeBytes: number): Uint8Array {
  const text = Buffer.from(`${fileName}\0${String(sizeBytes)} `, 'latin1')
  const data = new Uint8Array(SMALL_BYTES)
  data.set(text.subarray(0, SMALL_BYTES - 1))
  return data
}

/** CRC-16 of XMODEM: polynomial 0x1021, from 0, not reflected. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ (crcTable[(crc >> 8) ^ byte] ?? 0)
  return crc
}

const crcTable = Uint16Array.from({ length: 256 }, (_, index) => {
  let crc = index << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc & 0xffff
})
