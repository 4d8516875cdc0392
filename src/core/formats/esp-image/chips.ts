/**
 * The table of Espressif chips: how an image names them, where their bootloader and their flash-mapped memory lie, and
 * how devices spell their names. Source of every number: esptool, `esptool/targets/*.py`.
 */

/** First address and one past the last. */
export type AddressRange = readonly [start: number, end: number]

export interface EspChip {
  /** The name on screen and in reports, such as `ESP32-S3`. */
  readonly name: string
  /** The number in an image's header; null for the ESP8266, whose header has none. */
  readonly imageChipId: number | null
  /** Where the second-stage bootloader lies in flash. */
  readonly bootloaderOffset: number
  readonly uf2FamilyId: number | null
  /** Addresses at which flash is mapped for data and code. Only an application has segments there. */
  readonly flashMapped: readonly AddressRange[]
  /** Where loaded data and code lie in RAM; used to make images. */
  readonly ram: AddressRange
  /** The flash clock by the low nibble of header byte 3. */
  readonly flashFrequencies: Readonly<Record<number, string>>
}

const usualFrequencies = { 0x0: '40m', 0x1: '26m', 0x2: '20m', 0xf: '80m' }
const c2Frequencies = { 0x0: '30m', 0x1: '20m', 0x2: '15m', 0xf: '60m' }
const hFrequencies = { 0x0: '24m', 0x1: '16m', 0x2: '12m', 0xf: '48m' }
const c5Frequencies = { 0x0: '40m', 0x2: '20m', 0xf: '80m' }

export const ESP8266: EspChip = {
  name: 'ESP8266',
  imageChipId: null,
  bootloaderOffset: 0,
  uf2FamilyId: 0x7eab61ed,
  flashMapped: [[0x4020_0000, 0x4030_0000]],
  ram: [0x3ffe_8000, 0x4000_0000],
  flashFrequencies: usualFrequencies,
}

export const espChips: readonly EspChip[] = [
  ESP8266,
  {
    name: 'ESP32',
    imageChipId: 0,
    bootloaderOffset: 0x1000,
    uf2FamilyId: 0x1c5f21b0,
    flashMapped: [
      [0x3f40_0000, 0x3f80_0000],
      [0x400d_0000, 0x4040_0000],
    ],
    ram: [0x3ffa_e000, 0x4000_0000],
    flashFrequencies: usualFrequencies,
  },
  {
    name: 'ESP32-S2',
    imageChipId: 2,
    bootloaderOffset: 0x1000,
    uf2FamilyId: 0xbfdd4eee,
    flashMapped: [
      [0x3f00_0000, 0x3f3f_0000],
      [0x4008_0000, 0x40b8_0000],
    ],
    ram: [0x3ffb_0000, 0x4000_0000],
    flashFrequencies: usualFrequencies,
  },
  {
    name: 'ESP32-S3',
    imageChipId: 9,
    bootloaderOffset: 0,
    uf2FamilyId: 0xc47e5767,
    flashMapped: [
      [0x3c00_0000, 0x3e00_0000],
      [0x4200_0000, 0x4400_0000],
    ],
    ram: [0x3fc8_8000, 0x3fd0_0000],
    flashFrequencies: usualFrequencies,
  },
  {
    name: 'ESP32-C2',
    imageChipId: 12,
    bootloaderOffset: 0,
    uf2FamilyId: 0x2b88d29c,
    flashMapped: [
      [0x3c00_0000, 0x3c40_0000],
      [0x4200_0000, 0x4240_0000],
    ],
    ram: [0x3fca_0000, 0x3fce_0000],
    flashFrequencies: c2Frequencies,
  },
  {
    name: 'ESP32-C3',
    imageChipId: 5,
    bootloaderOffset: 0,
    uf2FamilyId: 0xd42ba06c,
    flashMapped: [
      [0x3c00_0000, 0x3c80_0000],
      [0x4200_0000, 0x4280_0000],
    ],
    ram: [0x3fc8_0000, 0x3fce_0000],
    flashFrequencies: usualFrequencies,
  },
  {
    name: 'ESP32-C5',
    imageChipId: 23,
    bootloaderOffset: 0x2000,
    uf2FamilyId: 0xf71c0343,
    flashMapped: [[0x4200_0000, 0x4400_0000]],
    ram: [0x4080_0000, 0x4086_0000],
    flashFrequencies: c5Frequencies,
  },
  {
    name: 'ESP32-C6',
    imageChipId: 13,
    bootloaderOffset: 0,
    uf2FamilyId: 0x540ddf62,
    flashMapped: [[0x4200_0000, 0x4300_0000]],
    ram: [0x4080_0000, 0x4088_0000],
    // The header says 0 for 40 MHz and for 80 MHz alike (a workaround for the C6 ROM).
    flashFrequencies: { 0x0: '80m or 40m', 0x2: '20m' },
  },
  {
    name: 'ESP32-C61',
    imageChipId: 20,
    bootloaderOffset: 0,
    uf2FamilyId: 0x77d850c4,
    flashMapped: [[0x4200_0000, 0x4400_0000]],
    ram: [0x4080_0000, 0x4086_0000],
    flashFrequencies: c5Frequencies,
  },
  {
    name: 'ESP32-H2',
    imageChipId: 16,
    bootloaderOffset: 0,
    uf2FamilyId: 0x332726f6,
    flashMapped: [[0x4200_0000, 0x4300_0000]],
    ram: [0x4080_0000, 0x4088_0000],
    flashFrequencies: hFrequencies,
  },
  {
    name: 'ESP32-H21',
    imageChipId: 25,
    bootloaderOffset: 0,
    uf2FamilyId: 0xb6dd00af,
    flashMapped: [[0x4200_0000, 0x4300_0000]],
    ram: [0x4080_0000, 0x4088_0000],
    flashFrequencies: hFrequencies,
  },
  {
    name: 'ESP32-H4',
    imageChipId: 28,
    bootloaderOffset: 0x2000,
    uf2FamilyId: 0x9e0baa8a,
    flashMapped: [[0x4200_0000, 0x4400_0000]],
    ram: [0x4081_0000, 0x4086_0000],
    flashFrequencies: hFrequencies,
  },
  {
    name: 'ESP32-P4',
    imageChipId: 18,
    bootloaderOffset: 0x2000,
    uf2FamilyId: 0x3d308e94,
    flashMapped: [[0x4000_0000, 0x4c00_0000]],
    ram: [0x4ff0_0000, 0x4ffa_0000],
    flashFrequencies: usualFrequencies,
  },
  {
    name: 'ESP32-S31',
    imageChipId: 32,
    bootloaderOffset: 0x2000,
    uf2FamilyId: 0x3101f7c1,
    flashMapped: [[0x4000_0000, 0x5400_0000]],
    ram: [0x2f00_0000, 0x2f08_0000],
    flashFrequencies: c5Frequencies,
  },
  {
    name: 'ESP32-E22',
    imageChipId: 31,
    bootloaderOffset: 0,
    uf2FamilyId: null,
    flashMapped: [[0x3c00_0000, 0x4000_0000]],
    ram: [0x3100_0000, 0x3120_0000],
    flashFrequencies: usualFrequencies,
  },
]

