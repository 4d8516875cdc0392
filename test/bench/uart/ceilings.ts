/** What a protocol could keep of a line's rate if neither end lost a moment: one block after the other, each acknowledged. */
import type { Exchange } from './bare-line.ts'

export interface LineCase {
  readonly baudRate: number
  /** From the last byte of a question to the first of its answer, at the adapter. */
  readonly answerAfterMs: number
}

/** One block on the line. */
export interface Block {
  readonly imageBytes: number
  readonly parity: 'none' | 'even'
  readonly exchanges: readonly Exchange[]
}

/** AN3155: command, address, data, each acknowledged by a byte; 256 bytes a WRITE. */
export const stm32Block: Block = {
  imageBytes: 256,
  parity: 'even',
  exchanges: [
    { asks: 2, answers: 1 },
    { asks: 5, answers: 1 },
    { asks: 258, answers: 1 },
  ],
}

/** YMODEM with blocks of 1 KiB: three bytes in front, two of CRC behind, a byte as the answer. */
export const ymodemBlock: Block = { imageBytes: 1024, parity: 'none', exchanges: [{ asks: 1029, answers: 1 }] }

/**
 * A compressed block to Espressif's stub, of data that do not shrink: both ends of the frame, its header, the header of the
 * data, SLIP's escapes; the answer has 8 bytes and 2 of status in a frame.
 */
export function espBlock(image: Uint8Array): Block {
  const escaped = image.reduce((count, byte) => (byte === 0xc0 || byte === 0xdb ? count + 1 : count), 0)
  const imageBytes = 0x4000
  const asks = Math.round(imageBytes * (1 + escaped / image.length)) + 2 + 8 + 16
  return { imageBytes, parity: 'none', exchanges: [{ asks, answers: 12 }] }
}

/** Milliseconds that a block takes at least. */
export function leastMs(block: Block, { baudRate, answerAfterMs }: LineCase): number {
  const bytes = block.exchanges.reduce((sum, { asks, answers }) => sum + asks + answers, 0)
  return (bytes * bitsOf(block) * 1000) / baudRate + block.exchanges.length * answerAfterMs
}

/** The part of the line's time in which a byte of the image is on it. */
export function shareOfLine(blockMs: number, block: Block, baudRate: number): number {
  return (block.imageBytes * bitsOf(block) * 1000) / baudRate / blockMs
}

function bitsOf({ parity }: Block): number {
  return parity === 'none' ? 10 : 11
}
