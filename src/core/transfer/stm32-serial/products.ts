/**
 * STM32 products by the id that GET ID answers. Source: `dev_table.c` of stm32flash, as in `protocols.md` 5.4. Flash ends
 * are those of the largest member of a family, not of the chip at hand.
 */

/** A run of equal pages; the last one of a layout goes on to the end of the flash. */
export interface PageRun {
  readonly count: number
  readonly sizeBytes: number
}

export interface Product {
  readonly id: number
  readonly name: string
  /** One past the RAM that the loader uses for itself. */
  readonly loaderRamEnd: number
  /** One past the flash of the family's largest member. */
  readonly flashEnd: number
  readonly pages: readonly PageRun[]
}

export const FLASH_START = 0x0800_0000
export const RAM_START = 0x2000_0000

const KIB = 1024
const equal = (sizeBytes: number): readonly PageRun[] => [{ count: Infinity, sizeBytes }]
const PAGES_128 = equal(128)
const PAGES_256 = equal(256)
const PAGES_1K = equal(KIB)
const PAGES_2K = equal(2 * KIB)
const PAGES_128K = equal(128 * KIB)
const SECTORS_16K: readonly PageRun[] = [
  { count: 4, sizeBytes: 16 * KIB },
  { count: 1, sizeBytes: 64 * KIB },
  { count: Infinity, sizeBytes: 128 * KIB },
]
/** The second mebibyte begins again with small sectors. */
const SECTORS_16K_DUAL: readonly PageRun[] = [
  { count: 4, sizeBytes: 16 * KIB },
  { count: 1, sizeBytes: 64 * KIB },
  { count: 7, sizeBytes: 128 * KIB },
  ...SECTORS_16K,
]
const SECTORS_32K: readonly PageRun[] = [
  { count: 4, sizeBytes: 32 * KIB },
  { count: 1, sizeBytes: 128 * KIB },
  { count: Infinity, sizeBytes: 256 * KIB },
]

type Row = readonly [id: number, name: string, loaderRamEnd: number, flashEnd: number, pages: readonly PageRun[]]

