/** Blocks of XMODEM and YMODEM as a receiver hears them (Forsberg, XMODEM/YMODEM protocol reference, 1988). */
import { readWithin, type ChipProgram } from '../uart/chip-program.ts'

const SOH = 0x01
const STX = 0x02
const EOT = 0x04
const CAN = 0x18

export type Packet =
  | { readonly kind: 'block'; readonly number: number; readonly bytes: Uint8Array }
  | { readonly kind: 'end' | 'cancelled' | 'damaged' | 'nothing' }

export interface PacketTimes {
  /** Between two bytes of one block. */
  readonly byteMs: number
  /** Without a byte, the line is quiet. */
  readonly quietMs: number
}

/** Waits for the next block. Damaged ones are heard to their end. */
export function* readPacket(startMs: number, hasChecksum: boolean, times: PacketTimes): ChipProgram<Packet> {
  const first = yield* readWithin(1, startMs)
  if (first === null) return { kind: 'nothing' }
  if (first[0] === SOH) return yield* readBlock(128, hasChecksum, times)
  if (first[0] === STX) return yield* readBlock(1024, hasChecksum, times)
  if (first[0] === EOT) return { kind: 'end' }
  // One alone may be noise.
  if (first[0] === CAN && (yield* readWithin(1, times.byteMs))?.[0] === CAN) return { kind: 'cancelled' }
  yield* untilQuiet(times)
  return { kind: 'damaged' }
}

function* readBlock(sizeBytes: number, hasChecksum: boolean, times: PacketTimes): ChipProgram<Packet> {
  const trailerBytes = hasChecksum ? 1 : 2
  const content: number[] = []
  // Each byte has its own time, however long the block takes on a slow line.
  while (content.length < 2 + sizeBytes + trailerBytes) {
    const byte = yield* readWithin(1, times.byteMs)
    if (byte === null) return { kind: 'damaged' }
    content.push(...byte)
  }
  const [number = 0, complement = 0] = content
  const bytes = Uint8Array.from(content.slice(2, 2 + sizeBytes))
  const trailer = content.slice(2 + sizeBytes).reduce((value, byte) => value * 0x100 + byte, 0)
  const isWhole = trailer === (hasChecksum ? checksum(bytes) : crc16(bytes))
  if ((number ^ complement) === 0xff && isWhole) return { kind: 'block', number, bytes }
  yield* untilQuiet(times)
  return { kind: 'damaged' }
}

function* untilQuiet({ quietMs }: PacketTimes): ChipProgram {
  while ((yield* readWithin(1, quietMs)) !== null);
}

function checksum(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0)
}

/** Polynomial 1021, from 0, the highest bit first. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : ((crc << 1) ^ 0x1021) & 0xffff
  }
  return crc
}
