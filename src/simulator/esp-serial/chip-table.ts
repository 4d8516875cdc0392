/**
 * The chips as their ROM loaders show them: magic values, where efuses and the flash controller answer, what the loader can.
 * Sources of the numbers: esptool, `esptool/targets/*.py`, and the table of chips in the protocol sheet (3.3).
 */

/** Bits of a register: its offset from the base that the table names, the lowest bit, how many. */
export type Bits = readonly [offset: number, shift: number, width: number]

export interface SpiRegisters {
  readonly base: number
  readonly user: number
  readonly user2: number
  readonly data: number
}

export interface ChipModel {
  /** A name of the chip table of the image format, such as `ESP32-S3`. */
  readonly name: string
  /** Values of the register at 0x40001000 over its revisions; the first is the default. Empty: it has none that tells. */
  readonly magics: readonly number[]
  /** Bytes of GET_SECURITY_INFO; 0 where the loader does not know it. */
  readonly securityInfoBytes: 0 | 12 | 20
  readonly statusBytes: 2 | 4
  readonly efuseBase: number
  /** Offset of the two words of the MAC; the ESP32 and the ESP8266 have their own shapes. */
  readonly macOffset: number
  /** Least significant first. */
  readonly minorRevision: readonly Bits[]
  readonly majorRevision: readonly Bits[]
  /** major × 100 + minor of a usual one. */
  readonly usualRevision: number
  readonly spi: SpiRegisters
  /** The count of flash encryption, and the bit of secure boot; null where no register is known. */
  readonly cryptCount: Bits | null
  readonly secureBoot: Bits | null
  /** Divider of the UART at 115200 baud, by which a crystal is guessed; null where nobody asks. */
  readonly clockDivider: readonly [address: number, value: number] | null
  /** What boot text the ROM writes. */
  readonly rom: 'esp8266' | 'esp32' | 'esp-rom'
}

/** Where every chip keeps the value by which old tools know it. */
export const MAGIC_ADDRESS = 0x4000_1000

const spiAt = (base: number): SpiRegisters => ({ base, user: base + 0x18, user2: base + 0x20, data: base + 0x58 })
const crystal40 = 347

/** Chips from the ESP32-S3 on: the same loader, other addresses. */
function laterChip(
  name: string,
  magics: readonly number[],
  efuseBase: number,
  rest: Partial<ChipModel> & Pick<ChipModel, 'minorRevision' | 'majorRevision'>,
): ChipModel {
  return {
    name,
    magics,
    efuseBase,
    securityInfoBytes: 20,
    statusBytes: 4,
    macOffset: 0x44,
    usualRevision: 1,
    spi: spiAt(0x6000_2000),
    cryptCount: [0x34, 18, 3],
    secureBoot: [0x38, 20, 1],
    clockDivider: null,
    rom: 'esp-rom',
    ...rest,
  }
}

const c3Revision: Pick<ChipModel, 'minorRevision' | 'majorRevision'> = {
  minorRevision: [
    [0x50, 18, 3],
    [0x58, 23, 1],
  ],
  majorRevision: [[0x58, 24, 2]],
}
const c5Revision: Pick<ChipModel, 'minorRevision' | 'majorRevision'> = {
  minorRevision: [[0x4c, 0, 4]],
  majorRevision: [[0x4c, 4, 2]],
}
const c6Revision: Pick<ChipModel, 'minorRevision' | 'majorRevision'> = {
  minorRevision: [[0x50, 18, 4]],
  majorRevision: [[0x50, 22, 2]],
}

