/**
 * What the loader must know of a chip beyond `formats/esp-image/chips.ts`: registers that tell who it is, and where its ROM
 * differs. Source of every number: esptool (`esptool/targets/*.py`), for magic numbers also esptool-js.
 */
import { chipByImageId, chipByName, type EspChip } from '../../formats/esp-image/chips.ts'

/** Some bits of a register, and where they belong in the number. */
export interface BitField {
  readonly address: number
  readonly shift: number
  readonly bits: number
  /** Bit of the result at which they begin. */
  readonly at?: number
}

/** Offsets from `base` of the SPI controller with which flash is asked for its id. */
export interface SpiRegisters {
  readonly base: number
  readonly user: number
  readonly user1: number
  readonly user2: number
  /** Null on the ESP8266, which keeps lengths in `user1`. */
  readonly misoLength: number | null
  readonly data0: number
}

/** Watchdogs that go on counting while the chip is flashed over its own USB port. */
export interface Watchdogs {
  readonly protect: number
  readonly config0: number
  readonly key: number
  readonly superProtect: number
  readonly superConfig: number
  readonly superKey: number
  readonly superFeed: number
}

export interface EspTarget {
  readonly chip: EspChip
  /** Words at `MAGIC_REGISTER`. */
  readonly magics: readonly number[]
  /** GET_SECURITY_INFO gives no chip id, or is unknown: the magic number decides. */
  readonly isKnownByMagic: boolean
  /** Register of the lower four bytes of the MAC; the upper two are in the next one. Null: the ESP8266, which has a way of its own. */
  readonly macRegister: number | null
  /** Empty where eFuses hold no revision, or the ESP32's way of its own. */
  readonly major: readonly BitField[]
  readonly minor: readonly BitField[]
  readonly spi: SpiRegisters
  readonly watchdogs: Watchdogs | null
  /** Whether the ROM can be told another rate in Secure Download Mode. */
  readonly changesRateWhenSecure: boolean
}

export const MAGIC_REGISTER = 0x4000_1000

const oldSpi = (base: number): SpiRegisters => ({
  base,
  user: 0x1c,
  user1: 0x20,
  user2: 0x24,
  misoLength: 0x2c,
  data0: 0x80,
})
const spi = (base: number): SpiRegisters => ({
  base,
  user: 0x18,
  user1: 0x1c,
  user2: 0x20,
  misoLength: 0x28,
  data0: 0x58,
})

const RTC_KEY = 0x50d8_3aa1
const rtcWatchdogs = (protect: number, config0: number, superConfig: number): Watchdogs => ({
  protect,
  config0,
  key: RTC_KEY,
  superConfig,
  superProtect: superConfig + 4,
  superKey: 0x8f1d_312a,
  superFeed: 0x8000_0000,
})
const lpWatchdogs = (config0: number, protect: number, superConfig: number): Watchdogs => ({
  protect,
  config0,
  key: RTC_KEY,
  superConfig,
  superProtect: superConfig + 4,
  superKey: RTC_KEY,
  superFeed: 1 << 18,
})
const c6Watchdogs = lpWatchdogs(0x600b_1c00, 0x600b_1c18, 0x600b_1c1c)

/** A field of word `word` of an eFuse block. */
const field = (block: number, word: number, shift: number, bits: number, at = 0): BitField => ({
  address: block + 4 * word,
  shift,
  bits,
  at,
})

interface Row {
  readonly magics?: readonly number[]
  readonly isKnownByMagic?: boolean
  readonly mac: number | null
  readonly major: readonly BitField[]
  readonly minor: readonly BitField[]
  readonly spi: SpiRegisters
  readonly watchdogs?: Watchdogs
  readonly changesRateWhenSecure?: boolean
}

/** The S3 and the C3 share a layout, so do the C6, the H4 and the S31, and the C5, the C61 and the P4. */
const likeC3 = (block: number): Pick<Row, 'mac' | 'major' | 'minor'> => ({
  mac: block,
  major: [field(block, 5, 24, 2)],
  minor: [field(block, 3, 18, 3), field(block, 5, 23, 1, 3)],
})
const likeC6 = (block: number): Pick<Row, 'mac' | 'major' | 'minor'> => ({
  mac: block,
  major: [field(block, 3, 22, 2)],
  minor: [field(block, 3, 18, 4)],
})
const likeC5 = (block: number): Pick<Row, 'mac' | 'major' | 'minor'> => ({
  mac: block,
  major: [field(block, 2, 4, 2)],
  minor: [field(block, 2, 0, 4)],
})

const P4_BLOCK = 0x5012_d044
const H2_BLOCK = 0x600b_0844
const H21_BLOCK = 0x600b_4044
const S2_BLOCK = 0x3f41_a044
const C2_BLOCK = 0x6000_8840

