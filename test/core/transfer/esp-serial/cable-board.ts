/** The board on a serial line whose cable is pulled while an ESP32 is written. */
import type { CableBoard } from '../../../conformance/cable-pulling.ts'
import { espSerialBoards } from '../../../conformance/harnesses/esp-serial.ts'

const BLOCK_BYTES = 0x4000
const BLOCKS = 6
/** Before this the board was not met. */
const HELLO_BYTES = 2500

const [harness] = espSerialBoards
if (harness === undefined) throw new Error('there is no harness')

export const espCableBoard: CableBoard = {
  harness,
  imageBytes: BLOCKS * BLOCK_BYTES,
  firstByte: HELLO_BYTES,
  hostBytes: HELLO_BYTES + BLOCKS * BLOCK_BYTES + 10_000,
  // A block that was lost, a sector that was not whole, and an edge between two parts.
  repeatedAPull: 3,
  mayEndUnknown: false,
}
