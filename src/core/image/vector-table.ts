/** Reads the first words of an STM32 image: whether they make sense as stack pointer and reset vector. */
import type { Inspection } from '../../shared/contract/models.ts'
import type { FlashAddress, MemoryImage } from './memory-image.ts'

export type VectorCheck = NonNullable<Inspection['stm32']>

/** First address of the main flash of every STM32. */
export const STM32_FLASH_START = 0x0800_0000
/** One past the largest main flash (2 MiB). Source: stm32flash dev_table.c, largest family end 0x08200000. */
export const STM32_FLASH_END = 0x0820_0000

/** Where a stack may lie. Sources: ST reference manuals, memory maps of the families. */
const stackRanges: readonly (readonly [start: number, end: number])[] = [
  // SRAM of all families; the largest is that of the U5.
  [0x2000_0000, 0x2030_0000],
  // Core-coupled memory of F3 and F4, SRAM2 of L4.
  [0x1000_0000, 0x1002_0000],
  // AXI SRAM of the H7.
  [0x2400_0000, 0x2410_0000],
]
/** Stack pointer, reset and the 14 system exceptions of a Cortex-M. */
const SYSTEM_VECTORS = 16
const WORD_BYTES = 4

/** Whether an image's lowest address lies in an STM32's main flash, so that a vector table is expected there. */
export function isInStm32Flash(address: FlashAddress): boolean {
  return address >= STM32_FLASH_START && address < STM32_FLASH_END
}

/** Checks the words at the image's lowest address; null where no STM32 image begins there or it is too short. */
export function checkVectorTable(image: MemoryImage): VectorCheck | null {
  const base = image.lowestAddress
  if (base === null || !isInStm32Flash(base)) return null
  const stackPointer = readWord(image, base)
  const resetVector = readWord(image, base + WORD_BYTES)
  if (stackPointer === null || resetVector === null) return null
  const isResetInImage = isThumb(resetVector) && image.byteAt(resetVector - 1) !== undefined
  return { stackPointer, resetVector, isPlausible: isStackTop(stackPointer) && isResetInImage }
}

export interface LooseVectorTable {
  readonly vectors: VectorCheck
  /** The lowest and the highest base at which every handler lies inside the file, rounded to 256 bytes. */
  readonly lowestBase: FlashAddress
  readonly highestBase: FlashAddress
}

/**
 * Looks for an STM32 vector table at the start of bytes without addresses. Every system vector must be zero or a Thumb
 * address in STM32 flash, so that other binaries hardly pass.
 */
export function findLooseVectorTable(bytes: Uint8Array): LooseVectorTable | null {
  if (bytes.length < SYSTEM_VECTORS * WORD_BYTES) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const stackPointer = view.getUint32(0, true)
  const resetVector = view.getUint32(WORD_BYTES, true)
  if (!isStackTop(stackPointer) || resetVector === 0) return null
  let lowestHandler = Infinity
  let highestHandler = 0
  for (let index = 1; index < SYSTEM_VECTORS; index++) {
    const vector = view.getUint32(index * WORD_BYTES, true)
    if (vector === 0) continue
    if (!isThumb(vector) || !isInStm32Flash(vector)) return null
    lowestHandler = Math.min(lowestHandler, vector - 1)
    highestHandler = Math.max(highestHandler, vector - 1)
  }
  // The table itself comes before the first handler, and the last handler before the end of the file.
  const tableBytes = SYSTEM_VECTORS * WORD_BYTES
  const highestBase = Math.floor((lowestHandler - tableBytes) / 256) * 256
  const lowestBase = Math.max(STM32_FLASH_START, Math.ceil((highestHandler + 2 - bytes.length) / 256) * 256)
  if (highestBase < lowestBase) return null
  return { vectors: { stackPointer, resetVector, isPlausible: true }, lowestBase, highestBase }
}

/** A stack grows down, so its first value may be one past the RAM. */
function isStackTop(address: number): boolean {
  return address % WORD_BYTES === 0 && stackRanges.some(([start, end]) => address > start && address <= end)
}

/** Cortex-M code is Thumb code: the lowest bit of every vector is set. */
function isThumb(address: number): boolean {
  return address % 2 === 1
}

function readWord(image: MemoryImage, address: FlashAddress): number | null {
  let word = 0
  for (let index = WORD_BYTES - 1; index >= 0; index--) {
    const byte = image.byteAt(address + index)
    if (byte === undefined) return null
    word = word * 256 + byte
  }
  return word
}
