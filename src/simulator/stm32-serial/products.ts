/**
 * STM32 products as their system bootloaders show them: identification, flash, RAM. Sources: AN3155 and AN2606 (loaders),
 * the reference manuals (pages, erased state, programming), stm32flash's dev_table.c (product ids, RAM of the loader).
 */

/** Pages of one size, one behind the other. */
interface PageRun {
  readonly count: number
  readonly pageBytes: number
}

export interface Stm32Product {
  readonly name: string
  readonly pid: number
  /** As GET says it: 0x31 is V3.1. */
  readonly protocolVersion: number
  /** Which of the two erase commands it has. */
  readonly eraseCommand: 0x43 | 0x44
  readonly hasMassErase: boolean
  readonly hasCrc: boolean
  /** From 0x08000000. */
  readonly pages: readonly PageRun[]
  /** Page numbers from here on are of bank 2; null where there is one bank. */
  readonly bank2FromPage: number | null
  /** What erased flash reads as. */
  readonly erasedByte: 0xff | 0x00
  /** How programming treats what is not erased: clears bits further, or leaves the whole unit of so many bytes as it is. */
  readonly programs: 'clears-bits' | { readonly unitBytes: number }
  /** Bytes that one bit of the write protection covers; null for a page. */
  readonly protectedUnitBytes: number | null
  readonly ramBytes: number
  /** The loader's own RAM ends here. */
  readonly loaderRamEnd: number
  /** 96 bits that no other chip has, and the size of the flash in KiB as 16 bits. */
  readonly uniqueIdAddress: number
  readonly flashSizeAddress: number
  /** Whether it acknowledges the first 0x7F twice, as L412 and L422 do. */
  readonly hasExtraAck: boolean
  /** Whether changes of its protection restart it. */
  readonly resetsAfterProtection: boolean
  readonly eraseMsPerPage: number
  readonly massEraseMs: number
  /** For 256 bytes. */
  readonly programMs: number
}

export const FLASH_BASE = 0x0800_0000
export const RAM_BASE = 0x2000_0000

const KIB = 1024

const f103: Stm32Product = {
  name: 'STM32F103 (medium density)',
  pid: 0x410,
  protocolVersion: 0x22,
  eraseCommand: 0x43,
  hasMassErase: true,
  hasCrc: false,
  pages: [{ count: 128, pageBytes: KIB }],
  bank2FromPage: null,
  erasedByte: 0xff,
  programs: { unitBytes: 2 },
  protectedUnitBytes: 4 * KIB,
  ramBytes: 20 * KIB,
  loaderRamEnd: 0x2000_0200,
  uniqueIdAddress: 0x1fff_f7e8,
  flashSizeAddress: 0x1fff_f7e0,
  hasExtraAck: false,
  resetsAfterProtection: false,
  eraseMsPerPage: 20,
  massEraseMs: 20,
  programMs: 7,
}

export const products = {
  f103,
  'f103-high': {
    ...f103,
    name: 'STM32F103 (high density)',
    pid: 0x414,
    pages: [{ count: 256, pageBytes: 2 * KIB }],
    ramBytes: 64 * KIB,
  },
  f407: {
    ...f103,
    name: 'STM32F407',
    pid: 0x413,
    protocolVersion: 0x31,
    eraseCommand: 0x44,
    pages: [
      { count: 4, pageBytes: 16 * KIB },
      { count: 1, pageBytes: 64 * KIB },
      { count: 7, pageBytes: 128 * KIB },
    ],
    programs: 'clears-bits',
    protectedUnitBytes: null,
    ramBytes: 128 * KIB,
    loaderRamEnd: 0x2000_3000,
    uniqueIdAddress: 0x1fff_7a10,
    flashSizeAddress: 0x1fff_7a22,
    resetsAfterProtection: true,
    eraseMsPerPage: 800,
    massEraseMs: 8000,
    programMs: 4,
  },
  l073: {
    ...f103,
    name: 'STM32L073',
    pid: 0x447,
    protocolVersion: 0x31,
    eraseCommand: 0x44,
    hasMassErase: false,
    pages: [{ count: 1536, pageBytes: 128 }],
    erasedByte: 0x00,
    programs: { unitBytes: 4 },
    protectedUnitBytes: 4 * KIB,
    loaderRamEnd: 0x2000_1000,
    uniqueIdAddress: 0x1ff8_0050,
    flashSizeAddress: 0x1ff8_007c,
    eraseMsPerPage: 3,
    programMs: 13,
  },
  g071: {
    ...f103,
    name: 'STM32G071',
    pid: 0x460,
    protocolVersion: 0x31,
    eraseCommand: 0x44,
    pages: [{ count: 64, pageBytes: 2 * KIB }],
    programs: { unitBytes: 8 },
    protectedUnitBytes: null,
    ramBytes: 36 * KIB,
    loaderRamEnd: 0x2000_2700,
    uniqueIdAddress: 0x1fff_7590,
    flashSizeAddress: 0x1fff_75e0,
    eraseMsPerPage: 22,
    massEraseMs: 22,
    programMs: 3,
  },
  l412: {
    ...f103,
    name: 'STM32L412',
    pid: 0x464,
    protocolVersion: 0x31,
    eraseCommand: 0x44,
    pages: [{ count: 64, pageBytes: 2 * KIB }],
    programs: { unitBytes: 8 },
    protectedUnitBytes: null,
    ramBytes: 40 * KIB,
    loaderRamEnd: 0x2000_3100,
    uniqueIdAddress: 0x1fff_7590,
    flashSizeAddress: 0x1fff_75e0,
    hasExtraAck: true,
    resetsAfterProtection: true,
    eraseMsPerPage: 22,
    massEraseMs: 22,
    programMs: 3,
  },
  h743: {
    ...f103,
    name: 'STM32H743',
    pid: 0x450,
    protocolVersion: 0x33,
    eraseCommand: 0x44,
    hasCrc: true,
    pages: [{ count: 16, pageBytes: 128 * KIB }],
    bank2FromPage: 8,
    programs: { unitBytes: 32 },
    protectedUnitBytes: null,
    ramBytes: 128 * KIB,
    loaderRamEnd: 0x2000_4100,
    uniqueIdAddress: 0x1ff1_e800,
    flashSizeAddress: 0x1ff1_e880,
    eraseMsPerPage: 1000,
    massEraseMs: 10_000,
    programMs: 2,
  },
  /** A product that no table knows. */
  unknown: {
    ...f103,
    name: 'STM32 (unknown)',
    pid: 0x4fe,
    protocolVersion: 0x31,
    eraseCommand: 0x44,
    pages: [{ count: 64, pageBytes: KIB }],
    programs: 'clears-bits',
    protectedUnitBytes: null,
  },
} as const satisfies Readonly<Record<string, Stm32Product>>

export type ProductName = keyof typeof products

export function flashBytesOf({ pages }: Stm32Product): number {
  return pages.reduce((sum, { count, pageBytes }) => sum + count * pageBytes, 0)
}

export function pageCountOf({ pages }: Stm32Product): number {
  return pages.reduce((sum, { count }) => sum + count, 0)
}

/** Where a page lies, from the beginning of the flash; null when there is none of that number. */
export function pageAt(
  { pages }: Stm32Product,
  index: number,
): { readonly start: number; readonly end: number } | null {
  let first = 0
  let start = 0
  for (const { count, pageBytes } of pages) {
    if (index < first + count) {
      const at = start + (index - first) * pageBytes
      return { start: at, end: at + pageBytes }
    }
    first += count
    start += count * pageBytes
  }
  return null
}