export const chipModels: readonly ChipModel[] = [
  {
    name: 'ESP8266',
    magics: [0xfff0_c101],
    securityInfoBytes: 0,
    statusBytes: 2,
    efuseBase: 0x3ff0_0050,
    macOffset: 0,
    minorRevision: [],
    majorRevision: [],
    usualRevision: 0,
    spi: { base: 0x6000_0200, user: 0x6000_021c, user2: 0x6000_0224, data: 0x6000_0240 },
    cryptCount: null,
    secureBoot: null,
    // A crystal of 26 MHz, counted twice.
    clockDivider: [0x6000_0014, 452],
    rom: 'esp8266',
  },
  {
    name: 'ESP32',
    magics: [0x00f0_1d83],
    securityInfoBytes: 0,
    statusBytes: 4,
    efuseBase: 0x3ff5_a000,
    macOffset: 4,
    minorRevision: [[0x14, 24, 2]],
    // Three bits in three places, each counting only with the ones before it; see registers.ts.
    majorRevision: [],
    usualRevision: 100,
    spi: { base: 0x3ff4_2000, user: 0x3ff4_201c, user2: 0x3ff4_2024, data: 0x3ff4_2080 },
    cryptCount: [0, 20, 7],
    secureBoot: [0x18, 4, 1],
    clockDivider: [0x3ff4_0014, crystal40],
    rom: 'esp32',
  },
  laterChip('ESP32-S2', [0x0000_07c6], 0x3f41_a000, {
    securityInfoBytes: 12,
    minorRevision: [
      [0x54, 4, 3],
      [0x50, 20, 1],
    ],
    majorRevision: [[0x50, 18, 2]],
    usualRevision: 0,
    spi: spiAt(0x3f40_2000),
  }),
  laterChip('ESP32-S3', [0x0000_0009], 0x6000_7000, { ...c3Revision, usualRevision: 2 }),
  laterChip('ESP32-C2', [0x0c21_e06f, 0x6f51_306f, 0x7c41_a06f], 0x6000_8800, {
    macOffset: 0x40,
    minorRevision: [[0x44, 16, 4]],
    majorRevision: [[0x44, 20, 2]],
    usualRevision: 100,
    cryptCount: [0x30, 7, 3],
    secureBoot: [0x30, 21, 1],
    clockDivider: [0x6000_0014, crystal40],
  }),
  laterChip('ESP32-C3', [0x6921_506f, 0x1b31_506f, 0x4881_606f, 0x4361_606f], 0x6000_8800, {
    ...c3Revision,
    usualRevision: 4,
  }),
  laterChip('ESP32-C5', [0x1101_406f, 0x63e1_406f, 0x5fd1_406f, 0x30e1_706f], 0x600b_4800, {
    ...c5Revision,
    usualRevision: 100,
    spi: spiAt(0x6000_3000),
    cryptCount: [0x34, 16, 3],
    secureBoot: [0x38, 25, 1],
    clockDivider: [0x6000_0014, crystal40],
  }),
  laterChip('ESP32-C6', [0x2ce0_806f], 0x600b_0800, { ...c6Revision, spi: spiAt(0x6000_3000) }),
  laterChip('ESP32-C61', [0x2421_606f, 0x33f0_206f, 0x4f81_606f], 0x600b_4800, {
    ...c5Revision,
    usualRevision: 100,
    spi: spiAt(0x6000_3000),
    cryptCount: [0x30, 23, 3],
    secureBoot: [0x34, 26, 1],
  }),
  laterChip('ESP32-H2', [0xd7b7_3e80, 0x97e3_0068], 0x600b_0800, {
    minorRevision: [[0x50, 18, 3]],
    majorRevision: [[0x50, 21, 2]],
    spi: spiAt(0x6000_3000),
  }),
  laterChip('ESP32-H21', [], 0x600b_4000, {
    minorRevision: [[0x58, 4, 4]],
    majorRevision: [[0x58, 8, 2]],
    usualRevision: 0,
    spi: spiAt(0x6000_3000),
  }),
  laterChip('ESP32-H4', [], 0x600b_1800, {
    ...c6Revision,
    usualRevision: 0,
    spi: spiAt(0x6009_9000),
    cryptCount: [0x30, 23, 3],
    secureBoot: [0x38, 5, 1],
  }),
  laterChip('ESP32-P4', [0x0000_0000, 0x0add_bad0, 0x0703_9ad9], 0x5012_d000, {
    minorRevision: [[0x4c, 0, 4]],
    majorRevision: [
      [0x4c, 4, 2],
      [0x4c, 23, 1],
    ],
    usualRevision: 100,
    spi: spiAt(0x5008_d000),
  }),
  laterChip('ESP32-S31', [], 0x2071_5000, {
    macOffset: 0x50,
    minorRevision: [[0x5c, 18, 4]],
    majorRevision: [[0x5c, 22, 2]],
    usualRevision: 0,
    spi: spiAt(0x2050_1000),
    cryptCount: [0x34, 21, 3],
    secureBoot: [0x3c, 2, 1],
  }),
  laterChip('ESP32-E22', [], 0xc400_8000, {
    minorRevision: [],
    majorRevision: [],
    usualRevision: 0,
    spi: spiAt(0xc300_3000),
    cryptCount: null,
  }),
]

/** @throws {RangeError} for a chip that is not in the table */
export function chipModelOf(name: string): ChipModel {
  const model = chipModels.find(chip => chip.name === name)
  if (model === undefined) throw new RangeError(`there is no virtual ${name}`)
  return model
}