const rows: readonly Row[] = [
  [0x440, 'STM32F030x8/F05x', 0x2000_0800, 0x0801_0000, PAGES_1K],
  [0x444, 'STM32F03xx4/6', 0x2000_0800, 0x0800_8000, PAGES_1K],
  [0x442, 'STM32F030xC/F09x', 0x2000_1800, 0x0804_0000, PAGES_2K],
  [0x445, 'STM32F04x/F070x6', 0x2000_1800, 0x0800_8000, PAGES_1K],
  [0x448, 'STM32F070xB/F071/F072', 0x2000_1800, 0x0802_0000, PAGES_2K],
  [0x412, 'STM32F10x low density', 0x2000_0200, 0x0800_8000, PAGES_1K],
  [0x410, 'STM32F10x medium density', 0x2000_0200, 0x0802_0000, PAGES_1K],
  [0x414, 'STM32F10x high density', 0x2000_0200, 0x0808_0000, PAGES_2K],
  [0x420, 'STM32F10x medium density value line', 0x2000_0200, 0x0802_0000, PAGES_1K],
  [0x428, 'STM32F10x high density value line', 0x2000_0200, 0x0808_0000, PAGES_2K],
  [0x418, 'STM32F105/F107', 0x2000_1000, 0x0804_0000, PAGES_2K],
  [0x430, 'STM32F10x XL density', 0x2000_0800, 0x0810_0000, PAGES_2K],
  [0x411, 'STM32F2', 0x2000_2000, 0x0810_0000, SECTORS_16K],
  [0x432, 'STM32F37x', 0x2000_1400, 0x0804_0000, PAGES_2K],
  [0x422, 'STM32F302/F303xB/C', 0x2000_1400, 0x0804_0000, PAGES_2K],
  [0x439, 'STM32F301/F302x4-8', 0x2000_1800, 0x0801_0000, PAGES_2K],
  [0x438, 'STM32F303x4-8/F334', 0x2000_1800, 0x0801_0000, PAGES_2K],
  [0x446, 'STM32F302/F303xD/E', 0x2000_1800, 0x0808_0000, PAGES_2K],
  [0x413, 'STM32F40x/F41x', 0x2000_3000, 0x0810_0000, SECTORS_16K],
  [0x419, 'STM32F42x/F43x', 0x2000_3000, 0x0820_0000, SECTORS_16K_DUAL],
  [0x423, 'STM32F401xB/C', 0x2000_3000, 0x0804_0000, SECTORS_16K],
  [0x433, 'STM32F401xD/E', 0x2000_3000, 0x0808_0000, SECTORS_16K],
  [0x458, 'STM32F410', 0x2000_3000, 0x0802_0000, SECTORS_16K],
  [0x431, 'STM32F411', 0x2000_3000, 0x0808_0000, SECTORS_16K],
  [0x441, 'STM32F412', 0x2000_3000, 0x0810_0000, SECTORS_16K],
  [0x421, 'STM32F446', 0x2000_3000, 0x0808_0000, SECTORS_16K],
  [0x434, 'STM32F469/F479', 0x2000_3000, 0x0820_0000, SECTORS_16K_DUAL],
  [0x463, 'STM32F413/F423', 0x2000_3000, 0x0818_0000, SECTORS_16K],
  [0x452, 'STM32F72x/F73x', 0x2000_4000, 0x0808_0000, SECTORS_16K],
  [0x449, 'STM32F74x/F75x', 0x2000_4000, 0x0810_0000, SECTORS_32K],
  [0x451, 'STM32F76x/F77x', 0x2000_4000, 0x0820_0000, SECTORS_32K],
  [0x466, 'STM32G03x/G04x', 0x2000_1000, 0x0801_0000, PAGES_2K],
  [0x460, 'STM32G07x/G08x', 0x2000_2700, 0x0802_0000, PAGES_2K],
  [0x467, 'STM32G0Bx/G0Cx', 0x2000_4000, 0x0808_0000, PAGES_2K],
  [0x456, 'STM32G05x/G061', 0x2000_1000, 0x0801_0000, PAGES_2K],
  [0x468, 'STM32G431/G441', 0x2000_4000, 0x0802_0000, PAGES_2K],
  [0x469, 'STM32G47x/G48x', 0x2000_4000, 0x0808_0000, PAGES_2K],
  [0x479, 'STM32G491/G4A1', 0x2000_4000, 0x0808_0000, PAGES_2K],
  [0x450, 'STM32H74x/H75x', 0x2000_4100, 0x0820_0000, PAGES_128K],
  [0x457, 'STM32L01x/L02x', 0x2000_0800, 0x0800_4000, PAGES_128],
  [0x425, 'STM32L031/L041', 0x2000_0800, 0x0800_8000, PAGES_128],
  [0x417, 'STM32L05x/L06x', 0x2000_0800, 0x0801_0000, PAGES_128],
  [0x447, 'STM32L07x/L08x', 0x2000_0800, 0x0803_0000, PAGES_128],
  [0x416, 'STM32L1xxx6/8/B', 0x2000_0800, 0x0802_0000, PAGES_256],
  [0x429, 'STM32L1xxx6/8/BxxA', 0x2000_0800, 0x0802_0000, PAGES_256],
  [0x427, 'STM32L1xxxC', 0x2000_0800, 0x0804_0000, PAGES_256],
  [0x436, 'STM32L1xxxD', 0x2000_0800, 0x0806_0000, PAGES_256],
  [0x437, 'STM32L1xxxE', 0x2000_0800, 0x0808_0000, PAGES_256],
  [0x464, 'STM32L412/L422', 0x2000_3100, 0x0802_0000, PAGES_2K],
  [0x435, 'STM32L43x/L44x', 0x2000_3100, 0x0804_0000, PAGES_2K],
  [0x462, 'STM32L45x/L46x', 0x2000_3100, 0x0808_0000, PAGES_2K],
  [0x415, 'STM32L47x/L48x', 0x2000_3100, 0x0810_0000, PAGES_2K],
  [0x461, 'STM32L496/L4A6', 0x2000_3100, 0x0810_0000, PAGES_2K],
  [0x470, 'STM32L4R/L4S', 0x2000_3100, 0x0810_0000, PAGES_2K],
]

const productsById: ReadonlyMap<number, Product> = new Map(
  rows.map(([id, name, loaderRamEnd, flashEnd, pages]) => [id, { id, name, loaderRamEnd, flashEnd, pages }]),
)

/** Products whose ids are known and whose flash is not (listed without geometry in the same table). */
const namesAlone: ReadonlyMap<number, string> = new Map([
  [0x483, 'STM32H72x/H73x'],
  [0x480, 'STM32H7A3/H7B3'],
  [0x471, 'STM32L4P5/L4Q5'],
  [0x472, 'STM32L552/L562'],
  [0x494, 'STM32WB1x'],
  [0x495, 'STM32WB5x'],
  [0x497, 'STM32WLE'],
])

export const products: readonly Product[] = [...productsById.values()]

/** Null for an id whose flash is not known. */
export function productOf(id: number): Product | null {
  return productsById.get(id) ?? null
}

/** What an erase leaves in every byte: L0 and L1, whose pages are that small, zeros; all others ones. Null: not known. */
export function erasedByteOf(id: number): number | null {
  const pages = productsById.get(id)?.pages
  if (pages === undefined) return null
  return pages === PAGES_128 || pages === PAGES_256 ? 0 : 0xff
}

/** How a product is called, known or not. */
export function productName(id: number): string {
  return productsById.get(id)?.name ?? namesAlone.get(id) ?? `STM32 with product id 0x${id.toString(16)}`
}