const rows: Readonly<Record<string, Row>> = {
  ESP8266: {
    magics: [0xfff0_c101],
    isKnownByMagic: true,
    mac: null,
    major: [],
    minor: [],
    spi: { base: 0x6000_0200, user: 0x1c, user1: 0x20, user2: 0x24, misoLength: null, data0: 0x40 },
  },
  ESP32: {
    magics: [0x00f0_1d83],
    isKnownByMagic: true,
    mac: 0x3ff5_a004,
    major: [],
    minor: [],
    spi: oldSpi(0x3ff4_2000),
  },
  'ESP32-S2': {
    magics: [0x0000_07c6],
    isKnownByMagic: true,
    mac: S2_BLOCK,
    major: [field(S2_BLOCK, 3, 18, 2)],
    minor: [field(S2_BLOCK, 4, 4, 3), field(S2_BLOCK, 3, 20, 1, 3)],
    spi: spi(0x3f40_2000),
  },
  'ESP32-S3': {
    magics: [0x0000_0009],
    ...likeC3(0x6000_7044),
    spi: spi(0x6000_2000),
    watchdogs: rtcWatchdogs(0x6000_80b0, 0x6000_8098, 0x6000_80b4),
  },
  'ESP32-C2': {
    magics: [0x0c21_e06f, 0x6f51_306f, 0x7c41_a06f],
    mac: C2_BLOCK,
    major: [field(C2_BLOCK, 1, 20, 2)],
    minor: [field(C2_BLOCK, 1, 16, 4)],
    spi: spi(0x6000_2000),
    changesRateWhenSecure: false,
  },
  'ESP32-C3': {
    magics: [0x6921_506f, 0x1b31_506f, 0x4881_606f, 0x4361_606f],
    ...likeC3(0x6000_8844),
    spi: spi(0x6000_2000),
    watchdogs: rtcWatchdogs(0x6000_80a8, 0x6000_8090, 0x6000_80ac),
  },
  'ESP32-C5': {
    magics: [0x1101_406f, 0x63e1_406f, 0x5fd1_406f, 0x30e1_706f],
    ...likeC5(0x600b_4844),
    spi: spi(0x6000_3000),
    watchdogs: c6Watchdogs,
    changesRateWhenSecure: false,
  },
  'ESP32-C6': {
    magics: [0x2ce0_806f],
    ...likeC6(0x600b_0844),
    spi: spi(0x6000_3000),
    watchdogs: c6Watchdogs,
  },
  'ESP32-C61': {
    magics: [0x2421_606f, 0x33f0_206f, 0x4f81_606f],
    ...likeC5(0x600b_4844),
    spi: spi(0x6000_3000),
    watchdogs: c6Watchdogs,
  },
  'ESP32-H2': {
    magics: [0xd7b7_3e80, 0x97e3_0068],
    mac: H2_BLOCK,
    major: [field(H2_BLOCK, 3, 21, 2)],
    minor: [field(H2_BLOCK, 3, 18, 3)],
    spi: spi(0x6000_3000),
    watchdogs: c6Watchdogs,
  },
  'ESP32-H21': {
    mac: H21_BLOCK,
    major: [field(H21_BLOCK, 5, 8, 2)],
    minor: [field(H21_BLOCK, 5, 4, 4)],
    spi: spi(0x6000_3000),
    watchdogs: lpWatchdogs(0x600b_1c00, 0x600b_1c1c, 0x600b_1c20),
  },
  'ESP32-H4': { ...likeC6(0x600b_1844), spi: spi(0x6009_9000) },
  'ESP32-P4': {
    magics: [0x0000_0000, 0x0add_bad0, 0x0703_9ad9],
    mac: P4_BLOCK,
    major: [field(P4_BLOCK, 2, 4, 2), field(P4_BLOCK, 2, 23, 1, 2)],
    minor: [field(P4_BLOCK, 2, 0, 4)],
    spi: spi(0x5008_d000),
    watchdogs: lpWatchdogs(0x5011_6000, 0x5011_6018, 0x5011_601c),
  },
  'ESP32-S31': { ...likeC6(0x2071_5050), spi: spi(0x2050_1000) },
  // Its eFuses hold no revision yet.
  'ESP32-E22': { mac: 0xc400_8044, major: [], minor: [], spi: spi(0xc300_3000) },
}

export const espTargets: readonly EspTarget[] = Object.entries(rows).flatMap(([name, row]) => {
  const chip = chipByName(name)
  if (chip === undefined) return []
  return {
    chip,
    magics: row.magics ?? [],
    isKnownByMagic: row.isKnownByMagic ?? false,
    macRegister: row.mac,
    major: row.major,
    minor: row.minor,
    spi: row.spi,
    watchdogs: row.watchdogs ?? null,
    changesRateWhenSecure: row.changesRateWhenSecure ?? true,
  }
})

export function targetByImageId(imageChipId: number): EspTarget | undefined {
  const chip = chipByImageId(imageChipId)
  return espTargets.find(target => target.chip === chip)
}

/**
 * The chip with this word at `MAGIC_REGISTER`. Chips that are always known by that word are looked at first: a zero, which
 * one revision of the P4 has, must not win over them.
 */
export function targetByMagic(magic: number): EspTarget | undefined {
  const fits = (target: EspTarget): boolean => target.magics.includes(magic)
  return espTargets.find(target => target.isKnownByMagic && fits(target)) ?? espTargets.find(fits)
}

/** @param name of the table above */
export function targetOf(name: string): EspTarget {
  const found = espTargets.find(target => target.chip.name === name)
  if (found === undefined) throw new RangeError(`${name} is not in the table`)
  return found
}