export function chipByImageId(imageChipId: number): EspChip | undefined {
  return espChips.find(chip => chip.imageChipId === imageChipId)
}

export function chipByName(name: string): EspChip | undefined {
  return espChips.find(chip => chip.name === name)
}

export function isFlashMapped(chip: EspChip, address: number): boolean {
  return chip.flashMapped.some(([start, end]) => address >= start && address < end)
}

/** Letters and a digit after `ESP32` that name a series; the longer names first, so that C61 is not taken for C6. */
const seriesPattern = /^[-_ ]?(S31|C61|H21|E22|S2|S3|C2|C3|C5|C6|H2|H4|P4)(?!\d)/
/** A series that this table does not know: it must not pass for a plain ESP32. S0WD is a package of the ESP32. */
const unknownSeriesPattern = /^[-_ ]?(?!S0WD)[CEHPS]\d/

/**
 * Turns what a device, a tool or a person calls a chip into the name of this table: `esp32s3`, `ESP32-S3 (QFN56)
 * (revision v0.2)`, `ESP32-D0WDQ6 (revision v1.0)`, `ESP8685`, `esp32:esp32:esp32c3`.
 * @returns null for a text that names no chip of the table, or two different ones
 */
export function normaliseChipName(text: string): string | null {
  const found = new Set<string>()
  const upper = text.toUpperCase()
  for (const match of upper.matchAll(/ESP[-_ ]?(32|8266|8285|8684|8685|8686)(?!\d)/g)) {
    const name = nameOfMatch(match[1] ?? '', upper.slice(match.index + match[0].length))
    if (name === null) return null
    found.add(name)
  }
  // `esp32:esp32:esp32c3` and `ESP32 board with ESP32-C3` name the family before the chip.
  if (found.size > 1 && !found.has(ESP8266.name)) found.delete('ESP32')
  const [only] = found
  return found.size === 1 && only !== undefined ? only : null
}

function nameOfMatch(digits: string, rest: string): string | null {
  switch (digits) {
    case '8266':
    case '8285':
      return 'ESP8266'
    case '8684':
      return 'ESP32-C2'
    case '8685':
    case '8686':
      return 'ESP32-C3'
    default: {
      const series = seriesPattern.exec(rest)?.[1]
      if (series !== undefined) return `ESP32-${series}`
      return unknownSeriesPattern.test(rest) ? null : 'ESP32'
    }
  }
}
